"""One candidate run to the end without a race: ``goldilocks tune``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks import plugins
from goldilocks.answers import by_rule
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.fit import workload
from goldilocks.catalog.options import Chosen, options_of
from goldilocks.errors import InputError
from goldilocks.evaluation.score import measured, score
from goldilocks.events import Progress, PurchaseStarted, TrainingStep
from goldilocks.protocols import Metric, Model
from goldilocks.records import AnswerRule, Candidate, Dataset, Measured, Text
from goldilocks.support.machine.processes import in_group, is_first

if TYPE_CHECKING:
    from goldilocks.nets.training.parallel import ProcessGroup
    from goldilocks.tuning.continuation import Continuation
    from goldilocks.tuning.run import Run


_CHECKPOINTS = 10
"""Checkpoints over a run."""


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """How one candidate is tuned."""

    seed: int
    """Seed of the run."""
    offline: bool = True
    """Never ask the Hub."""
    options: Chosen | None = None
    """Method -> its own options."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Fields of ``records.TrainingConfig`` that the task file sets."""
    unlabelled: Sequence[tuple[Text, Text]] = ()
    """Unlabelled items with a varied copy each, for ``training.unlabelled_loss``."""
    checkpoint: Path | None = None
    """Folder to write checkpoints to, and to continue from; ``None``: none are written."""
    rule: AnswerRule | None = None
    """How its probabilities become answers; ``None``: the most probable label."""
    shard: bool = False
    """Whether each of several processes keeps only a part of the weights."""
    continuation: Continuation | None = None
    """The tuned model to start from; ``None``: the pretrained one, or random weights."""

    @property
    def answer_rule(self) -> AnswerRule:
        """``rule``, or the rule of the most probable label."""
        return self.rule or AnswerRule()


def run_of(candidate: Candidate, dataset: Dataset, plan: TuningPlan, overrides: Mapping[str, Any]) -> Run:
    """The candidate's run on the training part, with fields of its training config replaced.

    Raises:
        InputError: ``overrides`` are given for a model that is not trained by gradient descent.
    """
    from goldilocks.tuning.run import Run, RunSetup

    work = workload(dataset)
    if overrides and plugins.load("families", candidate.model.family).training_config(candidate.model, work) is None:
        raise InputError(
            f"{candidate.name} is not trained by gradient descent; leave out {', '.join(overrides)}: it has no effect."
        )
    fetched = candidate.model.pretrained and plan.continuation is None
    folder = folder_of(candidate.model, offline=plan.offline) if fetched else None
    return Run(
        candidate,
        dataset.train,
        dataset.goal,
        RunSetup(
            model_folder=folder,
            work=work,
            seed=plan.seed,
            training={**plan.training, **overrides},
            unlabelled=plan.unlabelled,
            group=_group(sharded=plan.shard) if in_group() else None,
            options=options_of(candidate.method, plan.options or {}),
            continuation=plan.continuation,
        ),
    )


def _group(*, sharded: bool) -> ProcessGroup | None:
    from goldilocks.nets.training.parallel import joined_group

    return joined_group(sharded=sharded)


def tune_candidate(
    candidate: Candidate,
    dataset: Dataset,
    metric: Metric,
    overrides: Mapping[str, Any],
    *,
    plan: TuningPlan,
    progress: Progress,
) -> tuple[Model, Measured]:
    """Tune on the training part; with patience the best look at the validation part is kept.

    Args:
        candidate: Model and method.
        dataset: Train and validation are used.
        metric: What patience goes by, and what is returned.
        overrides: Fields of ``records.TrainingConfig`` that replace those of the family and the method.
        plan: Seed, options of methods, and how answers are made.
        progress: Called as work goes on.

    Returns:
        The model and its validation score.

    Raises:
        InputError: a training config is given for a model that is not trained by gradient descent.
    """
    from goldilocks.tuning.run import tune

    run = run_of(candidate, dataset, plan, overrides)
    if plan.checkpoint is not None and run.config is None:
        raise InputError(f"{candidate.name} is not trained by gradient descent; leave out --processes.")
    if plan.checkpoint is not None and run.config is not None and run.config.patience:
        raise InputError(
            f"training.patience is {run.config.patience}, which needs the whole run in one process; leave it out, or "
            "leave out --processes."
        )
    validation = dataset.validation

    if plan.checkpoint is not None and plan.checkpoint.is_dir():
        run.resume_from(plan.checkpoint)
    progress(PurchaseStarted(candidate.name, 1.0, 0.0, "named by the user"))
    model = tune(
        run,
        validation,
        lambda answers: score(metric, validation.gold, by_rule(answers, plan.answer_rule).values),
        on_step=lambda share: progress(TrainingStep(candidate.name, share, run.loss)),
        evaluations=_CHECKPOINTS if plan.checkpoint else 0,
        keep=lambda: run.save(plan.checkpoint) if plan.checkpoint and (is_first() or plan.shard) else None,
    )
    answers = by_rule(model.predict(validation.texts), plan.answer_rule)
    return model, measured(metric, validation.gold, answers.values, seed=plan.seed)
