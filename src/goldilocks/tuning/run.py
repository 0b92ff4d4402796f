"""One candidate's training run, bought rung by rung: advanced, evaluated, checkpointed, resumed.

A network follows one learning-rate schedule: share 1 is the full run, less is a run cut short. A one-shot estimator is
refitted on the first ``share`` of the rows, in an order whose every prefix has all labels.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.errors import GoldilocksError, InputError, IntegrityError
from goldilocks.nets.training.checkpoints import read_checkpoint, write_checkpoint
from goldilocks.nets.training.schedules import Span
from goldilocks.nets.training.sharding import read_sharded, write_sharded
from goldilocks.protocols import (
    FitsHead,
    FitsInClosedForm,
    Floats,
    HasObjective,
    LearnsFromVariants,
    Model,
    NeedsTeacher,
    OneShotEstimator,
    ReplacesHead,
    TracksSpending,
    Variant,
)
from goldilocks.records import Candidate, Goal, Part, Text, TrainingConfig, Workload
from goldilocks.settings import with_training
from goldilocks.support.files import sha256_of_folder
from goldilocks.support.machine.out_of_memory import out_of_memory
from goldilocks.tuning.schedule import nested_order
from goldilocks.tuning.training_set import TrainingSet
from goldilocks.tuning.variants import joint_probabilities

if TYPE_CHECKING:
    from goldilocks.nets.network import Network
    from goldilocks.nets.training.parallel import ProcessGroup
    from goldilocks.support.endpoints.spending_log import SpendingLog
    from goldilocks.tuning.continuation import Continuation
    from goldilocks.tuning.loop import Learner


_VARIANT_PROBABILITIES = "variants/probabilities"
"""Name in a checkpoint of what variants answered."""
_PROMPT = "prompt"
"""Weight group of prompted models: their method prepares the prompt."""


@dataclass(frozen=True, slots=True)
class RunSetup:
    """What a run needs in addition to its candidate and its rows."""

    model_folder: Path | None
    """The checkpoint of a pretrained model."""
    work: Workload
    """Size of the training set, for the family's training config."""
    seed: int
    """Seed of head, order and dropout: the same seed gives the same run."""
    config: TrainingConfig | None = None
    """Replaces the family's training config as the method adjusted it."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the training config that the task file sets; models that are not trained by gradient descent ignore
    them."""
    options: Any = None
    """The method's own (its ``Options``); ``None``: its defaults."""
    unlabelled: Sequence[tuple[Text, Text]] = ()
    """Unlabelled items, each with a varied copy; used where the config has an ``unlabelled_loss``."""
    teacher: Callable[[Sequence[Text]], Floats] | None = None
    """Probabilities ``(n_texts, n_labels)`` of the candidate to learn from, where a method needs one."""
    group: ProcessGroup | None = None
    """Processes that train together; ``None``: this one alone."""
    spending_log: SpendingLog | None = None
    """The spending log of a model behind an endpoint; ``None``: the model's own."""
    continuation: Continuation | None = None
    """The tuned model to start from; ``None``: the checkpoint, or random weights."""


