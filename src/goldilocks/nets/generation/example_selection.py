"""Selection of few-shot examples (demonstrations): the options of `in_context`, and which training rows in which order.

A strategy (``demonstrations/``) chooses them once for all items or for each item. For each item, training rows that are
the item, or nearly so, are never chosen: a prompt would hold the answer it asks for.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log
from typing import Any, Literal, TypeVar, cast, get_args

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text, as_text
from goldilocks.support.text.units import words

Order = Literal["auto", "best_last", "best_first", "random", "search"]
Position = Literal["after_instruction", "start", "search"]
Calibration = Literal["batch", "contextual", "none"]

MAX_POOL = 2_000
"""Training rows, drawn at random, among which examples are chosen by similarity; a bundle holds their texts."""
MAX_TERMS = 4_096
"""Terms of the vectors: those of most rows."""
SAME = 0.8
"""Jaccard similarity of character 4-grams from which a training row counts as a duplicate of the item."""

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Settings:
    """How few-shot examples are chosen and arranged."""

    strategy: str = "balanced"
    """A file name in ``demonstrations/``."""
    order: Order = "auto"
    """``auto`` is ``best_last`` where examples are chosen for each item, and otherwise as they were drawn."""
    position: Position = "after_instruction"
    """Their position in the prompt."""
    calibration: Calibration = "batch"
    """How scores of labels are freed from what a decoder prefers anyway."""
    permutation: int = 0
    """Number of the permutation where the order is ``random``."""
    cached: int = 0
    """Balanced examples for all items that come before those of each item."""
    tokens: int = 0
    """Most tokens of the examples together, without cached ones; 0: no limit but the context."""


def settings(strategy: str, order: str, position: str, calibration: str, cached: int = 0, tokens: int = 0) -> Settings:
    """Checked settings.

    Raises:
        MissingError: there is no such strategy.
        InputError: there is no such order, position or calibration, or fixed examples are to be cached.
    """
    plugins.load("demonstrations", strategy)
    for name, value, kind in (
        ("order", order, Order),
        ("position", position, Position),
        ("calibration", calibration, Calibration),
    ):
        if value not in get_args(kind):
            raise InputError(f"in_context: {name} is {value!r}; use one of {', '.join(get_args(kind))}.")
    if cached < 0 or (cached and not per_item(strategy)):
        raise InputError(
            f"in_context: cached is {cached} with demonstrations: {strategy}; it is a number of further examples, for "
            "strategies that choose the others for each item."
        )
    if tokens < 0:
        raise InputError(f"in_context: tokens is {tokens}; it is a number of tokens, or 0 for no limit.")
    return Settings(
        strategy,
        cast(Order, order),
        cast(Position, position),
        cast(Calibration, calibration),
        cached=cached,
        tokens=tokens,
    )


def arrangements(settings: Settings) -> list[Settings]:
    """What a search compares: each order (two random ones) at each position, where these are to be searched."""
    searched: list[tuple[Order, int]] = [("best_last", 0), ("best_first", 0), ("random", 0), ("random", 1)]
    orders = searched if settings.order == "search" else [(settings.order, settings.permutation)]
    positions: list[Position] = ["after_instruction", "start"] if settings.position == "search" else [settings.position]
    return [
        replace(settings, order=order, permutation=number, position=position)
        for position in positions
        for order, number in orders
    ]


def per_item(strategy: str) -> bool:
    """Whether a strategy chooses examples for each item."""
    return plugins.load("demonstrations", strategy).PER_ITEM


def pool_rows(strategy: str, n_rows: int, *, seed: int) -> list[int]:
    """Rows among which a strategy chooses: all, or ``MAX_POOL`` drawn at random where it compares each with others."""
    plugin = plugins.load("demonstrations", strategy)
    if n_rows <= MAX_POOL or not (plugin.PER_ITEM or plugin.USES_VECTORS):
        return list(range(n_rows))
    return sorted(np.random.default_rng(seed).permutation(n_rows)[:MAX_POOL].tolist())


def fixed_rows(strategy: str, texts: Sequence[Text], gold: Sequence[Gold], count: int, *, seed: int) -> list[int]:
    """Rows that a strategy chooses for all items, best first."""
    plugin = plugins.load("demonstrations", strategy)
    rows = pool_rows(strategy, len(texts), seed=seed)
    pool = tuple(texts[row] for row in rows)
    vectors = TfIdf(pool).vectors(pool) if plugin.USES_VECTORS else np.zeros((len(pool), 0), np.float32)
    chosen = plugin.select(
        pool,
        tuple(gold[row] for row in rows),
        None,
        count,
        vectors=vectors,
        query_vector=np.zeros(vectors.shape[1], np.float32),
        seed=seed,
    )
    return [rows[place] for place in chosen]


def arranged(examples: Sequence[Entry], settings: Settings, *, best_last: bool, seed: int) -> list[Entry]:
    """Examples, given best first, in the order of the prompt.

    Args:
        examples: Best first.
        settings: The order; ``random`` is one permutation, the same for all items.
        best_last: What ``auto`` means.
        seed: Seed of the permutation.

    Example:
        >>> arranged("abc", Settings(order="best_last"), best_last=False, seed=0)
        ['c', 'b', 'a']
    """
    if settings.order == "random":
        places = np.random.default_rng([seed, settings.permutation]).permutation(len(examples))
        return [examples[place] for place in places.tolist()]
    last = best_last if settings.order == "auto" else settings.order == "best_last"
    return list(reversed(examples)) if last else list(examples)


def unlike(items: Sequence[Text], others: Sequence[Text]) -> list[int]:
    """Positions of the items that are not duplicates of any of ``others``."""
    index = _ShingleIndex(others)
    return [place for place, item in enumerate(items) if not (index.similarity(item) >= SAME).any()]


class ExampleSelector:
    """Chooses few-shot examples for each item from a pool of training rows."""

    def __init__(
        self, settings: Settings, shots: int, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int
    ) -> None:
        """Vectors of the pool are computed here. Of rows with one text the first is kept.

        Args:
            settings: A strategy that chooses for each item.
            shots: Examples for each item.
            texts: The pool's texts as prompts show them.
            gold: Their gold answers.
            seed: Seed of the strategy and of a random order.
        """
        self.settings, self.shots, self.seed = settings, shots, seed
        first: dict[Text, Gold] = {}
        for text, answer in zip(texts, gold, strict=True):
            first.setdefault(text, answer)
        self.texts, self.gold = tuple(first), tuple(first.values())
        self._plugin = plugins.load("demonstrations", settings.strategy)
        self._tf_idf = TfIdf(self.texts if self._plugin.USES_VECTORS else ())
        self._vectors = self._tf_idf.vectors(self.texts)
        self._shingles = _ShingleIndex(self.texts)

    def chosen(self, item: Text, *, shown: Text | None = None) -> list[int]:
        """Positions in the pool, best first; never one of a (near) duplicate of the item.

        ``shown`` is the item as it would be in the pool, truncated as its texts are: a duplicate is known by it.
        """
        similar = self._shingles.similarity(item)
        if shown is not None:
            similar = np.maximum(similar, self._shingles.similarity(shown))
        distinct = np.flatnonzero(similar < SAME)
        everything = len(distinct) == len(self.texts)
        rows: list[int] = distinct.tolist()
        places = self._plugin.select(
            self.texts if everything else tuple(self.texts[row] for row in rows),
            self.gold if everything else tuple(self.gold[row] for row in rows),
            item,
            self.shots,
            vectors=self._vectors if everything else self._vectors[distinct],
            query_vector=self._tf_idf.vectors([item])[0],
            seed=self.seed,
        )
        return [rows[place] for place in places]

    def examples(self, item: Text, *, shown: Text | None = None) -> list[tuple[Text, Gold]]:
        """The item's examples with their answers, best first; see ``chosen``."""
        return [(self.texts[row], self.gold[row]) for row in self.chosen(item, shown=shown)]

    def arranged(self, examples: Sequence[Entry]) -> list[Entry]:
        """Examples, given best first, in the order of the prompt."""
        return arranged(examples, self.settings, best_last=True, seed=self.seed)

    def rearranged(self, settings: Settings) -> ExampleSelector:
        """The same examples in another order."""
        selector = copy.copy(self)
        selector.settings = settings
        return selector

    def size_bytes(self) -> int:
        """Bytes of the pool's texts and vectors."""
        n_bytes = sum(len(as_text(text).encode()) for text in self.texts) + sum(len(str(gold)) for gold in self.gold)
        return n_bytes + int(self._vectors.nbytes)

    def to_plain(self) -> dict[str, Any]:
        """As JSON, for ``selector_from``."""
        pool = [[text, gold] for text, gold in zip(self.texts, self.gold, strict=True)]
        return {
            "strategy": self.settings.strategy,
            "order": self.settings.order,
            "permutation": self.settings.permutation,
            "tokens": self.settings.tokens,
            "shots": self.shots,
            "seed": self.seed,
            "pool": pool,
        }


