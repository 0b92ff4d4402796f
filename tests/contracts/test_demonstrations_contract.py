from __future__ import annotations

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.nets.generation.example_selection import TfIdf
from goldilocks.records import Gold, Text
from goldilocks.testing import tiny

POOL = tiny.part(60)
PAIRS: tuple[Text, ...] = tuple((str(text), str(text)[::-1]) for text in POOL.texts)


def _select(
    name: str, query: Text, count: int, *, seed: int = 0, texts: tuple[Text, ...] = POOL.texts, n_rows: int = 60
) -> list[int]:
    strategy = plugins.load("demonstrations", name)
    pool, gold = texts[:n_rows], tuple(POOL.gold[:n_rows])
    tf_idf = TfIdf(pool)
    vectors = tf_idf.vectors(pool) if strategy.USES_VECTORS else np.zeros((n_rows, 0), np.float32)
    return strategy.select(
        pool,
        gold,
        query if strategy.PER_ITEM else None,
        count,
        vectors=vectors,
        query_vector=tf_idf.vectors([query])[0] if strategy.USES_VECTORS else np.zeros(0, np.float32),
        seed=seed,
    )


@pytest.mark.parametrize("name", plugins.names("demonstrations"))
def test_strategy_keeps_its_contract(name: str) -> None:
    strategy = plugins.load("demonstrations", name)
    assert strategy.SOURCE
    cases: list[tuple[tuple[Text, ...], Text]] = [
        (POOL.texts, "soup with bread"),
        (PAIRS, ("soup", "bread")),
        (POOL.texts, ""),
    ]
    for texts, query in cases:
        for n_rows, count in ((60, 8), (5, 8), (1, 1), (60, 1)):
            chosen = _select(name, query, count, texts=texts, n_rows=n_rows)
            assert len(chosen) == len(set(chosen)) == min(count, n_rows)
            assert all(type(row) is int and 0 <= row < n_rows for row in chosen)
            assert chosen == _select(name, query, count, texts=texts, n_rows=n_rows)
    assert _select(name, "soup", 4, n_rows=0) == []


@pytest.mark.parametrize("name", plugins.names("demonstrations"))
def test_strategy_depends_on_the_query_just_where_it_says_so(name: str) -> None:
    cooking, sports = _select(name, "soup kitchen oven", 6), _select(name, "coach stadium referee", 6)

    if plugins.load("demonstrations", name).PER_ITEM:
        gold: tuple[Gold, ...] = POOL.gold
        assert [gold[row] for row in cooking].count("food") >= 3
        assert [gold[row] for row in sports].count("sport") >= 3
        assert cooking != sports
    else:
        assert cooking == sports


@pytest.mark.parametrize("name", plugins.names("demonstrations"))
def test_rows_without_a_known_word_are_no_problem(name: str) -> None:
    strategy = plugins.load("demonstrations", name)
    nothing = np.zeros((4, 3), np.float32)
    chosen = strategy.select(
        ("!", "?", "!", "."), ("a", "b", "a", "b"), "-", 3, vectors=nothing, query_vector=nothing[0], seed=0
    )
    assert len(set(chosen)) == 3
