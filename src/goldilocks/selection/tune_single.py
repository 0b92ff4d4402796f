"""One candidate run to the end without a race: ``goldilocks tune``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks import plugins
from goldilocks.answers import by_rule
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.fit import workload
from goldilocks.catalog.options import Chosen, options_of
from goldilocks.errors import InputError
from goldilocks.evaluation.score import measured, score
from goldilocks.events import Progress, PurchaseStarted, TrainingStep
from goldilocks.protocols import Metric, Model
from goldilocks.records import AnswerRule, Candidate, Dataset, Measured


def tune_candidate(
    candidate: Candidate,
    dataset: Dataset,
    metric: Metric,
    overrides: Mapping[str, Any],
    *,
    offline: bool,
    seed: int,
    progress: Progress,
    options: Chosen | None = None,
    rule: AnswerRule | None = None,
) -> tuple[Model, Measured]:
    """Tune on the training part; with patience the best look at the validation part is kept.

    Args:
        candidate: Model and method.
        dataset: Train and validation are used.
        metric: What patience goes by, and what is returned.
        overrides: Fields of ``records.TrainingConfig`` that replace those of the family and the method.
        offline: Never ask the Hub.
        seed: Of the run.
        progress: Called as work goes on.
        options: Method -> its own choices.
        rule: How its probabilities become answers; ``None``: the most probable label.

    Returns:
        The model and its validation score.

    Raises:
        InputError: a training config is given for a model that is not trained by gradient descent.
    """
    from goldilocks.tuning.run import Run, RunSetup, adjusted, tune

    work = workload(dataset)
    own = plugins.load("families", candidate.model.family).training_config(candidate.model, work)
    if own is None and overrides:
        raise InputError(
            f"{candidate.name} is not trained by gradient descent; leave out {', '.join(overrides)}: it has no effect."
        )
    whole = plugins.load("methods", candidate.method).training_config(own) if own else None
    config = adjusted(whole, dict(overrides)) if whole else None
    folder = folder_of(candidate.model, offline=offline) if candidate.model.pretrained else None
    run = Run(
        candidate,
        dataset.train,
        dataset.goal,
        RunSetup(
            model_folder=folder,
            work=work,
            seed=seed,
            config=config,
            options=options_of(candidate.method, options or {}),
        ),
    )
    validation = dataset.validation

    progress(PurchaseStarted(candidate.name, 1.0, 0.0, "named by the user"))
    model = tune(
        run,
        validation,
        lambda answers: score(metric, validation.gold, by_rule(answers, rule or AnswerRule()).values),
        on_step=lambda share: progress(TrainingStep(candidate.name, share)),
    )
    answers = by_rule(model.predict(validation.texts), rule or AnswerRule())
    return model, measured(metric, validation.gold, answers.values, seed=seed)
