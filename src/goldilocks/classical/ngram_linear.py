"""Linear models over n-gram features (softmax or sigmoid), shared by families that differ in how they train them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_labels
from goldilocks.classical.ngram_features import Grams, Vocabulary, blocks, count_ngrams
from goldilocks.classical.pair_features import marked
from goldilocks.classical.relation_features import marked_relation
from goldilocks.errors import InputError
from goldilocks.records import Gold, Output, Text, as_text, labels_of
from goldilocks.support.safetensors_file import write_arrays
from goldilocks.support.text.entity_markers import all_marked
from goldilocks.support.text.units import FIRST_SEGMENTATION

if TYPE_CHECKING:
    import scipy.sparse as sp

    from goldilocks.protocols import Ints

Array = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float32] | npt.NDArray[np.float16] | npt.NDArray[np.int8]
Solver = Callable[["sp.csr_array", "Ints", int, "Solution | None"], "Solution"]
"""(values, label of each text, number of labels, initial solution) -> the weights. Where a text may have several labels
they come as a table of 0 and 1, ``(n_texts, n_labels)``, and each label is a binary classifier."""

MAX_WEIGHTS = 32_000_000
"""Weights of one model at most (128 MB); with many labels fewer n-grams are kept."""
HELD_OUT_SHARE = 0.2
"""Share of the training texts that the temperature is fitted on."""
FEWEST_HELD_OUT = 10


@dataclass(frozen=True, slots=True)
class Solution:
    """``scores = values @ (weights * scale) + bias``."""

    weights: Weights
    """Shape ``(n_terms, n_labels)``; float32, or compressed: float16, or int8 with a scale."""
    bias: Array
    """Shape ``(n_labels,)``."""
    scale: Array | None = None
    """Scale of int8 weights: the value of one step in each label's column, ``(n_labels,)``; ``None``: 1."""

    def scores(self, columns: Ints, values: Array) -> Array:
        """Scores of one text ``(n_labels,)`` from the columns and values of its n-grams."""
        products: Array = values @ self.weights[columns].astype(np.float32, copy=False)
        return (products if self.scale is None else products * self.scale) + self.bias

    def dense(self) -> Array:
        """The weights as float32, ``(n_terms, n_labels)``."""
        weights = self.weights.astype(np.float32, copy=False)
        return weights if self.scale is None else weights * self.scale


@dataclass(frozen=True, slots=True)
class NgramConfig:
    """Which n-grams are features, and their values."""

    grams: tuple[Grams, ...]
    tfidf: bool
    """(1 + ln count) · idf, each kind of n-gram scaled to length 1; else the plain counts."""
    most_terms: int
    """Maximum number of n-grams of each kind."""
    large: int = 500
    """Number of training texts from which an n-gram must occur in two of them."""