def selector_from(raw: Mapping[str, Any] | None) -> ExampleSelector | None:
    """A selector from the JSON of ``ExampleSelector.to_plain``; ``None`` from ``None``."""
    if raw is None:
        return None
    texts = [_tupled(text) for text, _ in raw["pool"]]
    gold = [_tupled(answer) for _, answer in raw["pool"]]
    settings = Settings(raw["strategy"], raw["order"], permutation=raw["permutation"], tokens=raw.get("tokens", 0))
    return ExampleSelector(settings, raw["shots"], texts, gold, seed=raw["seed"])


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


# --------------------------------------------------------------------------------------------------------- similarity


class TfIdf:
    """TF-IDF vectors over words and pairs of words, of length 1.

    A term that occurs n times in a text weighs (1 + ln n) · (ln((1 + texts) / (1 + texts with the term)) + 1), as in
    scikit-learn's ``TfidfVectorizer`` with ``sublinear_tf``.
    """

    def __init__(self, texts: Sequence[Text]) -> None:
        """The terms of ``texts``: at most ``MAX_TERMS``, those of most texts."""
        n_texts_with = Counter(term for text in texts for term in set(_terms(text)))
        common = sorted(n_texts_with, key=lambda term: (-n_texts_with[term], term))[:MAX_TERMS]
        self.columns = {term: column for column, term in enumerate(common)}
        counts = np.array([n_texts_with[term] for term in common], dtype=np.float64)
        self._idf = np.log((1 + len(texts)) / (1 + counts)) + 1

    def vectors(self, texts: Sequence[Text]) -> Floats:
        """``(n_texts, n_terms)``, float32; 0 where a text has no known term."""
        table = np.zeros((len(texts), len(self.columns)), dtype=np.float32)
        for row, text in zip(table, texts, strict=True):
            for term, n_times in Counter(_terms(text)).items():
                column = self.columns.get(term)
                if column is not None:
                    row[column] = (1 + log(n_times)) * self._idf[column]
            length = float(np.linalg.norm(row))
            row /= length or 1.0
        return table


