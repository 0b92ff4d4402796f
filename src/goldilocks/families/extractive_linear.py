"""Extractive summaries of several sentences, learnt: ridge regression of what a sentence adds to ROUGE.

Each sentence has numbers and words (``classical/sentence_features.py``); what is learnt is its gain in the greedy
oracle of the training references, with a penalty of its own for the words (``classical/blended_linear.py``). A summary
takes the best sentences, without those that mostly repeat a better one, until it is as long as the references are: a
line of the length of the text, fitted on the training rows, within the range of their lengths. Where the references are
shorter than sentences, as titles are, clauses are taken in place of sentences.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_values
from goldilocks.classical import blended_linear, pair_crosses
from goldilocks.classical.blended_linear import Features, Standardisation, Weights
from goldilocks.classical.sentence_features import (
    DENSE,
    MAX_SENTENCES,
    clauses,
    dense_features,
    reference_gains,
    sentences,
)
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Gold, Machine, ModelInfo, Output, Part, Text, Workload
from goldilocks.support.safetensors_file import write_arrays
from goldilocks.support.text.units import chinese, references, units

if TYPE_CHECKING:
    from goldilocks.protocols import OneShotEstimator

Floats = npt.NDArray[np.float64]

OUTPUTS = frozenset({Output.TEXT})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config
MAX_ROWS = 4_000
"""Training texts whose sentences are learnt from, evenly spread."""
REPEATED = 0.7
"""Share of a sentence's words from which it repeats what is chosen already."""
MAX_WORDS = 50_000
LONG_SENTENCES = 1.5
"""Mean length of sentences, relative to that of summaries, from which clauses are chosen in place of sentences."""


