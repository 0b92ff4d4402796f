"""Reference profile of a bundle: distributions of its training data and predictions, for drift detection.

``bundle.json`` holds the small numbers; mean and covariance of the embeddings are in ``reference.safetensors``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from goldilocks.protocols import Model, SupportsEmbeddings, TracksSpending
from goldilocks.records import Dataset, Output, Part, Text, as_text, labels_of

FILE = "reference.safetensors"
DECILES = tuple(number / 10 for number in range(11))
ANSWERED, EMBEDDED = 256, 1_024
"""Items of the samples."""
_CHUNK = 32
SECONDS = 10.0
"""Longest time spent on predictions, and again on embeddings; slow models are profiled on fewer items."""


@dataclass(frozen=True, slots=True)
class ReferenceProfile:
    """Distributions that later data can be compared with."""

    characters: tuple[float, ...]
    """Deciles (0 %, 10 %, …, 100 %) of the characters per training item."""
    label_shares: Mapping[str, float] = field(default_factory=dict)
    """Label (or tag) -> share of the training answers; empty for other kinds of answer."""
    confidences: tuple[float, ...] = ()
    """Deciles of the confidence on validation items; empty where the model reports none."""
    predicted_shares: Mapping[str, float] = field(default_factory=dict)
    """Label (or tag) -> share of the answers to the same validation items."""
    n_answered: int = 0
    """Number of validation items for ``confidences`` and ``predicted_shares``."""
    n_embedded: int = 0
    """Number of training items for mean and covariance of the embeddings; 0: the model gives none."""


def reference_profile(model: Model, dataset: Dataset, folder: Path) -> ReferenceProfile:
    """Profile the training data and the model's answers; write embedding statistics to ``folder``.

    Nothing is asked of a model whose answers cost money.

    Args:
        model: The tuned model.
        dataset: What it was tuned on.
        folder: The bundle's folder; gets ``reference.safetensors`` (``mean`` of shape ``(width,)`` and ``covariance``
            of shape ``(width, width)``, float32) where the model gives embeddings.
    """
    lengths = [len(as_text(item)) for item in dataset.train.texts]
    free = not isinstance(model, TracksSpending)
    confidences, predicted, n_answered = _answered(model, dataset) if free else ((), {}, 0)
    return ReferenceProfile(
        characters=_deciles(lengths),
        label_shares=_shares([label for gold in dataset.train.gold for label in labels_of(gold, dataset.output)]),
        confidences=confidences,
        predicted_shares=predicted,
        n_answered=n_answered,
        n_embedded=_embedded(model, dataset.train, folder) if isinstance(model, SupportsEmbeddings) else 0,
    )


def _answered(model: Model, dataset: Dataset) -> tuple[tuple[float, ...], dict[str, float], int]:
    if dataset.output not in (Output.LABEL, Output.TAGS, Output.SPAN):
        return (), {}, 0
    items = _spread(dataset.validation.texts, ANSWERED)
    labels: list[str] = []
    scores: list[float] = []
    started = time.monotonic()
    for start in range(0, len(items), _CHUNK):
        if time.monotonic() - started > SECONDS:
            break
        answers = model.predict(items[start : start + _CHUNK])
        scores += answers.scores.tolist()
        labels += [label for value in answers.values for label in labels_of(value, dataset.output)]
    known = [score for score in scores if not np.isnan(score)]
    return _deciles(known), _shares(labels), len(scores)


def _embedded(model: SupportsEmbeddings, part: Part, folder: Path) -> int:
    from safetensors.numpy import save_file

    items = _spread(part.texts, EMBEDDED)
    vectors = []
    started = time.monotonic()
    for start in range(0, len(items), _CHUNK):
        if time.monotonic() - started > SECONDS:
            break
        embedded = model.embed(items[start : start + _CHUNK])
        if embedded is None:
            return 0
        vectors.append(embedded)
    if sum(map(len, vectors)) < 2:
        return 0
    table = np.concatenate(vectors).astype(np.float64)
    covariance = np.atleast_2d(np.cov(table, rowvar=False))
    statistics = {"mean": table.mean(0).astype(np.float32), "covariance": covariance.astype(np.float32)}
    save_file(statistics, folder / FILE)
    return len(table)


def _spread(texts: tuple[Text, ...], limit: int) -> list[Text]:
    step = max(1.0, len(texts) / limit)
    return [texts[int(number * step)] for number in range(min(limit, len(texts)))]


def _deciles(values: list[int] | list[float]) -> tuple[float, ...]:
    return tuple(round(float(decile), 6) for decile in np.quantile(values, DECILES)) if values else ()


def _shares(labels: list[str]) -> dict[str, float]:
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return {label: round(count / len(labels), 6) for label, count in sorted(counts.items())}