def _terms(text: Text) -> list[str]:
    own = words(as_text(text))
    return [*own, *(f"{first} {second}" for first, second in pairwise(own))]


class _ShingleIndex:
    """Jaccard similarity of an item to all rows of a pool, over character 4-grams."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._columns: dict[str, int] = {}
        rows = [_shingles(text) for text in texts]
        indices = [self._columns.setdefault(shingle, len(self._columns)) for row in rows for shingle in row]
        self._sizes = np.array([len(row) for row in rows], dtype=np.float64)
        starts = np.concatenate([[0], np.cumsum(self._sizes)]).astype(np.int64)
        shape = (len(rows), max(1, len(self._columns)))
        self._table = sp.csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=shape)

    def similarity(self, item: Text) -> npt.NDArray[np.float64]:
        """``(n_rows,)``, from 0 to 1."""
        own = _shingles(item)
        indicator = np.zeros(self._table.shape[1], dtype=np.float32)
        indicator[[self._columns[shingle] for shingle in own if shingle in self._columns]] = 1
        common = self._table @ indicator
        return np.asarray(common / np.maximum(1.0, self._sizes + len(own) - common))


def _shingles(text: Text) -> list[str]:
    """Different character 4-grams of the words in lower case, sorted; punctuation and spacing do not count."""
    plain = f" {' '.join(words(as_text(text)))} "
    return sorted({plain[start : start + 4] for start in range(max(1, len(plain) - 3))})