def models() -> tuple[ModelInfo, ...]:
    """The one model there is."""
    return (
        from_scratch.info(
            "extractive_linear",
            "sentences",
            "sentences by their gain in ROUGE, ridge regression on position, centrality and words",
            parameters=20_000,
            size_bytes=1_000_000,
        ),
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Sentences of each text, compared with each other and with the reference, and the solutions."""
    rows = min(work.rows, MAX_ROWS)
    sentences_each = max(1.0, min(MAX_SENTENCES, work.words / 15))
    seconds = 0.3 + rows * (20e-6 * work.words + 40e-6 * sentences_each**2 + 200e-6 * sentences_each)
    return Forecast(seconds, 200e6 + rows * (200 * work.words + 2_000))


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model."""
    return SentenceRanker()


def restore(folder: Path) -> SentenceRanker:
    """What ``save`` wrote, ready for inference."""
    from safetensors.numpy import load_file

    raw = json.loads((folder / "extractive_linear.json").read_text(encoding="utf-8"))
    arrays = load_file(folder / "weights.safetensors")
    model = SentenceRanker()
    model.idf, model.rarest, model.between = raw["idf"], float(raw["rarest"]), raw["between"]
    model.clauses = bool(raw["clauses"])
    model.lengths = arrays["lengths"]
    model.scale, model.known = Standardisation(arrays["mean"], arrays["deviation"]), arrays["known"]
    model.weights = Weights.from_arrays(arrays)
    return model


class SentenceRanker:
    """A linear model of sentences; see the module."""

    labels: tuple[str, ...] = ()

    def __init__(self) -> None:
        """Before ``fit`` the first sentence is chosen."""
        self.idf: dict[str, float] = {}
        self.rarest = 1.0
        self.clauses = False
        """Whether parts of sentences are chosen, since summaries are shorter than sentences."""
        self.between = " "
        """Stands between two sentences of a summary."""
        self.lengths: Floats = np.array([1.0, 0.0, 1.0, 1.0])
        """Words of a summary: intercept and slope by the words of the text, least and most."""
        self.scale = Standardisation.none(DENSE)
        self.known: npt.NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        """Hashes of the words, in ascending order."""
        self.weights = Weights.zero(DENSE, 1)

    # --------------------------------------------------------------------------------------------------------- training

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Count words, find the lengths of summaries, then learn the gains of sentences.

        Raises:
            InputError: there are no items, or not one summary for each.
        """
        if not texts or len(texts) != len(gold):
            raise InputError(f"fit got {len(texts)} texts and {len(gold)} summaries; pass one for each.")
        step = max(1, -(-len(texts) // MAX_ROWS))
        sources = [_whole(item) for item in texts[::step]]
        summaries = [references(right)[0] for right in gold[::step]]
        counts = Counter(word for source in sources for word in set(units(source)))
        self.rarest = math.log(1 + len(sources))
        kept = [(word, count) for word, count in counts.most_common(MAX_WORDS) if count > 1]
        self.idf = {word: math.log((1 + len(sources)) / (1 + count)) for word, count in kept}
        self.between = "" if chinese(summaries) else " "
        self.lengths = _line([len(units(source)) for source in sources], [len(units(summary)) for summary in summaries])
        of_sentences = [len(units(sentence)) for source in sources for sentence in sentences(source)]
        of_summaries = [len(units(summary)) for summary in summaries]
        self.clauses = float(np.mean(of_sentences or [0])) > LONG_SENTENCES * float(np.mean(of_summaries))
        split = [self._split(source) for source in sources]
        self._learn(split, [len(units(source)) for source in sources], summaries, seed)

    def _learn(self, split: Sequence[list[str]], words: Sequence[int], summaries: Sequence[str], seed: int) -> None:
        rows = [(own, length, summary) for own, length, summary in zip(split, words, summaries, strict=True) if own]
        if not rows:
            return
        raw = np.vstack([self._dense(own, length) for own, length, _ in rows])
        gains = np.concatenate([reference_gains(own, summary) for own, _, summary in rows])
        self.scale = Standardisation.of(raw)
        hashes = [pair_crosses.hashes_of(units(sentence)) for own, _, _ in rows for sentence in own]
        self.known = pair_crosses.known_features(hashes, min_rows=3)
        features = Features(self.scale.apply(raw, limit=5), pair_crosses.as_table(hashes, self.known))
        # In units of their deviation, so that the strengths of the penalties mean the same for every task.
        goal = blended_linear.number_goal((gains - gains.mean()) / max(1e-9, float(gains.std())))
        self.weights = blended_linear.chosen(features, goal, seed=seed)

    def _split(self, text: str) -> list[str]:
        return (clauses if self.clauses else sentences)(text)[:MAX_SENTENCES]

    def _dense(self, parts: list[str], words: int) -> Floats:
        return dense_features(parts, self.idf, self.rarest, self._length(words))

    def _length(self, words: int) -> float:
        """Expected words of the summary of a text with this many words."""
        intercept, slope, minimum, maximum = self.lengths.tolist()
        return float(np.clip(intercept + slope * words, minimum, maximum))

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The best sentences of each text, in their order. How sure it is it does not say."""
        return of_values([self._summary(_whole(item)) for item in texts])

    def _summary(self, text: str) -> str:
        parts = self._split(text)
        if not parts:
            return ""
        words = len(units(text))
        table = pair_crosses.as_table(map(pair_crosses.hashes_of, map(units, parts)), self.known)
        gains = self.weights.scores(Features(self.scale.apply(self._dense(parts, words), limit=5), table))[:, 0]
        target = self._length(words)
        chosen: list[int] = []
        covered: set[str] = set()
        length = 0
        for place in np.argsort(-gains.round(9), kind="stable").tolist():
            own = units(parts[place])
            if chosen and sum(word in covered for word in own) > REPEATED * len(own):
                continue
            if chosen and abs(length - target) <= abs(length + len(own) - target):
                continue  # with it the summary would be further from the expected length; a shorter one may fit
            chosen.append(place)
            covered.update(own)
            length += len(own)
        return self.between.join(parts[place] for place in sorted(chosen))

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of weights, hashes and words."""
        arrays = (self.weights.dense, self.weights.sparse, self.known)
        return sum(array.nbytes for array in arrays) + sum(len(word) + 8 for word in self.idf)

    def save(self, folder: Path) -> None:
        """Write ``extractive_linear.json`` (words) and ``weights.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {"idf": self.idf, "rarest": self.rarest, "between": self.between, "clauses": self.clauses}
        (folder / "extractive_linear.json").write_text(json.dumps(raw, ensure_ascii=True), encoding="utf-8")
        arrays: dict[str, npt.NDArray[Any]] = {
            "lengths": self.lengths,
            **self.scale.arrays(),
            "known": self.known,
            **self.weights.arrays(),
        }
        write_arrays(folder / "weights.safetensors", arrays)


def _whole(item: Text) -> str:
    return item if isinstance(item, str) else "\n".join(item)


def _line(source: Sequence[int], summary: Sequence[int]) -> Floats:
    """Least squares of the words of summaries by those of their texts, with the 5 % and 95% quantiles as bounds."""
    words, wanted = np.array(source, dtype=np.float64), np.array(summary, dtype=np.float64)
    spread = float(words.var())
    slope = float(((words - words.mean()) * (wanted - wanted.mean())).mean()) / spread if spread else 0.0
    minimum, maximum = np.quantile(wanted, [0.05, 0.95])
    return np.array([wanted.mean() - slope * words.mean(), slope, max(1.0, minimum), max(1.0, maximum)])