class Run:
    """One candidate's training. Nothing is loaded before the first ``advance`` or ``predict``."""

    def __init__(self, candidate: Candidate, train: Part, goal: Goal, setup: RunSetup) -> None:
        """Lay the run out.

        Args:
            candidate: Model and method.
            train: The training rows; every label of it is in the goal's.
            goal: The kind of output, and the labels in the order of the probabilities.
            setup: Everything else.

        Raises:
            InputError: a training config is given for a model that is not trained by gradient descent.
        """
        self.candidate, self.train, self.goal, self.seed = candidate, train, goal, setup.seed
        self.share = 0.0
        self.seconds = 0.0
        """Wall clock of training so far, loading included, over all processes."""
        self._model_folder = setup.model_folder
        self._family = plugins.load("families", candidate.model.family)
        self._method = plugins.load("methods", candidate.method)
        family_config = self._family.training_config(candidate.model, setup.work)
        if family_config is None and setup.config is not None:
            raise InputError(
                f"{candidate.name} is not trained by gradient descent: it takes no training config (epochs, rates)."
            )
        config = setup.config or (None if family_config is None else self._method.training_config(family_config))
        self._continuation = setup.continuation
        if config is not None and self._continuation is not None:
            config = self._continuation.training_config(config)
        self.config = None if config is None else with_training(config, setup.training)
        self._options = setup.options if setup.options is not None else self._method.Options()
        self._setup, self._teacher = setup, setup.teacher
        self._taught: Floats | None = None
        """What the teacher answers to the training texts, or what the method's variants answer to these and the
        unlabelled ones."""
        self._spending_log = setup.spending_log
        self._training_set = TrainingSet(train.texts, train.gold, setup.unlabelled)
        self._group = setup.group
        self._fitted: Model | None = None
        self._learner: Learner | None = None
        self._tested_factor: float | None = None
        """What the learning-rate range test found."""

    # -------------------------------------------------------------------------------------------------------- training

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        """Continue up to ``share`` of the full run; never starts over.

        Args:
            share: From 0 to 1.
            stop: Called now and then; once it returns ``True`` the run ends early (``self.share`` says where).
            on_step: Called with the share done, now and then.
        """
        started = time.perf_counter()
        try:
            if share <= self.share or (stop and stop()):
                return
            if self.config is None:
                self._fit(share)
                if on_step:
                    on_step(share)
                self.share = share
            else:
                learner, kept = self._learning(), self.share
                try:
                    learner.advance(share, stop=stop, on_step=on_step)
                except InputError as error:
                    saved = f"its last checkpoint is that at {kept:.0%}" if kept else "there is no checkpoint before it"
                    raise InputError(f"{self.candidate.name}: {str(error).rstrip('.')}; {saved}.") from error
                finally:
                    self.share = learner.share
                if self.share >= share - 1e-9:  # a step may end a little beyond or below what was asked
                    self.share = max(share, self.share)
        finally:
            self.seconds += time.perf_counter() - started

    @property
    def schedule_share(self) -> float:
        """Share of the planned epochs at which the run ends: 1 unless it was shortened."""
        return self._learner.span.end / self._learner.span.epochs if self._learner else 1.0

    def shorten(self, share: float) -> None:
        """End the run at this share of its epochs; the learning rate falls to zero until then.

        A run that has not begun has its usual schedule within fewer epochs. ``self.share`` counts from here on towards
        the earlier end.

        Args:
            share: Of the epochs that the run was planned for, beyond those that are over.

        Raises:
            ValueError: that end is not ahead, or the candidate is not trained by gradient descent.
        """
        if self.config is None:
            raise ValueError(f"{self.candidate.name} has no training schedule")
        learner = self._learning()
        learner.shorten(share)
        self.share = learner.share

    def _fit(self, share: float) -> None:
        count = max(1, math.ceil(share * len(self.train) - 1e-9))
        part = self.train if share >= 1 else self.train.take(nested_order(self.train.gold, self.seed)[:count])
        model = self._created(part)
        if isinstance(self._method, FitsInClosedForm):
            self._fitted = self._method.fitted(model, part.texts, part.gold, seed=self.seed)
            return
        model = cast(OneShotEstimator, model)
        if _PROMPT in self.candidate.model.groups:
            self._method.prepare(model, self._options)
        model.fit(part.texts, part.gold, seed=self.seed)
        self._fitted = model

    def _created(self, part: Part) -> Any:
        return self._charged(
            self._family.create(self.candidate.model, self._model_folder, part, self.goal, seed=self.seed)
        )

    def _charged(self, model: Any) -> Any:
        if self._spending_log is not None and isinstance(model, TracksSpending):
            model.spending_log = self._spending_log
        return model

    def _learning(self) -> Learner:
        if self._learner is None:
            import torch

            from goldilocks.tuning.loop import Learner

            assert self.config is not None
            network = self._starting_network()
            torch.manual_seed(self.seed)
            if self._continuation is None:
                if isinstance(self._method, ReplacesHead):
                    network = cast("Network", self._method.with_head(network, self._options))
                self._method.prepare(network, self._options)
            else:
                self._continuation.prepare(network, self.candidate.method, self._options)
            if not any(weight.requires_grad for weight in network.module.parameters()):
                raise InputError(
                    f"{self.candidate.name}: the method leaves no weight of this model to train; choose another of its "
                    "options, or the method full."
                )
            if self.config.rate_test:
                self.config = self._with_tested_rates(network, self.config)
            objective = self._objective(network)
            config, learnt = self.config, self._training_set
            if self._variants:  # as many steps, over more texts, whose gold answers are those of the variants
                learnt = replace(learnt, texts=self._texts_of_variants, gold=())
                config = replace(config, epochs=max(1.0, config.epochs * len(self.train) / len(learnt.texts)))
            self._learner = Learner(
                network,
                config,
                learnt,
                seed=self.seed,
                objective=objective,
                group=self._group,
            )
        return self._learner

    def _starting_network(self) -> Network:
        if self._continuation is not None:
            import torch

            torch.manual_seed(self.seed)  # of the outputs for new labels
            return self._continuation.network(self.candidate.model.family, self.goal.labels)
        return cast("Network", self._created(self.train))

    def _objective(self, network: Network) -> Any:
        """What method and strategy minimise; ``None``: the loss of the network's head."""
        texts, gold = self.train.texts, self.train.gold
        if self._continuation is not None:
            objective = self._continuation.objective(network, self.candidate.model.family, texts, gold)
            if objective is not None:
                return objective
        if self._variants and isinstance(self._method, LearnsFromVariants):
            if self._taught is None:
                scored = (texts, gold) if self._method.weighs_variants(self._options) else None
                self._taught = joint_probabilities(
                    self._runs_of_variants(), self._texts_of_variants, scored=scored, several=self.goal.several
                )
            return self._method.taught_by_variants(network, self._texts_of_variants, self._taught, self._options)
        if isinstance(self._method, NeedsTeacher):
            if self._teacher is None:
                raise InputError(f"{self.candidate.name} learns from a finished candidate, and there is none yet.")
            if self._taught is None:
                self._taught = self._teacher(texts)
            return self._method.taught(network, texts, gold, self._taught, self._options)
        if isinstance(self._method, HasObjective):
            return self._method.objective(network, texts, gold, self._options)
        return None

    @property
    def _variants(self) -> Sequence[Variant]:
        return self._method.variants(self._options) if isinstance(self._method, LearnsFromVariants) else ()

    @property
    def _texts_of_variants(self) -> tuple[Text, ...]:
        return (*self.train.texts, *(text for text, _ in self._training_set.unlabelled))

    def _runs_of_variants(self) -> Iterator[Run]:
        for variant in self._variants:
            setup = replace(self._setup, options=variant.options, seed=self.seed + variant.seed, group=None)
            yield Run(self.candidate, self.train, self.goal, setup)

    def _with_tested_rates(self, network: Network, config: TrainingConfig) -> TrainingConfig:
        from goldilocks.tuning.loop import Learner
        from goldilocks.tuning.rate_range import rate_range_test, with_tested_rates

        if self._tested_factor is None:
            twin = network.twin()
            trial = Learner(twin, config, self._training_set, seed=self.seed, objective=self._objective(twin))
            self._tested_factor = rate_range_test(trial).best
            if self._group is not None:  # rounding must not give the processes different rates
                self._tested_factor = self._group.of_first(self._tested_factor)
        return with_tested_rates(config, self._tested_factor)

    # ------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Predictions of the model as it is now; see ``protocols.Model``.

        Raises:
            InputError: a one-shot estimator has not been fitted yet.
        """
        if self.config is None:
            return self._fitted_model().predict(texts)
        if isinstance(self._method, FitsHead):
            return self.network.predict(texts)
        return self._learning().predict(texts)

    @property
    def model(self) -> Model:
        """The model as it is now, adapters merged, ready for inference and to be saved. Training may continue."""
        if self.config is None:
            return self._fitted_model()
        network = self.network
        self._method.fold(network)
        network.module.requires_grad_(False)
        network.module.eval()
        return network

    @property
    def loss(self) -> float | None:
        """Training loss of the last step; ``None`` before the first, and where gradient descent trains nothing."""
        last = self._learner.last_loss if self._learner else None
        return None if last is None else float(last)

    @property
    def network(self) -> Network:
        """The network as it is trained, adapters not merged; only where gradient descent trains it."""
        network = self._learning().snapshot()
        if isinstance(self._method, FitsHead):
            self._method.fit_head(network, self.train.texts, self.train.gold)
        return network

    def _fitted_model(self) -> Model:
        if self._fitted is None:
            raise InputError(f"{self.candidate.name} is not fitted yet; call advance first.")
        return self._fitted

    # --------------------------------------------------------------------------------------------------------- on disk

    def save(self, folder: Path) -> None:
        """Write a checkpoint: trained weights, optimiser state (not at share 1), and the position in the run.

        If the process is killed, the last checkpoint still counts. Frozen weights are not written.

        Raises:
            InputError: the folder cannot be written to, or the disk is full.
        """
        content = {
            "candidate": self.candidate.name,
            "seed": self.seed,
            "rows": len(self.train),
            "options": self._chosen(),
            "share": self.share,
            "seconds": self.seconds,
            "rate_factor": self._tested_factor,
        }
        if self._learner is not None:
            content |= {"place": self._learner.place()}
            if self._learner.span.is_shortened:
                content |= {"span": asdict(self._learner.span)}
            if self._group is not None and self._group.sharded:
                write_sharded(folder, content, self._learner.state(), self._group)
            else:
                write_checkpoint(folder, content, self._learner.state() | self._variant_tensors())
            return
        if self._fitted is not None:
            name = f"model-{self.share:.6f}"
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir(parents=True)
            self._fitted.save(folder / name)
            content |= {"model": name, "model_sha256": sha256_of_folder(folder / name)}
        write_checkpoint(folder, content, {})
        for old in folder.glob("model-*"):
            if old.name != content.get("model"):
                shutil.rmtree(old, ignore_errors=True)

    def _variant_tensors(self) -> dict[str, Any]:
        """What variants answered, so that a resumed run does not train them again."""
        import torch

        return {_VARIANT_PROBABILITIES: torch.from_numpy(np.asarray(self._taught))} if self._variants else {}

    def _chosen(self) -> Any:
        """The method's options as JSON has them."""
        return json.loads(json.dumps(asdict(self._options)))

    def resume_from(self, folder: Path) -> None:
        """Resume a run where ``save`` left it.

        Raises:
            MissingError: there is no checkpoint.
            IntegrityError: it is damaged, or of another run (candidate, seed, rows or the method's options differ).
        """
        if self._group is not None and self._group.sharded:
            content, tensors = read_sharded(folder, self._group)
        else:
            content, tensors = read_checkpoint(folder)
        ours = {
            "candidate": self.candidate.name,
            "seed": self.seed,
            "rows": len(self.train),
            "options": self._chosen(),
        }
        for key, value in ours.items():
            if content.get(key) != value:
                raise IntegrityError(
                    f"{folder}: the checkpoint is of {key} {content.get(key)!r}, this run of {value!r}; "
                    "remove it to start the run again."
                )
        try:
            self._take_up(content, tensors, folder)
        except Exception as error:
            if isinstance(error, GoldilocksError) or out_of_memory(error):
                raise
            problem = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise IntegrityError(
                f"{folder}: the checkpoint is damaged ({problem}); remove it to start the run again."
            ) from error

    def _take_up(self, content: Mapping[str, Any], tensors: dict[str, Any], folder: Path) -> None:
        self._tested_factor = content.get("rate_factor")
        if _VARIANT_PROBABILITIES in tensors:
            self._taught = tensors.pop(_VARIANT_PROBABILITIES).numpy()
        if "place" in content:
            self._learning().load_state(tensors, content["place"])
            if "span" in content:
                self._learning().span = Span(**content["span"])
        elif "model" in content:
            model = folder / content["model"]
            if content.get("model_sha256") not in (None, sha256_of_folder(model)):
                raise ValueError(f"{model.name} was changed since it was written")
            self._fitted = self._charged(self._family.restore(model))
        self.share, self.seconds = content["share"], content["seconds"]


