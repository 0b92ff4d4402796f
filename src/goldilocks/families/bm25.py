"""BM25 ranking: query words in a candidate, weighted by idf. Unsupervised; pair scores get a least-squares scale.

score(q, d) = Σ over words t of q:  qtf(t) · idf(t) · tf(t, d) (k + 1) / (tf(t, d) + k (1 - b + b · |d| / mean |d|))

with k = 1.2, b = 0.75 and idf = ln(1 + (N - n + 1/2) / (n + 1/2)) over the different candidates of train. For a pair of
texts that has a number, what the two share (of its words and of its runs of three characters, weighed by idf) is
brought to the scale of train by least squares.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.records import (
    Answer,
    Forecast,
    Goal,
    Gold,
    Machine,
    ModelInfo,
    Output,
    Part,
    Text,
    Workload,
)
from goldilocks.support.text import units
from goldilocks.support.text.units import FIRST_SEGMENTATION, SEGMENTATION

if TYPE_CHECKING:
    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.SCORE})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config

SATURATION = 1.2
LENGTH_SHARE = 0.75
PENALTY = 1e-3
"""Ridge penalty of the least squares, per row."""
MAX_TEXTS = 10**12
"""Maximum number of texts that were counted; more is a damaged file."""
_MAX_NUMBER = 1e100
MAX_KEPT = 200_000
"""Texts whose counts are kept while a batch is answered."""


def models() -> tuple[ModelInfo, ...]:
    """The one model there is."""
    info = from_scratch.info(
        "bm25", "words", "BM25 over words (Chinese: characters)", parameters=50_000, size_bytes=1_000_000
    )
    return (info,)


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Counting words: 2 µs each, and 1 µs for a run of characters."""
    seconds = 0.02 + work.rows * (2e-6 * work.words + 1e-6 * work.characters)
    return Forecast(seconds, 100e6 + work.rows * (80 * work.words + 2 * work.characters))


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model."""
    return WordOverlap()


def restore(folder: Path) -> WordOverlap:
    """What ``save`` wrote, ready for inference.

    Raises:
        ValueError: its counts or numbers are none that ``save`` writes.
    """
    raw = json.loads((folder / "bm25.json").read_text(encoding="utf-8"))
    model = WordOverlap()
    model.n_texts, model.mean_length = int(raw["n_texts"]), float(raw["mean_length"])
    model.seen = {word: int(count) for word, count in raw["seen"].items()}
    model.line = np.asarray(raw["line"], dtype=np.float64)
    model.low, model.high = float(raw["low"]), float(raw["high"])
    model.segmentation = int(raw.get("segmentation", FIRST_SEGMENTATION))
    _check(model)
    return model


def _check(model: WordOverlap) -> None:
    """See that the counts fit each other and that all numbers are finite: others would make scores without meaning."""
    if not 0 <= model.n_texts <= MAX_TEXTS or not all(1 <= count <= model.n_texts for count in model.seen.values()):
        raise ValueError(f"a word is in fewer than 1 or more than all of {model.n_texts} texts")
    numbers = np.abs([model.mean_length, model.low, model.high, *model.line.ravel()])
    if model.line.shape != (4,) or not (numbers < _MAX_NUMBER).all():
        raise ValueError("its scale is not four finite numbers, or an end of it is not finite")
    if model.mean_length < 1 or model.low > model.high:
        raise ValueError("the mean length is less than 1 word, or the lowest score is above the highest")
    if not FIRST_SEGMENTATION <= model.segmentation <= SEGMENTATION:
        raise ValueError(f"there is no word segmentation {model.segmentation}")


class WordOverlap:
    """How many of the candidates have a word, and, for pairs, what sharing words is worth.

    Source:
        Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond"; idf with 1 added under the
        logarithm, as in Lucene, so that no word counts against a candidate.
    """

    labels: tuple[str, ...] = ()

    def __init__(self) -> None:
        """Before ``fit`` all words are equally rare and a pair's score is its overlap."""
        self.n_texts = 0
        self.mean_length = 1.0
        self.seen: dict[str, int] = {}
        """Word -> different candidates of train that have it."""
        self.line: npt.NDArray[np.float64] = np.array([0.0, 1.0, 0.0, 0.0])
        self.low, self.high = 0.0, 1.0
        self.segmentation = SEGMENTATION
        """Version of the word segmentation (``support/text/units.py``)."""

    # --------------------------------------------------------------------------------------------------------- training

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Count in how many candidates each word is; for pairs also find the line from overlap to score.

        Raises:
            InputError: there are no items, or not one answer for each.
        """
        if not texts or len(texts) != len(gold):
            raise InputError(
                f"fit got {len(texts)} items and {len(gold)} scores; pass equally many of both, at least one."
            )
        pairs = all(len(item) == 2 for item in texts) and not any(isinstance(answer, tuple) for answer in gold)
        documents = list(dict.fromkeys(text for item in texts for text in (item if pairs else item[1:])))
        words = [self._words(document) for document in documents]
        self.seen = dict(sorted(Counter(word for document in words for word in document).items()))
        self.n_texts = len(documents)
        self.mean_length = max(1.0, sum(word.total() for word in words) / len(words))
        if pairs:
            values = np.array([self._shared(item[0], item[1]) for item in texts])
            targets = np.array(gold, dtype=np.float64)
            centred, middle = values - values.mean(0), targets.mean()
            square = centred.T @ centred + PENALTY * len(values) * np.eye(values.shape[1])
            slopes = np.linalg.solve(square, centred.T @ (targets - middle))
            self.line = np.concatenate([[middle - values.mean(0) @ slopes], slopes])
            self.low, self.high = float(targets.min()), float(targets.max())

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The score of each pair, or of each candidate of a list."""
        counts_of_words: dict[str, Counter[str]] = {}
        values: list[Answer] = []
        for item in texts:
            if len(item) == 2:
                number = float(self.line[0] + self.line[1:] @ self._shared(item[0], item[1]))
                values.append(min(max(number, self.low), self.high))
                continue
            query = [(count * self._idf(word), word) for word, count in self._words(item[0]).items()]
            scores = []
            for candidate in item[1:]:
                if candidate not in counts_of_words and len(counts_of_words) < MAX_KEPT:
                    counts_of_words[candidate] = self._words(candidate)
                scores.append(self._score(query, counts_of_words.get(candidate) or self._words(candidate)))
            values.append(tuple(scores))
        return of_values(values)

    def _words(self, text: str) -> Counter[str]:
        return Counter(units.words(text, self.segmentation))

    def _idf(self, word: str) -> float:
        seen = self.seen.get(word, 0)
        return log(1 + (self.n_texts - seen + 0.5) / (seen + 0.5))

    def _score(self, query: Sequence[tuple[float, str]], words: Counter[str]) -> float:
        room = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * words.total() / self.mean_length)
        score = 0.0
        for weight, word in query:
            count = words.get(word, 0)
            if count:
                score += weight * count * (SATURATION + 1) / (count + room)
        return score

    def _shared(self, first: str, second: str) -> npt.NDArray[np.float64]:
        """Cosine of the words weighed by idf, cosine of the runs of three characters, ratio of the lengths."""
        if self.segmentation > FIRST_SEGMENTATION:
            first, second = units.normalised(first), units.normalised(second)
        words = [
            {word: count * self._idf(word) for word, count in self._words(text).items()} for text in (first, second)
        ]
        runs = [Counter(text[i : i + 3] for i in range(len(text) - 2)) for text in (first.lower(), second.lower())]
        shorter, longer = sorted((len(first), len(second)))
        return np.array([_cosine(*words), _cosine(*runs), shorter / max(1, longer)])

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of the words and their counts."""
        return 64 + sum(len(word) + 8 for word in self.seen)

    def save(self, folder: Path) -> None:
        """Write ``bm25.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {
            "n_texts": self.n_texts,
            "mean_length": self.mean_length,
            "seen": self.seen,
            "line": self.line.tolist(),
            "low": self.low,
            "high": self.high,
            "segmentation": self.segmentation,
        }
        (folder / "bm25.json").write_text(json.dumps(raw, ensure_ascii=True), encoding="utf-8")


def _cosine(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    if len(first) > len(second):
        first, second = second, first
    shared = sum(value * second.get(key, 0.0) for key, value in first.items())
    lengths = sum(weight * weight for weight in first.values()) * sum(weight * weight for weight in second.values())
    return float(shared / lengths**0.5) if lengths else 0.0
