from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from goldilocks import plugins
from goldilocks.errors import InputError, MissingError
from goldilocks.nets.generation import example_selection
from goldilocks.nets.generation.example_selection import (
    ExampleSelector,
    Settings,
    TfIdf,
    arranged,
    arrangements,
    selector_from,
    settings,
    unlike,
)
from goldilocks.records import Gold, Text
from goldilocks.testing import tiny

PER_ITEM = [name for name in plugins.names("demonstrations") if example_selection.per_item(name)]
POOL = tiny.part(40)


def _selector(name: str, texts: tuple[Text, ...] = POOL.texts, gold: tuple[Gold, ...] = POOL.gold) -> ExampleSelector:
    return ExampleSelector(Settings(name), 4, texts, gold, seed=0)


def test_vectors_are_those_of_scikit_learn() -> None:
    texts = [*POOL.texts, "soup soup soup bread", "面包 好吃"]
    own = TfIdf(texts)
    theirs = TfidfVectorizer(
        analyzer=example_selection._terms, sublinear_tf=True, vocabulary=list(own.columns), dtype=np.float64
    )
    assert np.allclose(own.vectors(texts), theirs.fit_transform(texts).toarray(), atol=1e-6)
    assert not own.vectors(["unheard"]).any()


def test_only_the_commonest_terms_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example_selection, "MAX_TERMS", 2)
    assert list(TfIdf(["a b", "a c", "a b"]).columns) == ["a", "a b"]


@pytest.mark.parametrize("name", PER_ITEM)
def test_duplicates_of_the_item_are_never_chosen(name: str) -> None:
    item = "the coach saw a goal in the stadium today, and the referee did not like it"
    copies = (item, item.upper() + "!", item.replace("today", "to-day"))
    texts, gold = (*copies, *POOL.texts), ("sport",) * 3 + POOL.gold
    selector = _selector(name, texts, gold)

    assert min(selector.chosen(item)) >= 3
    # To another item they may be shown.
    assert set(selector.chosen("the coach saw a goal in the stadium")) & {0, 1, 2}


def test_of_a_pool_of_duplicates_nothing_is_chosen() -> None:
    assert _selector("nearest", ("soup today",) * 3, ("food",) * 3).examples("Soup today!") == []


@pytest.mark.parametrize("name", PER_ITEM)
def test_restored_selector_chooses_the_same(name: str) -> None:
    selector = _selector(name, tuple((str(text), "x") for text in POOL.texts))
    again = selector_from(json.loads(json.dumps(selector.to_plain())))
    assert again is not None
    for text in tiny.part(10, seed=1).texts:
        assert again.examples((str(text), "x")) == selector.examples((str(text), "x"))
    assert selector_from(None) is None


def test_pool_is_bounded_where_rows_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example_selection, "MAX_POOL", 7)
    rows = example_selection.pool_rows("nearest", 50, seed=1)
    assert len(set(rows)) == 7
    assert (
        rows == example_selection.pool_rows("nearest", 50, seed=1) != example_selection.pool_rows("nearest", 50, seed=2)
    )
    assert example_selection.pool_rows("balanced", 50, seed=1) == list(range(50))
    assert len(example_selection.fixed_rows("vote_k", POOL.texts, POOL.gold, 4, seed=0)) == 4


def test_order_of_the_examples() -> None:
    assert arranged("abc", Settings(order="best_first"), best_last=True, seed=0) == ["a", "b", "c"]
    assert arranged("abc", Settings(order="best_last"), best_last=False, seed=0) == ["c", "b", "a"]
    assert arranged("abc", Settings(order="auto"), best_last=True, seed=0) == ["c", "b", "a"]
    assert arranged("abc", Settings(order="auto"), best_last=False, seed=0) == ["a", "b", "c"]
    shuffled = [arranged("abcdefgh", Settings(order="random"), best_last=True, seed=seed) for seed in (0, 0, 1)]
    assert shuffled[0] == shuffled[1] != shuffled[2]
    assert sorted(shuffled[0]) == list("abcdefgh")


def test_unknown_strategy_or_order_is_refused() -> None:
    with pytest.raises(MissingError, match=r"No demonstrations plug-in is named 'neares'\. Did you mean 'nearest'"):
        settings("neares", "auto", "start", "none")
    with pytest.raises(InputError, match="order is 'last'; use one of auto, best_last"):
        settings("nearest", "last", "start", "none")
    with pytest.raises(InputError, match="calibration is 'all'; use one of batch, contextual, none"):
        settings("nearest", "auto", "start", "all")


def test_search_compares_orders_and_positions() -> None:
    how = settings("nearest", "search", "search", "batch")
    compared = arrangements(how)
    assert len(compared) == len(set(compared)) == 8
    assert {choice.position for choice in compared} == {"after_instruction", "start"}
    assert arrangements(settings("nearest", "random", "start", "batch")) == [Settings("nearest", "random", "start")]
    first, second = [arranged("abcdefgh", choice, best_last=True, seed=0) for choice in compared[2:4]]
    assert first != second


def test_items_that_are_duplicates_are_left_out() -> None:
    assert unlike(["soup with bread", "a loan"], ["Soup with bread!"]) == [1]
    assert unlike(["soup"], []) == [0]


def test_text_that_is_repeated_is_once_in_the_pool() -> None:
    selector = _selector("nearest", ("soup", "bread soup", "soup", "a loan"), ("a", "b", "c", "d"))
    assert selector.texts == ("soup", "bread soup", "a loan")
    assert selector.gold == ("a", "b", "d")
