"""Extractive baselines for generation: sentences of the item, or the answer of the nearest training item.

lead      the first sentences, as many as the answers of train are long
textrank  the sentences most like the others, as many
copy      the item itself (of several texts the last one)
nearest   the answer of the training item that is most alike, by the cosine of tf-idf values (of several texts, such as
          the turns of a dialogue, the last one is compared)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_values
from goldilocks.classical.sentence_features import MAX_SENTENCES, centrality, sentences
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
    as_text,
)
from goldilocks.support.safetensors_file import write_arrays
from goldilocks.support.text.units import FIRST_SEGMENTATION, SEGMENTATION, references, units

if TYPE_CHECKING:
    import scipy.sparse as sp

    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.TEXT})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config
NAMES = {
    "lead": "the first sentences",
    "textrank": "the sentences most like the others",
    "copy": "the item itself",
    "nearest": "the answer to the most similar training item",
}


def models() -> tuple[ModelInfo, ...]:
    """One for each way to pick."""
    return tuple(
        from_scratch.info("extractive", name, what, parameters=1, size_bytes=1_000_000 if name == "nearest" else 100)
        for name, what in NAMES.items()
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Counting words at most."""
    words = work.rows * work.words
    return Forecast(seconds=0.05 + 2e-6 * words, memory_bytes=2e7 + (100 * words if info.name == "nearest" else 0))


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model."""
    return Nearest() if info.name == "nearest" else SentenceExtractor(info.name)


def restore(folder: Path) -> SentenceExtractor | Nearest:
    """What ``save`` wrote, ready for inference."""
    from safetensors.numpy import load_file

    raw = json.loads((folder / "extractive.json").read_text(encoding="utf-8"))
    if raw["name"] != "nearest":
        model = SentenceExtractor(raw["name"], int(raw.get("segmentation", FIRST_SEGMENTATION)))
        model.words = raw["words"]
        return model
    nearest = Nearest(int(raw.get("segmentation", FIRST_SEGMENTATION)))
    nearest.answers, nearest.place = raw["answers"], {word: place for place, word in enumerate(raw["words"])}
    nearest.idf, nearest.values = _from_arrays(load_file(folder / "values.safetensors"), len(nearest.answers))
    return nearest


# --------------------------------------------------------------------------------------------------- pieces of the item


class SentenceExtractor:
    """Sentences of the item, or all of it."""

    labels: tuple[str, ...] = ()

    def __init__(self, name: str, segmentation: int = SEGMENTATION) -> None:
        """Before ``fit`` one sentence is picked. ``segmentation``: version of the words that lengths are counted in."""
        self.name = name
        self.segmentation = segmentation
        self.words = 1.0

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Learn how long answers are: the mean over train, in words (Chinese: characters).

        Raises:
            InputError: there are no answers.
        """
        if not gold:
            raise InputError("fit got no answers; pass at least one text and its answer.")
        self.words = float(np.mean([len(self._units(references(answer)[0])) for answer in gold]))

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The picked sentences of each item, in their order."""
        picks: dict[str, Callable[[Text], str]] = {
            "copy": lambda item: item if isinstance(item, str) else item[-1],
            "lead": lambda item: self._picked(item, lambda candidates: range(len(candidates))),
            "textrank": lambda item: self._picked(
                item, lambda candidates: _by_rank([set(self._units(match)) for match in candidates])
            ),
        }
        return of_values([picks[self.name](item) for item in texts])

    def _picked(self, item: Text, order: Callable[[Sequence[str]], Sequence[int]]) -> str:
        candidates = sentences(as_text(item) if isinstance(item, str) else "\n".join(item))[:MAX_SENTENCES]
        chosen: list[int] = []
        length = 0.0
        for place in order(candidates):
            more = len(self._units(candidates[place]))
            if chosen and abs(length - self.words) <= abs(length + more - self.words):
                break  # one sentence more would be further from the usual length
            chosen.append(place)
            length += more
        return " ".join(candidates[place] for place in sorted(chosen))

    def _units(self, text: str) -> list[str]:
        return units(text, self.segmentation)

    def size_bytes(self) -> int:
        """Bytes of the one number."""
        return 8

    def save(self, folder: Path) -> None:
        """Write ``extractive.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {"name": self.name, "words": self.words, "segmentation": self.segmentation}
        (folder / "extractive.json").write_text(json.dumps(raw), encoding="utf-8")


