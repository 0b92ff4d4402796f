"""Word-overlap baseline for extractive question answering: the context sentence that best covers the question.

A word weighs log(contexts / contexts that hold it), counted over the training contexts; one that none holds weighs as
much as the rarest. The answer is the whole sentence. Where training has questions without an answer, nothing is said
once the best sentence covers too small a share of the question's weight: the share that was most often right there.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goldilocks.answers import Answers, of_values
from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Gold, Machine, ModelInfo, Output, Part, Text, Workload
from goldilocks.support.text import units
from goldilocks.support.text.units import FIRST_SEGMENTATION, SEGMENTATION

if TYPE_CHECKING:
    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.SPAN})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config

MAX_WORDS = 100_000
"""Words whose weight is kept: the commonest, for the rest are as rare as can be."""
_SENTENCE = re.compile(r"[^\s](?:[^.!?。！？；\n]|[.!?](?!\s|$))*[.!?。！？；]*")

Found = tuple[str, float]
"""A sentence and the share of the question's weight that it covers."""


def models() -> tuple[ModelInfo, ...]:
    """The one model there is."""
    info = from_scratch.info(
        "overlap",
        "sentence",
        "sentence with the most of the question's weighted words",
        parameters=10_000,
        size_bytes=200_000,
    )
    return (info,)


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Every context is split into words once or twice."""
    return Forecast(seconds=0.05 + 6e-7 * work.rows * work.words, memory_bytes=20e6 + 100.0 * work.rows)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model: all words have the same weight."""
    return Overlap()


def restore(folder: Path) -> Overlap:
    """What ``save`` wrote, ready for inference."""
    raw = json.loads((folder / "overlap.json").read_text(encoding="utf-8"))
    model = Overlap()
    model.weights, model.rarest, model.least_share = raw["weights"], raw["rarest"], raw["least_share"]
    model.segmentation = int(raw.get("segmentation", FIRST_SEGMENTATION))
    return model


class Overlap:
    """Weights of words, and the share of a question that must be covered."""

    labels: tuple[str, ...] = ()

    def __init__(self) -> None:
        """Before ``fit`` every word weighs 1 and every question is answered."""
        self.weights: dict[str, float] = {}
        self.rarest = 1.0
        self.least_share = 0.0
        self.segmentation = SEGMENTATION
        """Version of the word segmentation (``support/text/units.py``)."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Count in how many contexts each word occurs."""
        contexts = dict.fromkeys(_pair(text)[1] for text in texts)
        counts = Counter(word for context in contexts for word in set(self._words(context)))
        self.rarest = math.log(1 + len(contexts))
        kept = sorted(counts.items(), key=lambda count: (-count[1], count[0]))[:MAX_WORDS]
        self.weights = {word: math.log((1 + len(contexts)) / count) for word, count in kept if count > 1}
        self.least_share = 0.0
        if not all(gold):
            shares = np.array([share for _, share in self._found(texts)])
            self.least_share = _threshold(shares, np.array([bool(answer) for answer in gold]))

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The best sentence of each context; the first of several. How sure it is it does not say."""
        return of_values([sentence if share >= self.least_share else "" for sentence, share in self._found(texts)])

    def _found(self, texts: Sequence[Text]) -> Iterator[Found]:
        known: dict[str, list[tuple[str, frozenset[str]]]] = {}  # many questions are asked about one context
        for question, context in map(_pair, texts):
            if context not in known:
                known[context] = [(sentence, frozenset(self._words(sentence))) for sentence in _sentences(context)]
            yield self._best(frozenset(self._words(question)), known[context])

    def _best(self, question: frozenset[str], sentences: list[tuple[str, frozenset[str]]]) -> Found:
        weights = {word: self.weights.get(word, self.rarest) for word in sorted(question)}
        whole = sum(weights.values())
        best, best_share = "", -1.0
        for sentence, words in sentences:
            covered = sum(weight for word, weight in weights.items() if word in words)
            if covered > best_share:
                best, best_share = sentence, covered
        return best, best_share / whole if whole else 0.0

    def _words(self, text: str) -> list[str]:
        return units.words(text, self.segmentation)

    def size_bytes(self) -> int:
        """Bytes of the words and their weights."""
        return 16 + sum(len(word.encode("utf-8", "surrogatepass")) + 8 for word in self.weights)

    def save(self, folder: Path) -> None:
        """Write ``overlap.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw: dict[str, Any] = {"rarest": self.rarest, "least_share": self.least_share, "weights": self.weights}
        raw["segmentation"] = self.segmentation
        (folder / "overlap.json").write_text(json.dumps(raw, ensure_ascii=False), encoding="utf-8")


def _threshold(shares: np.ndarray[Any, Any], answered: np.ndarray[Any, Any]) -> float:
    """Smallest covered share from which to answer, chosen for the best accuracy of answering or not."""
    order = np.argsort(shares, kind="stable")
    # Cutting before place k of the order leaves k unanswered: right where these have no answer and the others have one.
    right = np.concatenate([[0], np.cumsum(~answered[order])]) + np.concatenate(
        [np.cumsum(answered[order][::-1])[::-1], [0]]
    )
    cut = int(right.argmax())
    return float(shares[order[cut]]) if cut < len(shares) else math.inf


def _pair(item: Text) -> tuple[str, str]:
    """Question and context of an item."""
    return ("", item) if isinstance(item, str) else (item[0], " ".join(item[1:]))


def _sentences(context: str) -> list[str]:
    return [match.strip() for match in _SENTENCE.findall(context)] or [context.strip()]
