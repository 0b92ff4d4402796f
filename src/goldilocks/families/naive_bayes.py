"""Multinomial naive Bayes over n-gram counts: one pass of counting, and often sufficient for small data sets.

score(label) = ln share of the label + Σ count(t) · ln ((N(label, t) + α) / (N(label) + α · n_terms)),     α = 0.1

Naive Bayes is far too sure of itself, since n-grams that come together are counted as if each were news; the
temperature that ``classical/ngram_linear.py`` fits on held-out texts takes that back.

Complement naive Bayes was compared with it on eight sets (intents, topics, sentiment, spam; English and Chinese), with
counts, presence and tf-idf, α from 0.1 to 1. The best of its settings came out .001 (words) and .001 to .004
(characters) higher in mean macro F1, which the best of many does by chance, and with 27 intents it lost 2 to 5 points.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goldilocks.classical.ngram_features import Grams
from goldilocks.classical.ngram_linear import NgramConfig, NgramLinear, Solution, restored
from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, Workload

if TYPE_CHECKING:
    import scipy.sparse as sp

    from goldilocks.protocols import Ints, OneShotEstimator

Exact = npt.NDArray[np.float64]

OUTPUTS = frozenset({Output.LABEL})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config

GRAMS = {"word12": Grams("word", 1, 2), "char24": Grams("char", 2, 4)}
MAX_TERMS = 300_000
SMOOTHING = 0.1
BASE_BYTES = 120e6
BYTES_PER_UNIT = {"word12": 120.0, "char24": 80.0}
"""Memory per word or character of train."""


def models() -> tuple[ModelInfo, ...]:
    """Words and pairs of words; runs of 2 to 4 characters."""
    return tuple(
        from_scratch.info(
            "naive_bayes",
            name,
            f"multinomial naive Bayes over {grams.kind} {grams.low}-{grams.high}-grams",
            parameters=100_000,
            size_bytes=1_000_000,
        )
        for name, grams in GRAMS.items()
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Counting dominates: seconds grow with the words (or characters), and a little with the labels.

    How fast a machine multiplies matrices says nothing of how fast it counts, so ``machine`` is not asked.
    """
    if GRAMS[info.name].kind == "word":
        units = work.rows * work.words
        seconds = 0.05 + 1e-6 * units * (1 + 0.03 * work.labels)
    else:
        units = work.rows * work.characters
        seconds = 0.05 + 0.45e-6 * units * (1 + 0.04 * work.labels)
    weights = 12 * MAX_TERMS * work.labels  # float64 counts and float32 weights, at the most
    return Forecast(seconds, BASE_BYTES + BYTES_PER_UNIT[info.name] * units + weights)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model."""
    values = NgramConfig((GRAMS[info.name],), tfidf=False, most_terms=MAX_TERMS)
    return NgramLinear(goal.labels, values, solve, several=goal.several)


def restore(folder: Path) -> NgramLinear:
    """What ``save`` wrote, ready for inference."""
    return restored(folder)


def solve(values: sp.csr_array, answers: Ints, n_labels: int, start: Solution | None) -> Solution:  # noqa: ARG001
    """Log probabilities of the n-grams under each label; with several labels a text, against its absence.

    Source:
        McCallum & Nigam 1998, "A Comparison of Event Models for Naive Bayes Text Classification", with α = 0.1 for 1.
    """
    if answers.ndim == 2:
        weights, bias = _log_shares(values, answers)
        against, bias_against = _log_shares(values, 1 - answers)
        return Solution((weights - against).astype(np.float32), (bias - bias_against).astype(np.float32))
    chosen = np.zeros((len(answers), n_labels), dtype=np.int64)
    chosen[np.arange(len(answers)), answers] = 1
    weights, bias = _log_shares(values, chosen)
    return Solution(weights.astype(np.float32), bias.astype(np.float32))


def _log_shares(values: sp.csr_array, chosen: Ints) -> tuple[Exact, Exact]:
    """Log shares of n-grams in each column's rows, ``(n_terms, n_columns)``, and of the rows, ``(n_columns,)``."""
    counts = np.asarray(values.T @ chosen.astype(np.float32), dtype=np.float64) + SMOOTHING
    weights = np.log(counts / np.maximum(counts.sum(0), SMOOTHING))
    # A label that these rows do not have keeps half a row, so that its score stays finite.
    return weights, np.log(np.maximum(chosen.sum(0), 0.5) / len(chosen))