def _by_rank(words: Sequence[set[str]]) -> Sequence[int]:
    """Places of the sentences, given the words of each; the most central first."""
    order: list[int] = np.argsort(-centrality(words).round(9), kind="stable").tolist()
    return order


# ------------------------------------------------------------------------------------------------ the nearest of train


class Nearest:
    """Items of train as tf-idf values, and their answers."""

    labels: tuple[str, ...] = ()

    def __init__(self, segmentation: int = SEGMENTATION) -> None:
        """Before ``fit`` there is nothing to answer with. ``segmentation``: version of the words that are counted."""
        self.segmentation = segmentation
        self.answers: list[str] = []
        self.place: dict[str, int] = {}
        self.idf: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self.values: sp.csr_array | None = None
        """``(n_words, n_items)``."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Count the words of train.

        Raises:
            InputError: there are no answers.
        """
        if not gold:
            raise InputError("fit got no answers; pass at least one text and its answer.")
        counts = [self._counted(item) for item in texts]
        having = Counter(word for count in counts for word in count)
        self.place = {word: place for place, word in enumerate(having)}
        self.idf = np.log((1 + len(counts)) / (1 + np.fromiter(having.values(), float, len(having)))) + 1
        self.idf = self.idf.astype(np.float32)
        self.answers = [references(answer)[0] for answer in gold]
        self.values = self._table(counts).T.tocsr()

    def _counted(self, item: Text) -> Counter[str]:
        return Counter(units(item if isinstance(item, str) else item[-1], self.segmentation))

    def _table(self, counts: Sequence[Counter[str]]) -> sp.csr_array:
        """``(n_items, n_words)``: (1 + log count) · idf, each row of length 1."""
        import scipy.sparse as sp

        known = [[(self.place[word], times) for word, times in count.items() if word in self.place] for count in counts]
        starts = np.cumsum([0, *map(len, known)])
        columns = np.array([place for sentence in known for place, _ in sentence], dtype=np.int32)
        values = np.array([1 + np.log(times) for sentence in known for _, times in sentence], dtype=np.float32)
        values = values * self.idf[columns]
        rows = np.repeat(np.arange(len(known)), np.diff(starts))
        lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(known)))
        values = (values / lengths[rows]).astype(np.float32)
        return sp.csr_array((values, columns, starts), shape=(len(known), len(self.place)))

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The answer of the most similar training item, the first of several; scores are the cosines."""
        if self.values is None or not texts:
            return of_values([""] * len(texts))
        positions = [self._nearest(self._table([self._counted(item)]) @ self.values) for item in texts]
        return of_values([self.answers[place] for place, _ in positions], np.array([score for _, score in positions]))

    def _nearest(self, alike: sp.csr_array) -> tuple[int, float]:
        """Place and cosine of the most similar; the first of train where none has a word in common."""
        if not alike.nnz:
            return 0, 0.0
        best = alike.data.max()
        return int(alike.indices[alike.data == best].min()), min(1.0, float(best))

    def size_bytes(self) -> int:
        """Bytes of values, words and answers."""
        model_bytes = 0 if self.values is None else self.values.data.nbytes + self.values.indices.nbytes
        return 1 + model_bytes + self.idf.nbytes + sum(map(len, self.answers)) + sum(map(len, self.place))

    def save(self, folder: Path) -> None:
        """Write ``extractive.json`` (answers and words) and ``values.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw: dict[str, Any] = {"name": "nearest", "answers": self.answers, "words": list(self.place)}
        raw["segmentation"] = self.segmentation
        (folder / "extractive.json").write_text(json.dumps(raw), encoding="utf-8")
        table = self._table([]).T.tocsr() if self.values is None else self.values
        arrays = {"idf": self.idf, "values": table.data, "columns": table.indices, "starts": table.indptr}
        write_arrays(folder / "values.safetensors", arrays)


def _from_arrays(
    arrays: dict[str, npt.NDArray[np.float32]], n_items: int
) -> tuple[npt.NDArray[np.float32], sp.csr_array]:
    return arrays["idf"], sparse_table(arrays["values"], arrays["columns"], arrays["starts"], n_items)
