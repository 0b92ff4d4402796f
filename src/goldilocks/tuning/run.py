"""One candidate's training, bought piece by piece: advanced, asked, written down, taken up again.

A network goes on along one schedule: at share 1 it is the full run, before that a run cut short. A model that is fitted
in one go is fitted anew on the first ``share`` of the rows, in an order whose every beginning has all labels.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.training.checkpoints import read_checkpoint, write_checkpoint
from goldilocks.protocols import Model, OneShotEstimator, TracksSpending
from goldilocks.records import Candidate, Goal, Part, Text, TrainingConfig, Workload
from goldilocks.tuning.schedule import nested_order

if TYPE_CHECKING:
    from goldilocks.nets.network import Network
    from goldilocks.support.account import Account
    from goldilocks.tuning.loop import Learner


_PROMPT = "prompt"
"""Weight group of models that are told in words what to do: their method says what they are told."""


class Run:
    """One candidate's training. Nothing is loaded before the first ``advance`` or ``predict``."""

    def __init__(
        self,
        candidate: Candidate,
        train: Part,
        goal: Goal,
        *,
        model_folder: Path | None,
        work: Workload,
        seed: int,
        recipe: TrainingConfig | None = None,
        options: Any = None,
        account: Account | None = None,
    ) -> None:
        """Lay the run out.

        Args:
            candidate: Model and method.
            train: The training rows; every label of it is in the goal's.
            goal: The kind of answer wanted, and the labels in the order of the probabilities.
            model_folder: The checkpoint of a pretrained model.
            work: Size of the training set, for the family's recipe.
            seed: Of head, order and dropout: the same seed gives the same run.
            recipe: Replaces the family's recipe as the method adjusted it.
            options: The method's own (its ``Options``); ``None``: its defaults.
            account: Where a model that is paid for writes down what it spends; ``None``: it keeps it to itself.

        Raises:
            InputError: a recipe is given for a model that is fitted in one go.
        """
        self.candidate, self.train, self.goal, self.seed = candidate, train, goal, seed
        self.share = 0.0
        self.seconds = 0.0
        """Wall clock of training so far, loading included, over all processes."""
        self._model_folder = model_folder
        self._family = plugins.load("families", candidate.model.family)
        self._method = plugins.load("methods", candidate.method)
        own = self._family.recipe(candidate.model, work)
        if own is None and recipe is not None:
            raise InputError(f"{candidate.name} is fitted in one go: it takes no recipe (epochs, rates).")
        self.recipe = recipe or (None if own is None else self._method.recipe(own))
        self._options = options if options is not None else self._method.Options()
        self._account = account
        self._fitted: Model | None = None
        self._learner: Learner | None = None

    # -------------------------------------------------------------------------------------------------------- training

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        """Go on up to ``share`` of the full run; never begins anew.

        Args:
            share: From 0 to 1.
            stop: Asked now and then; once it says ``True`` the run ends early (``self.share`` says where).
            on_step: Called with the share done, now and then.
        """
        begun = time.perf_counter()
        try:
            if share <= self.share or (stop and stop()):
                return
            if self.recipe is None:
                self._fit(share)
                if on_step:
                    on_step(share)
                self.share = share
            else:
                learner = self._learning()
                try:
                    learner.advance(share, stop=stop, on_step=on_step)
                finally:
                    self.share = learner.share
                if self.share >= share - 1e-9:  # a step may end a little beyond or below what was asked
                    self.share = max(share, self.share)
        finally:
            self.seconds += time.perf_counter() - begun

    def _fit(self, share: float) -> None:
        count = max(1, math.ceil(share * len(self.train) - 1e-9))
        part = self.train if share >= 1 else self.train.take(nested_order(self.train.gold, self.seed)[:count])
        model = cast(OneShotEstimator, self._created(part))
        if _PROMPT in self.candidate.model.groups:
            self._method.prepare(model, self._options)
        model.fit(part.texts, part.gold, seed=self.seed)
        self._fitted = model

    def _created(self, part: Part) -> Any:
        return self._charged(
            self._family.create(self.candidate.model, self._model_folder, part, self.goal, seed=self.seed)
        )

    def _charged(self, model: Any) -> Any:
        if self._account is not None and isinstance(model, TracksSpending):
            model.account = self._account
        return model

    def _learning(self) -> Learner:
        if self._learner is None:
            import torch

            from goldilocks.tuning.loop import Learner

            assert self.recipe is not None
            network = cast("Network", self._created(self.train))
            torch.manual_seed(self.seed)
            self._method.prepare(network, self._options)
            self._learner = Learner(network, self.recipe, self.train.texts, self.train.gold, seed=self.seed)
        return self._learner

    # ------------------------------------------------------------------------------------------------------- answering

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers as of now; see ``protocols.Model``.

        Raises:
            InputError: a model that is fitted in one go has not been fitted yet.
        """
        if self.recipe is None:
            return self._fitted_model().predict(texts)
        return self._learning().predict(texts)

    @property
    def model(self) -> Model:
        """The model as of now, the method's additions merged in, ready to answer and be saved. Training may go on."""
        if self.recipe is None:
            return self._fitted_model()
        network = self._learning().settle().twin()
        self._method.fold(network)
        network.module.requires_grad_(False)
        network.module.eval()
        return network

    def _fitted_model(self) -> Model:
        if self._fitted is None:
            raise InputError(f"{self.candidate.name} has not learnt yet; call advance first.")
        return self._fitted

    # --------------------------------------------------------------------------------------------------------- on disk

    def save(self, folder: Path) -> None:
        """Write a checkpoint: what learns, what the optimiser remembers (not at share 1), and where the run stands.

        Killed half-way, the checkpoint before still counts. Frozen weights are not written.

        Raises:
            InputError: the folder cannot be written to, or the disk is full.
        """
        facts = {
            "candidate": self.candidate.name,
            "seed": self.seed,
            "rows": len(self.train),
            "options": self._chosen(),
            "share": self.share,
            "seconds": self.seconds,
        }
        if self._learner is not None:
            write_checkpoint(folder, {**facts, "place": self._learner.place()}, self._learner.state())
            return
        if self._fitted is not None:
            name = f"model-{self.share:.6f}"
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir(parents=True)
            self._fitted.save(folder / name)
            facts["model"] = name
        write_checkpoint(folder, facts, {})
        for old in folder.glob("model-*"):
            if old.name != facts.get("model"):
                shutil.rmtree(old, ignore_errors=True)

    def _chosen(self) -> Any:
        """The method's options as JSON has them."""
        return json.loads(json.dumps(asdict(self._options)))

    def resume_from(self, folder: Path) -> None:
        """Take up a run where ``save`` left it.

        Raises:
            MissingError: there is no checkpoint.
            IntegrityError: it is damaged, or of another run (candidate, seed, rows or the method's options differ).
        """
        facts, tensors = read_checkpoint(folder)
        ours = {
            "candidate": self.candidate.name,
            "seed": self.seed,
            "rows": len(self.train),
            "options": self._chosen(),
        }
        for key, value in ours.items():
            if facts.get(key) != value:
                raise IntegrityError(
                    f"{folder}: the checkpoint is of {key} {facts.get(key)!r}, this run of {value!r}; "
                    "remove it to start the run anew."
                )
        if "place" in facts:
            self._learning().put_back(tensors, facts["place"])
        elif "model" in facts:
            self._fitted = self._charged(self._family.restore(folder / facts["model"]))
        self.share, self.seconds = facts["share"], facts["seconds"]