def tune(
    run: Run,
    validation: Part,
    score: Callable[[Answers], float],
    *,
    evaluations: int = 0,
    stop: Callable[[], bool] | None = None,
    on_step: Callable[[float], None] | None = None,
    keep: Callable[[], None] | None = None,
) -> Model:
    """Train to the end, or until ``config.patience`` evaluations bring no improvement (early stopping).

    Args:
        run: The run; a one-shot estimator is simply fitted.
        validation: The rows to evaluate on.
        score: Answers to ``validation`` -> score, higher is better.
        evaluations: Evaluations over the full run; 0: one per epoch. Without patience: how often ``keep`` is called.
        stop: As for ``Run.advance``.
        on_step: As for ``Run.advance``.
        keep: Called now and then, to write a checkpoint; only without patience, whose best model no checkpoint holds.

    Returns:
        The model with the best validation score (without patience: the one at the end).
    """
    patience = run.config.patience if run.config else 0
    if not patience or run.config is None:
        n_parts = evaluations or 1
        for part in range(1, n_parts + 1):
            run.advance(part / n_parts, stop=stop, on_step=on_step)
            if keep is not None:
                keep()
        return run.model
    n_evaluations = evaluations or max(2, math.ceil(run.config.epochs))
    best, best_score, without_improvement = None, -math.inf, 0
    for evaluation in range(1, n_evaluations + 1):
        run.advance(evaluation / n_evaluations, stop=stop, on_step=on_step)
        current = score(run.predict(validation.texts))
        if current > best_score:
            best, best_score, without_improvement = run.model, current, 0
        else:
            without_improvement += 1
        if without_improvement >= patience or (stop and stop()):
            break
    assert best is not None
    return best
