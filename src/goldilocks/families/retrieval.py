"""Replies retrieved from those of the training rows, which the model keeps: by BM25 or latent semantic vectors.

The ``k`` training items most like the item are found by ``classical/reply_index.py``, the last turn and the earlier
turns apart. Of their replies the one is given that agrees most with the others, each weighed by its score: minimum
Bayes risk with character n-grams, so that one odd neighbour does not decide. ``k`` and the weight of the earlier turns
are chosen on the last fifth of the training rows; then all are indexed.

How sure it is of a reply is how much the ``AGREEING`` best agree with it, 0 to 1.

Source: Ji et al. 2014, "An Information Retrieval Approach to Short Text Conversation"; Kumar & Byrne 2004, "Minimum
Bayes-Risk Decoding for Statistical Machine Translation" (the choice among replies).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_values
from goldilocks.classical import reply_index
from goldilocks.classical.reply_index import Field
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Gold, Machine, ModelInfo, Output, Part, Text, Workload
from goldilocks.support.safetensors_file import write_arrays
from goldilocks.support.text.units import SEGMENTATION, normalised, references

if TYPE_CHECKING:
    from goldilocks.protocols import OneShotEstimator

Floats = npt.NDArray[np.float32]

OUTPUTS = frozenset({Output.TEXT})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config
NAMES = {
    "bm25": "reply to the most similar training items by BM25",
    "latent": f"reply to the most similar training items by {reply_index.DIRECTIONS} latent semantic directions",
}
MAX_ITEMS = 50_000
"""Training items that are indexed: the first ones."""
HELD_OUT_SHARE, MAX_HELD_OUT, FEWEST_HELD_OUT = 0.2, 150, 10
EARLIER = (0.0, 0.25, 1.0)
"""Weights of the earlier turns that are tried."""
NEIGHBOURS = (1, 4, 12)
AGREEING = 4
LONGEST_COMPARED = 400
"""Characters of a reply that are compared with others."""


def models() -> tuple[ModelInfo, ...]:
    """``bm25`` and ``latent``."""
    return tuple(
        from_scratch.info("retrieval", name, what, parameters=100_000, size_bytes=2_000_000)
        for name, what in NAMES.items()
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Counting words twice, and answers to the held-out items."""
    rows = min(work.rows, MAX_ITEMS)
    held_out = min(HELD_OUT_SHARE * rows, MAX_HELD_OUT)
    seconds = 0.3 + 6e-6 * rows * work.words + held_out * (5e-3 + 0.3e-6 * rows)
    if info.name == "latent":
        seconds += 1.0 + 40e-6 * rows * min(work.words, 100)
    memory = 200e6 + rows * (300 * work.words + 4 * work.answer_characters + 2_000)
    return Forecast(seconds, memory)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model: there is no reply to give."""
    return Retrieval(info.name)


def restore(folder: Path) -> Retrieval:
    """What ``save`` wrote, ready for inference."""
    from safetensors.numpy import load_file

    raw = json.loads((folder / "retrieval.json").read_text(encoding="utf-8"))
    arrays = load_file(folder / "index.safetensors")
    model = Retrieval(raw["name"], int(raw["segmentation"]))
    model.replies, model.earlier, model.neighbours = raw["replies"], float(raw["earlier"]), int(raw["neighbours"])
    last, before = (
        reply_index.field_from(raw["words"][name], arrays, name, len(model.replies)) for name in ("last", "before")
    )
    model.fields = (last, before)
    return model


class Retrieval:
    """Training items, indexed, and their replies."""

    labels: tuple[str, ...] = ()

    def __init__(self, name: str, segmentation: int = SEGMENTATION) -> None:
        """Before ``fit`` there is nothing to answer with. ``segmentation``: version of the words that are counted."""
        self.name = name
        self.segmentation = segmentation
        self.replies: list[str] = []
        self.earlier = 0.0
        """Weight of the turns before the last one."""
        self.neighbours = 1
        """Replies that are compared."""
        self.fields: tuple[Field, Field] = (Field(), Field())
        """Last turns and the turns before."""
        self._known: dict[int, Counter[str]] = {}

    # --------------------------------------------------------------------------------------------------------- training

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Choose weight and neighbours on the last fifth, then index all.

        Raises:
            InputError: there are no items, or not one reply for each.
        """
        if not texts or len(texts) != len(gold):
            raise InputError(
                f"fit got {len(texts)} items and {len(gold)} replies; pass equally many of both, at least one."
            )
        texts, replies = texts[:MAX_ITEMS], [references(right)[0] for right in gold[:MAX_ITEMS]]
        self.earlier, self.neighbours = 0.0, 1
        cut = len(texts) - int(HELD_OUT_SHARE * len(texts))
        if len(texts) - cut >= FEWEST_HELD_OUT:
            self._index(texts[:cut], replies[:cut], seed)
            held_out = slice(cut, None, max(1, -(-(len(texts) - cut) // MAX_HELD_OUT)))
            self.earlier, self.neighbours = self._chosen(texts[held_out], replies[held_out])
        self._index(texts, replies, seed)

    def _index(self, texts: Sequence[Text], replies: list[str], seed: int) -> None:
        counts = [reply_index.counted(item, self.segmentation) for item in texts]
        last, before = (
            reply_index.bm25_field(own) if self.name == "bm25" else reply_index.latent_field(own, seed=seed)
            for own in ([pair[0] for pair in counts], [pair[1] for pair in counts])
        )
        self.fields, self.replies, self._known = (last, before), replies, {}

    def _chosen(self, texts: Sequence[Text], replies: Sequence[str]) -> tuple[float, int]:
        """The weight of the earlier turns and the number of neighbours whose replies are most like the right ones."""
        gains = dict.fromkeys(product(EARLIER, NEIGHBOURS), 0.0)
        for item, reply in zip(texts, replies, strict=True):
            last, before = self._field_scores(item)
            right = _grams(reply)
            for earlier in EARLIER:
                ranked = self._ranked(last + earlier * before, max(NEIGHBOURS))
                for neighbours in NEIGHBOURS:
                    given = self._agreed(ranked[0][:neighbours], ranked[1][:neighbours])
                    gains[earlier, neighbours] += _dice(_grams(given), right)
        return max(gains, key=lambda key: gains[key])

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The reply that agrees most with those to the most similar training items."""
        if not self.replies:
            return of_values([""] * len(texts))
        answered = []
        for item in texts:
            last, before = self._field_scores(item)
            places, scores = self._ranked(last + self.earlier * before, max(self.neighbours, AGREEING))
            reply = self._agreed(places[: self.neighbours], scores[: self.neighbours])
            own = _grams(reply)
            agreeing = [_dice(own, self._grams_of(place)) for place in places[:AGREEING]]
            answered.append((reply, float(np.average(agreeing, weights=scores[:AGREEING] + 1e-6))))
        return of_values([reply for reply, _ in answered], np.array([sure for _, sure in answered], dtype=np.float32))

    def _field_scores(self, item: Text) -> tuple[Floats, Floats]:
        last, before = reply_index.counted(item, self.segmentation)
        return self.fields[0].scores(last), self.fields[1].scores(before)

    def _ranked(self, scores: Floats, limit: int) -> tuple[list[int], Floats]:
        """Places and scores of the best training items, best first; the first of equal ones."""
        rounded = scores.round(5)
        limit = min(limit, len(rounded))
        minimum = np.partition(rounded, -limit)[-limit]
        places = np.flatnonzero(rounded >= minimum)
        places = places[np.argsort(-rounded[places], kind="stable")][:limit]
        return places.tolist(), rounded[places]

    def _agreed(self, places: Sequence[int], scores: Floats) -> str:
        """The reply that agrees most with the others, each weighed by its score."""
        grams = [self._grams_of(place) for place in places]
        weights = (scores + 1e-6) / (float(scores.max()) + 1e-6)
        alike = np.eye(len(grams))
        for row, own in enumerate(grams):
            for column in range(row):
                alike[row, column] = alike[column, row] = _dice(own, grams[column])
        return self.replies[places[int((alike @ weights).round(6).argmax())]]

    def _grams_of(self, place: int) -> Counter[str]:
        if place not in self._known:
            self._known[place] = _grams(self.replies[place])
        return self._known[place]

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of the index and the replies."""
        arrays = [array for own in self.fields for array in reply_index.arrays_of(own, "").values()]
        words = sum(len(word) for own in self.fields for word in own.place)
        return 1 + sum(array.nbytes for array in arrays) + words + sum(map(len, self.replies))

    def save(self, folder: Path) -> None:
        """Write ``retrieval.json`` (replies and words) and ``index.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        named = dict(zip(("last", "before"), self.fields, strict=True))
        raw: dict[str, Any] = {
            "name": self.name,
            "segmentation": self.segmentation,
            "earlier": self.earlier,
            "neighbours": self.neighbours,
            "replies": self.replies,
            "words": {name: list(own.place) for name, own in named.items()},
        }
        (folder / "retrieval.json").write_text(json.dumps(raw, ensure_ascii=True), encoding="utf-8")
        arrays = {key: array for name, own in named.items() for key, array in reply_index.arrays_of(own, name).items()}
        write_arrays(folder / "index.safetensors", arrays)


def _grams(text: str) -> Counter[str]:
    """Character n-grams of 1 to 3, without spaces."""
    letters = "".join(normalised(text[:LONGEST_COMPARED]).lower().split())
    return Counter(letters[start : start + n] for n in (1, 2, 3) for start in range(len(letters) - n + 1))


def _dice(first: Counter[str], second: Counter[str]) -> float:
    """Shared n-grams relative to both texts, 0 to 1; two empty texts are the same."""
    short, long = sorted((first, second), key=len)
    shared = sum(min(count, long[gram]) for gram, count in short.items())
    whole = first.total() + second.total()
    return 2 * shared / whole if whole else 1.0
