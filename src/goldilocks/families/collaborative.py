"""Recommendation from histories: collaborative filtering mixed with popularity and text overlap, for ranked candidates.

The items are the candidates of the training rows. A query tells what a user liked so far, so the known items that it
mentions are the history; the relevant candidates of the row belong to it too. Scores of the histories' neighbours
(``item_knn``) or of factors (``implicit_mf``), the popularity of a candidate and the words it shares with the query are
mixed with weights that are fitted listwise on the last fifth of the training rows, which the counts have not seen;
then the counts are made on all. A candidate that no training row has is scored by its words alone.

Source: ``classical/collaborative.py`` names the papers; the mixture is a listwise softmax (Cao et al. 2007, ListNet).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_values
from goldilocks.classical import collaborative
from goldilocks.classical.collaborative import ItemIndex
from goldilocks.classical.sparse_table import sparse_table
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.records import (
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
from goldilocks.support.safetensors_file import write_arrays
from goldilocks.support.text import units
from goldilocks.support.text.units import SEGMENTATION

if TYPE_CHECKING:
    import scipy.sparse as sp

    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.SCORE})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config
NAMES = {
    "item_knn": "neighbours of the items in the query (shrunk cosine), popularity and words",
    "implicit_mf": f"{collaborative.FACTORS} factors of the items (implicit feedback), popularity and words",
}
MAX_ITEMS = 20_000
"""Items with a number: those most often relevant; the others are scored by their words."""
HELD_OUT_SHARE = 0.2
FEWEST_HELD_OUT = 10
PENALTY = 1e-3
"""L2 penalty on the weights of the mixture."""
FEATURES = 3

Floats = npt.NDArray[np.float64]


def models() -> tuple[ModelInfo, ...]:
    """``item_knn`` and ``implicit_mf``."""
    return tuple(
        from_scratch.info("collaborative", name, what, parameters=100_000, size_bytes=1_000_000)
        for name, what in NAMES.items()
    )


def unsuited(work: Workload) -> str | None:
    """See ``protocols.DeclinesWorkloads``."""
    return None if work.texts > 2 else "ranks candidates by histories; the items are not queries with candidates"


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Counting words and histories, twice; factors take a small system of equations for each row and sweep."""
    seconds = 0.2 + 2e-6 * work.rows * work.words
    if info.name == "implicit_mf":
        seconds += 2 * collaborative.SWEEPS * 60e-6 * work.rows
    return Forecast(seconds, 200e6 + work.rows * (2 * work.characters + 8 * work.words))


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model."""
    return Collaborative(info.name)


def restore(folder: Path) -> Collaborative:
    """What ``save`` wrote, ready for inference."""
    from safetensors.numpy import load_file

    raw = json.loads((folder / "collaborative.json").read_text(encoding="utf-8"))
    arrays = load_file(folder / "items.safetensors")
    model = Collaborative(raw["name"])
    model.index = ItemIndex(raw["items"])
    model.segmentation = int(raw["segmentation"])
    model.n_texts, model.seen = int(raw["n_texts"]), {word: int(count) for word, count in raw["seen"].items()}
    model.popularity, model.weights = arrays["popularity"], arrays["weights"]
    model.set_table({name: arrays[name] for name in arrays if name not in ("popularity", "weights")})
    return model


class Collaborative:
    """Items, how often each was relevant, how they go together, and the weights of the mixture."""

    labels: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        """Before ``fit`` there are no items: only words count."""
        self.name = name
        self.index = ItemIndex([])
        self.popularity: Floats = np.zeros(0)
        """log(1 + times relevant) of each item."""
        self.weights: Floats = np.array([1.0, 1.0, 1.0])
        """Weights of collaborative score, popularity and words."""
        self.segmentation = SEGMENTATION
        """Version of the word segmentation (``support/text/units.py``)."""
        self.n_texts = 0
        self.seen: dict[str, int] = {}
        """Word -> different candidates that have it."""
        self.arrays: dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int32]] = {}
        self._alike: sp.csr_array | None = None
        self._square: npt.NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)

    # --------------------------------------------------------------------------------------------------------- training

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Count on the first four fifths, weigh on the rest, then count on all.

        Raises:
            InputError: there are no items, or not one answer for each.
        """
        if not texts or len(texts) != len(gold):
            raise InputError(
                f"fit got {len(texts)} items and {len(gold)} answers; pass equally many of both, at least one."
            )
        self.weights = np.array([1.0, 1.0, 1.0])
        cut = len(texts) - int(HELD_OUT_SHARE * len(texts))
        if len(texts) - cut >= FEWEST_HELD_OUT:
            self._count(texts[:cut], gold[:cut], seed)
            self.weights = self._weighed(texts[cut:], gold[cut:])
        self._count(texts, gold, seed)

    def _count(self, texts: Sequence[Text], gold: Sequence[Gold], seed: int) -> None:
        documents = list(dict.fromkeys(candidate for item in texts for candidate in item[1:]))
        self.n_texts = len(documents)
        self.seen = dict(
            sorted(
                Counter(
                    word for document in documents for word in set(units.words(document, self.segmentation))
                ).items()
            )
        )
        relevant = Counter(
            candidate for item, right in zip(texts, gold, strict=True) for candidate in _liked(item, right)
        )
        known = sorted(documents, key=lambda document: -relevant[document])[:MAX_ITEMS]
        self.index = ItemIndex(known)
        self.popularity = np.log1p(np.array([relevant[item] for item in known], dtype=np.float64))
        self._relate(self._histories(texts, gold), seed)

    def _histories(self, texts: Sequence[Text], gold: Sequence[Gold]) -> sp.csr_array:
        """Rows of training × items: what the query mentions, and what was relevant."""
        import scipy.sparse as sp

        number = self.index.number
        rows = [
            {
                *self.index.mentioned(item[0]),
                *(number[candidate] for candidate in _liked(item, right) if candidate in number),
            }
            for item, right in zip(texts, gold, strict=True)
        ]
        starts = np.cumsum([0, *map(len, rows)])
        columns = np.array([place for row in rows for place in sorted(row)], dtype=np.int32)
        shape = (len(rows), max(1, len(number)))
        return sp.csr_array((np.ones(len(columns), dtype=np.float32), columns, starts), shape=shape)

    def _relate(self, table: sp.csr_array, seed: int) -> None:
        if self.name == "implicit_mf":
            self.set_table({"factors": collaborative.factors(table, seed=seed)})
            return
        alike = collaborative.neighbours(table)
        arrays = {
            "alike": alike.data,
            "columns": alike.indices.astype(np.int32),
            "starts": alike.indptr.astype(np.int32),
        }
        self.set_table(arrays)

    def set_table(self, arrays: dict[str, npt.NDArray[np.float32]] | dict[str, npt.NDArray[np.int32]]) -> None:
        """Take the table of neighbours, or the factors."""
        self.arrays = dict(arrays)
        if "factors" in arrays:
            self._square = collaborative.penalised_square(np.asarray(arrays["factors"], dtype=np.float32))
        else:
            size = len(arrays["starts"]) - 1
            self._alike = sparse_table(arrays["alike"], arrays["columns"], arrays["starts"], size)

    def _weighed(self, texts: Sequence[Text], gold: Sequence[Gold]) -> Floats:
        """Weights of the mixture with the least listwise cross entropy on rows that were not counted."""
        from scipy.optimize import minimize

        lists = [
            (self._features(item), np.asarray(right, dtype=np.float64)) for item, right in zip(texts, gold, strict=True)
        ]
        lists = [(values, right / right.sum()) for values, right in lists if right.sum() > 0]
        if not lists:
            return self.weights

        def loss(weights: Floats) -> tuple[float, Floats]:
            total, slope = PENALTY * float(weights @ weights), 2 * PENALTY * weights
            for values, share in lists:
                scores = values @ weights
                scores -= scores.max()
                likely = np.exp(scores) / np.exp(scores).sum()
                total -= float(share @ np.log(np.maximum(likely, 1e-12))) / len(lists)
                slope = slope + values.T @ (likely - share) / len(lists)
            return total, slope

        fitted_weights: Floats = minimize(
            loss, np.ones(FEATURES), jac=True, method="L-BFGS-B", bounds=[(0, None)] * FEATURES
        ).x
        return fitted_weights

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Scores of the candidates of each query."""
        return of_values([self._answer(item) for item in texts])

    def _answer(self, item: Text) -> float | tuple[float, ...]:
        scores: list[float] = (self._features(item) @ self.weights).tolist()
        return scores[0] if len(scores) == 1 else tuple(scores)

    def _features(self, item: Text) -> Floats:
        """Collaborative score, popularity and shared words of each candidate, ``(n_candidates, FEATURES)``."""
        values = np.zeros((len(item) - 1, FEATURES))
        history = self.index.mentioned(item[0])
        places = [self.index.number.get(candidate, -1) for candidate in item[1:]]
        known = [row for row, place in enumerate(places) if place >= 0]
        if known:
            chosen = [places[row] for row in known]
            values[known, 0] = self._related(history, chosen)
            values[known, 1] = self.popularity[chosen]
        query = self._idf_values(item[0])
        values[:, 2] = [_cosine(query, self._idf_values(candidate)) for candidate in item[1:]]
        return values

    def _related(self, history: Sequence[int], places: Sequence[int]) -> npt.NDArray[np.float32]:
        if not history:
            return np.zeros(len(places), dtype=np.float32)
        if self._alike is None:
            factors = np.asarray(self.arrays["factors"], dtype=np.float32)
            return collaborative.factor_scores(factors, self._square, history)[list(places)]
        scores = np.asarray(self._alike[list(history)].sum(0), dtype=np.float32).ravel()
        return scores[list(places)]

    def _idf_values(self, text: str) -> dict[str, float]:
        return {
            word: count * log((1 + self.n_texts) / (1 + self.seen.get(word, 0)))
            for word, count in sorted(Counter(units.words(text, self.segmentation)).items())
        }

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of tables, items and words."""
        model_bytes = self.popularity.nbytes + self.weights.nbytes + sum(array.nbytes for array in self.arrays.values())
        return model_bytes + sum(map(len, self.index.items)) + sum(len(word) + 8 for word in self.seen)

    def save(self, folder: Path) -> None:
        """Write ``collaborative.json`` (items and words) and ``items.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {
            "name": self.name,
            "items": self.index.items,
            "segmentation": self.segmentation,
            "n_texts": self.n_texts,
            "seen": self.seen,
        }
        (folder / "collaborative.json").write_text(json.dumps(raw, ensure_ascii=True), encoding="utf-8")
        arrays = {"popularity": self.popularity, "weights": self.weights, **self.arrays}
        write_arrays(folder / "items.safetensors", arrays)


def _liked(item: Text, right: Gold) -> list[str]:
    """The candidates with a relevance above 0."""
    numbers = right if isinstance(right, tuple) else (right,)
    return [candidate for candidate, number in zip(item[1:], numbers, strict=True) if float(str(number)) > 0]


def _cosine(first: dict[str, float], second: dict[str, float]) -> float:
    shared = sum(value * second.get(word, 0.0) for word, value in first.items())
    size = sum(value * value for value in first.values()) * sum(value * value for value in second.values())
    return float(shared / size**0.5) if size else 0.0