def tune(
    run: Run,
    validation: Part,
    score: Callable[[Answers], float],
    *,
    looks: int = 0,
    stop: Callable[[], bool] | None = None,
    on_step: Callable[[float], None] | None = None,
) -> Model:
    """Run to the end, or until the validation part has not improved for ``recipe.patience`` looks; the best is kept.

    Args:
        run: The run; a model that is fitted in one go is simply fitted.
        validation: What is looked at.
        score: Answers to ``validation`` -> score, higher is better.
        looks: Looks over the full run; 0: one per epoch.
        stop: As for ``Run.advance``.
        on_step: As for ``Run.advance``.

    Returns:
        The model with the best validation score among the looks (without patience: as it stands at the end).
    """
    patience = run.recipe.patience if run.recipe else 0
    if not patience or run.recipe is None:
        run.advance(1.0, stop=stop, on_step=on_step)
        return run.model
    count = looks or max(2, math.ceil(run.recipe.epochs))
    best, best_score, since = None, -math.inf, 0
    for look in range(1, count + 1):
        run.advance(look / count, stop=stop, on_step=on_step)
        now = score(run.predict(validation.texts))
        if now > best_score:
            best, best_score, since = run.model, now, 0
        else:
            since += 1
        if since >= patience or (stop and stop()):
            break
    assert best is not None
    return best


def adjusted(recipe: TrainingConfig, overrides: dict[str, Any]) -> TrainingConfig:
    """The recipe with some of its fields replaced.

    Raises:
        InputError: it has no such field.
    """
    try:
        return replace(recipe, **overrides)
    except TypeError as error:
        raise InputError(
            f"recipe: {error}; its fields are {', '.join(TrainingConfig.__dataclass_fields__)}."
        ) from error
