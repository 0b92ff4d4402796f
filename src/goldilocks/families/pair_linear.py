"""Linear models over the similarity of two texts: labels of pairs, scores of pairs, ranking of candidates.

similarity  some twenty numbers of a pair (``classical/pair_similarity.py``)
crossed     the same and, with a penalty of their own, marked and crossed words (``classical/pair_crosses.py``)

Logistic regression of labels, ridge regression of scores, a listwise softmax over candidates; how strong the penalties
are is chosen on held-out rows (``classical/blended_linear.py``). Scores of pairs stay in the range of the training
rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_labels, of_values
from goldilocks.classical import blended_linear, pair_crosses
from goldilocks.classical import pair_similarity as similarity
from goldilocks.classical.blended_linear import Features, Standardisation, Weights
from goldilocks.classical.pair_similarity import FEATURES, PairSimilarity, Profile
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
    labels_of,
)
from goldilocks.support.safetensors_file import write_arrays

if TYPE_CHECKING:
    import scipy.sparse as sp

    from goldilocks.protocols import OneShotEstimator

Floats = npt.NDArray[np.float64]

OUTPUTS = frozenset({Output.LABEL, Output.SCORE})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config
NAMES = {
    "similarity": f"{FEATURES} numbers of how similar two texts are",
    "crossed": f"{FEATURES} numbers of how similar two texts are, marked and crossed words",
}
FEW_ROWS = 1_000
"""Pairs from which a crossed word must occur in two of them."""


def models() -> tuple[ModelInfo, ...]:
    """``similarity`` and ``crossed``."""
    return tuple(
        from_scratch.info(
            "pair_linear",
            name,
            what,
            parameters=200_000 if name == "crossed" else 1_000,
            size_bytes=6_000_000 if name == "crossed" else 4_000_000,
        )
        for name, what in NAMES.items()
    )


def unsuited(work: Workload) -> str | None:
    """See ``protocols.DeclinesWorkloads``."""
    return None if work.texts >= 2 else "compares two texts; the items are single texts"


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Profiles of the texts, comparisons of the pairs, and the solutions for each strength of the penalties."""
    pairs = work.rows * max(1.0, work.texts - 1)
    words = work.rows * work.words
    seconds = 0.5 + 30e-6 * words + 250e-6 * pairs
    memory = 250e6 + 1_200.0 * words + 4_000.0 * pairs
    if info.name == "crossed":
        seconds += 900e-6 * pairs * max(1, work.labels)
        memory += 12_000.0 * pairs
    return Forecast(seconds, memory)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model."""
    return PairLinear(info.name, goal)


def restore(folder: Path) -> PairLinear:
    """What ``save`` wrote, ready for inference."""
    from safetensors.numpy import load_file

    raw = json.loads((folder / "pair_linear.json").read_text(encoding="utf-8"))
    arrays = load_file(folder / "weights.safetensors")
    goal = Goal(Output(raw["output"]), tuple(raw["labels"]), bool(raw["several"]))
    model = PairLinear(raw["name"], goal)
    model.low, model.high = float(raw["low"]), float(raw["high"])
    model.profiles = similarity.from_plain(raw["profiles"], arrays["directions"])
    model.scale = Standardisation(arrays["mean"], arrays["deviation"])
    model.known = arrays["known"]
    model.weights = Weights.from_arrays(arrays)
    return model


class PairLinear:
    """A linear model over the features of pairs; see the module."""

    def __init__(self, name: str, goal: Goal) -> None:
        """Before ``fit`` all pairs are alike."""
        self.name, self.goal = name, goal
        self.labels = goal.labels
        self.low, self.high = 0.0, 0.0
        """Range of the scores of the training pairs."""
        self.profiles = PairSimilarity()
        self.scale = Standardisation.none(FEATURES)
        self.known: npt.NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        """Hashes of the crossed words, in ascending order; empty without them."""
        width = max(1, len(goal.labels))
        self.weights = Weights.zero(FEATURES, width)

    # --------------------------------------------------------------------------------------------------------- training

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Learn document frequencies, then the weights.

        Raises:
            InputError: there are no items, not one answer for each, or a label the model does not know.
        """
        if not texts or len(texts) != len(gold):
            raise InputError(
                f"fit got {len(texts)} items and {len(gold)} answers; pass equally many of both, at least one."
            )
        self.profiles = PairSimilarity()
        self.profiles.fit([text for item in texts for text in _sides(item)], seed=seed)
        raw, hashes = self._compared(texts)
        self.scale = Standardisation.of(raw)
        if self.name == "crossed":
            self.known = pair_crosses.known_features(hashes, min_rows=2 if len(hashes) >= FEW_ROWS else 1)
        features = Features(self.scale.apply(raw, limit=5), pair_crosses.as_table(hashes, self.known))
        self.weights = blended_linear.chosen(features, self._goal(gold), seed=seed)

    def _goal(self, gold: Sequence[Gold]) -> blended_linear.Goal:
        if self.goal.output is Output.LABEL:
            return blended_linear.label_goal(self._numbers(gold), len(self.labels))
        if any(isinstance(answer, tuple) for answer in gold):
            return blended_linear.ranking_goal([np.asarray(answer, dtype=np.float64).ravel() for answer in gold])
        scores = np.array(gold, dtype=np.float64)
        self.low, self.high = float(scores.min()), float(scores.max())
        return blended_linear.number_goal(scores)

    def _numbers(self, gold: Sequence[Gold]) -> npt.NDArray[np.int64]:
        number = {label: place for place, label in enumerate(self.labels)}
        table = np.zeros((len(gold), len(self.labels)), dtype=np.int64)
        for row, answer in enumerate(gold):
            for label in labels_of(answer, Output.LABEL):
                if label not in number:
                    raise InputError(
                        f"gold holds the label {label!r}; the model was made for: {', '.join(self.labels)}."
                    )
                table[row, number[label]] = 1
        return table if self.goal.several else table.argmax(1)

    def _compared(self, texts: Sequence[Text]) -> tuple[Floats, list[npt.NDArray[np.uint64]]]:
        """Dense features ``(n_pairs, FEATURES)`` and hashes of the crossed words of all pairs."""
        kept: dict[str, Profile] = {}
        values: list[Floats] = []
        hashes: list[npt.NDArray[np.uint64]] = []
        for item in texts:
            first, *others = _sides(item)
            query = self._profile(first, kept)
            for text in others:
                other = self._profile(text, kept)
                values.append(self.profiles.values(query, other))
                if self.name == "crossed":
                    hashes.append(pair_crosses.crosses(query, other, candidate=len(others) > 1))
                else:
                    hashes.append(np.zeros(0, dtype=np.uint64))
        return np.array(values).reshape(-1, FEATURES), hashes

    def _profile(self, text: str, kept: dict[str, Profile]) -> Profile:
        if text not in kept:
            kept[text] = self.profiles.profile(text)
        return kept[text]

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Labels with their probabilities, the score of each pair, or of each candidate of a list."""
        scores = self._scores(texts)
        if self.goal.output is Output.LABEL:
            return of_labels(_probabilities(scores, several=self.goal.several), self.labels, several=self.goal.several)
        values: list[Answer] = []
        start = 0
        for item in texts:
            own = scores[start : start + len(_sides(item)) - 1, 0]
            start += len(own)
            pair = len(own) == 1
            values.append(float(np.clip(own[0], self.low, self.high)) if pair else tuple(own.tolist()))
        return of_values(values)

    def _scores(self, texts: Sequence[Text]) -> Floats:
        if not texts:
            return np.zeros((0, max(1, len(self.labels))))
        raw, hashes = self._compared(texts)
        # Row by row: a product of one row and one of many differ in their last bits.
        dense = self.scale.apply(raw, limit=5)
        sparse: sp.csr_array = pair_crosses.as_table(hashes, self.known)
        return np.vstack(
            [self.weights.scores(Features(dense[row : row + 1], sparse[row : row + 1])) for row in range(len(dense))]
        )

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of weights, hashes and document frequencies."""
        weights = (self.weights.dense, self.weights.sparse, self.known)
        return sum(weight.nbytes for weight in weights) + self.profiles.size_bytes()

    def save(self, folder: Path) -> None:
        """Write ``pair_linear.json`` (document frequencies) and ``weights.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw: dict[str, Any] = {
            "name": self.name,
            "output": self.goal.output,
            "labels": self.labels,
            "several": self.goal.several,
            "low": self.low,
            "high": self.high,
            "profiles": self.profiles.to_plain(),
        }
        (folder / "pair_linear.json").write_text(json.dumps(raw, ensure_ascii=True), encoding="utf-8")
        arrays: dict[str, npt.NDArray[Any]] = {
            "directions": self.profiles.directions,
            **self.scale.arrays(),
            "known": self.known,
            **self.weights.arrays(),
        }
        write_arrays(folder / "weights.safetensors", arrays)


def _sides(item: Text) -> tuple[str, ...]:
    """The texts of an item: two, or a query and its candidates."""
    return ("", item) if isinstance(item, str) else item if len(item) > 1 else ("", *item)


def _probabilities(scores: Floats, *, several: bool) -> Floats:
    if several:
        return np.asarray(0.5 * (1 + np.tanh(0.5 * scores)))
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