class NgramLinear:
    """A ``OneShotEstimator`` model (see protocols): n-gram values times weights, softmax at a fitted temperature.

    Where a text may have several labels, a sigmoid for each in place of the softmax. Pairs of texts are counted as the
    marked n-grams of ``classical/pair_features.py``, texts with two marked entities as those of
    ``classical/relation_features.py``.
    """

    def __init__(
        self, labels: Sequence[str], config: NgramConfig, solve: Solver | None = None, *, several: bool = False
    ) -> None:
        """An unfitted model; without ``solve`` it can only be filled by ``restored``."""
        self.labels = tuple(labels)
        self.several = several
        self.config = config
        """For pairs its n-grams are the marked ones, from ``fit`` on."""
        self.pairs = False
        self.relations = False
        """Whether the items are texts with two marked entities (``classical/relation_features.py``)."""
        self._single = config
        self._solve = solve
        self.vocabulary = Vocabulary(config.grams, [[] for _ in config.grams])
        self.solution = Solution(np.zeros((0, len(self.labels)), np.float32), np.zeros(len(self.labels), np.float32))
        self.idf: Array = np.zeros(0, np.float32)
        self.temperature = 1.0

    # --------------------------------------------------------------------------------------------------- training

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Train on ``texts`` and their labels, from scratch.

        A fifth of the texts is held out first, to fit the temperature that calibrates the probabilities; then the model
        is trained on all.

        Raises:
            InputError: there are no texts, not one label for each, or a label the model does not know.
        """
        if self._solve is None:
            raise InputError(
                "this model was restored for prediction and cannot be fitted; create it from its family instead."
            )
        self.pairs = any(isinstance(text, tuple) for text in texts)
        self.relations = all_marked(texts)
        self.use_marked_ngrams()
        self._fit(self._lines(texts), gold, seed, self._solve)

    def use_marked_ngrams(self) -> None:
        """Count marked n-grams where the items are pairs or relations, else those of the text."""
        special = self.pairs or self.relations
        self.config = replace(self._single, grams=(Grams("marked", 1, 1),)) if special else self._single

    def _lines(self, items: Sequence[Text]) -> list[str]:
        """The lines whose n-grams are counted: the text, or the marked n-grams of a pair."""
        if self.relations:
            version = self._single.grams[0].segmentation
            characters = any(gram.kind == "char" for gram in self._single.grams)
            return [marked_relation(as_text(item), characters=characters, segmentation=version) for item in items]
        if not self.pairs:
            return [as_text(item) for item in items]
        kinds = {gram.kind for gram in self._single.grams}
        sides = [(item, "") if isinstance(item, str) else (item[0], " ".join(item[1:])) for item in items]
        version = self._single.grams[0].segmentation
        return [
            marked(text, other, words="word" in kinds, characters="char" in kinds, segmentation=version)
            for text, other in sides
        ]

    def _fit(self, texts: list[str], gold: Sequence[Gold], seed: int, solve: Solver) -> None:
        answers = _numbers(texts, gold, self.labels, several=self.several)
        limit = max(1, min(self.config.most_terms, MAX_WEIGHTS // (len(self.labels) * len(self.config.grams))))
        min_texts = 2 if len(texts) >= self.config.large else 1
        self.vocabulary, values = Vocabulary.learned(texts, self.config.grams, min_texts=min_texts, limit=limit)
        if self.config.tfidf:
            document_frequencies = np.bincount(values.indices, minlength=values.shape[1])
            self.idf = (np.log((1 + len(texts)) / (1 + document_frequencies)) + 1).astype(np.float32)
        rows = np.repeat(np.arange(len(texts)), np.diff(values.indptr))
        values.data = self._weighted(rows, values.indices, values.data, len(texts))

        order = np.random.default_rng(seed).permutation(len(texts))
        held_out, rest = np.split(order, [int(len(texts) * HELD_OUT_SHARE)])
        start = None
        self.temperature = 1.0
        if len(held_out) >= FEWEST_HELD_OUT:
            rest.sort()
            start = solve(values[rest], answers[rest], len(self.labels), None)
            scores = values[held_out] @ start.dense() + start.bias
            fitted = fitted_temperature_each if self.several else fitted_temperature
            self.temperature = fitted(scores, answers[held_out])
        self.solution = solve(values, answers, len(self.labels), start)

    def _weighted(self, rows: Ints, columns: Ints, counts: Array, n_texts: int) -> Array:
        if not self.config.tfidf:
            return counts
        values = (1 + np.log(counts)) * self.idf[columns]
        kinds = len(self.config.grams)
        group = rows * kinds + np.searchsorted(self.vocabulary.edges[1:], columns, side="right")
        length = np.sqrt(np.bincount(group, weights=values * values, minlength=n_texts * kinds))
        return np.asarray(values / length[group], dtype=np.float32)

    # -------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``."""
        scores = np.empty((len(texts), len(self.labels)), dtype=np.float32)
        for row, (columns, values) in enumerate(self._rows(self._lines(texts))):
            scores[row] = self.solution.scores(columns, values)
        scores /= np.float32(self.temperature)
        return of_labels(sigmoid(scores) if self.several else softmax(scores), self.labels, several=self.several)

    def divide_logits(self, temperature: float) -> bool:
        """See ``protocols.SupportsTemperature``."""
        self.temperature *= temperature
        return True

    def _rows(self, texts: Sequence[str]) -> Iterator[tuple[Ints, Array]]:
        for block in blocks(texts):
            n_texts = block.stop - block.start
            kinds = [count_ngrams(texts[block], grams) for grams in self.vocabulary.grams]
            cells = [self.vocabulary.cells(kind, texts_of_kind) for kind, texts_of_kind in enumerate(kinds)]
            rows, columns, counts = (np.concatenate(cell) for cell in zip(*cells, strict=True))
            values = self._weighted(rows, columns, counts, n_texts)
            order = np.argsort(rows, kind="stable")
            edges = np.searchsorted(rows[order], np.arange(n_texts + 1))
            for start, end in pairwise(edges.tolist()):
                yield columns[order[start:end]], values[order[start:end]]

    # ------------------------------------------------------------------------------------------------ compression

    def keep_terms(self, kept: npt.NDArray[np.bool_]) -> None:
        """Remove every n-gram that is not ``kept``, a bool for each row of the weights. The others do not change."""
        edges = self.vocabulary.edges
        terms = [
            [term for term, keep in zip(of_kind, kept[edges[kind] : edges[kind + 1]].tolist(), strict=True) if keep]
            for kind, of_kind in enumerate(self.vocabulary.terms)
        ]
        self.vocabulary = Vocabulary(self.vocabulary.grams, terms)  # by ascending hash, as before
        self.solution = replace(self.solution, weights=self.solution.weights[kept])
        self.idf = self.idf[kept] if len(self.idf) else self.idf

    # ---------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of weights, hashes and terms."""
        arrays = (self.solution.weights, self.solution.bias, self.idf)
        numbers = sum(array.nbytes for array in arrays) + sum(digest.nbytes for digest in self.vocabulary.hashes)
        return numbers + sum(len(term) for kind in self.vocabulary.terms for term in kind)

    def save(self, folder: Path) -> None:
        """Write ``model.json`` (labels and n-grams, in the order of the weights) and ``weights.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        head = {
            "labels": self.labels,
            "several": self.several,
            "pairs": self.pairs,
            "relations": self.relations,
            "temperature": self.temperature,
            "config": asdict(self._single),
            "terms": self.vocabulary.terms,
        }
        (folder / "model.json").write_text(json.dumps(head, ensure_ascii=True), encoding="utf-8")
        arrays: dict[str, npt.NDArray[Any]] = {
            "weights": self.solution.weights,
            "bias": self.solution.bias,
            "idf": self.idf,
        }
        if self.solution.scale is not None:
            arrays["scale"] = self.solution.scale
        write_arrays(folder / "weights.safetensors", arrays)


def restored(folder: Path) -> NgramLinear:
    """A model that ``NgramLinear.save`` wrote, ready for prediction.

    Raises:
        ValueError: its temperature is not a positive number.
    """
    from safetensors.numpy import load_file

    head = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    stored = head["config"] if "config" in head else head["recipe"]  # so called before version 0.2
    grams = tuple(Grams(**{"segmentation": FIRST_SEGMENTATION, **record}) for record in stored["grams"])
    model = NgramLinear(head["labels"], NgramConfig(**{**stored, "grams": grams}), several=bool(head.get("several")))
    model.pairs, model.relations = bool(head.get("pairs")), bool(head.get("relations"))
    model.use_marked_ngrams()
    model.vocabulary = Vocabulary(model.config.grams, head["terms"])
    model.temperature = float(head["temperature"])
    if not 0 < model.temperature < np.inf:
        raise ValueError(f"the temperature is {model.temperature}, not positive and finite")
    arrays = load_file(folder / "weights.safetensors")
    model.solution = Solution(arrays["weights"], arrays["bias"], arrays.get("scale"))
    model.idf = arrays["idf"]
    return model


def fitted_temperature(scores: npt.NDArray[np.floating], answers: Ints) -> float:
    """The temperature (0.01 to 1000) at which ``softmax(scores / temperature)`` gives the answers the least log loss.

    The targets are smoothed by 1/(n + 2), spread over the other labels: if all n predictions were right, plain log loss
    would demand certainty, whereas n right answers support a probability of about 1 - 1/(n + 2).

    Source:
        Guo et al. 2017, "On Calibration of Modern Neural Networks"; the share kept back is that of Platt 1999,
        "Probabilistic Outputs for Support Vector Machines". A grid of 3 % steps in place of a gradient.
    """
    n_texts, n_labels = scores.shape
    if n_labels < 2:
        return 1.0
    centred = (scores - scores.max(1, keepdims=True)).astype(np.float64)
    right = centred[np.arange(n_texts), answers]
    others = (centred.sum(1) - right) / (n_labels - 1)
    kept_back = 1 / (n_texts + 2)
    aim = float(np.mean((1 - kept_back) * right + kept_back * others))
    grid = np.geomspace(0.01, 1000, 400)
    losses = [np.mean(np.log(np.exp(centred / setting).sum(1))) - aim / setting for setting in grid]
    return float(grid[int(np.argmin(losses))])


def fitted_temperature_each(scores: npt.NDArray[np.floating], answers: Ints) -> float:
    """The temperature at which ``sigmoid(scores / temperature)`` gives the answers the least log loss.

    As ``fitted_temperature``, with a decision for each text and label: ``answers`` (n_texts, n_labels), 0 or 1.
    """
    kept_back = 1 / (answers.size + 2)
    wanted = np.clip(answers.astype(np.float64), kept_back, 1 - kept_back)
    grid = np.geomspace(0.01, 1000, 200)
    exact = scores.astype(np.float64)
    losses = [np.mean(np.logaddexp(0, exact / setting) - wanted * exact / setting) for setting in grid]
    return float(grid[int(np.argmin(losses))])


def sigmoid(scores: Array) -> Array:
    """The logistic function, float32."""
    half: Array = (0.5 * (1 + np.tanh(0.5 * scores))).astype(np.float32)
    return half


def softmax(scores: Array) -> Array:
    """Softmax of each row, float32."""
    raised = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True), dtype=np.float32)


def _numbers(texts: Sequence[str], gold: Sequence[Gold], labels: tuple[str, ...], *, several: bool) -> Ints:
    """Number of each text's label; for several a table of 0 and 1, ``(n_texts, n_labels)``."""
    if not texts or len(texts) != len(gold):
        raise InputError(f"fit got {len(texts)} texts and {len(gold)} labels; pass equally many of both, at least one.")
    number = {label: i for i, label in enumerate(labels)}
    labels_by_item = [labels_of(answer, Output.LABEL) for answer in gold]
    unknown = sorted({label for answer in labels_by_item for label in answer} - number.keys())
    if unknown:
        raise InputError(
            f"gold holds the label {unknown[0]!r}, which is not among the model's; there are: {', '.join(labels)}."
        )
    if not several:
        return np.array([number[label] for (label,) in labels_by_item], dtype=np.int64)
    table = np.zeros((len(gold), len(labels)), dtype=np.int64)
    for row, answer in enumerate(labels_by_item):
        table[row, [number[label] for label in answer]] = 1
    return table
