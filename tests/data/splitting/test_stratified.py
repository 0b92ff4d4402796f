from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldilocks.data.splitting.stratified import set_aside

some_rows = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 60)), min_size=1, max_size=200)


@settings(max_examples=150, deadline=None)
@given(rows=some_rows, seed=st.integers(0, 5), share=st.sampled_from([0.1, 0.15, 0.3]))
def test_a_split_loses_nothing_splits_no_group_and_starves_no_label(
    rows: list[tuple[str, int]], seed: int, share: float
) -> None:
    gold = [label for label, _ in rows]
    groups = np.array([number for _, number in rows])

    stay, aside = set_aside(gold, groups, share=share, at_most=1000, seed=seed)

    assert sorted(stay + aside) == list(range(len(rows)))
    assert stay == sorted(stay)
    assert aside == sorted(aside)
    assert not set(groups[stay].tolist()) & set(groups[aside].tolist())
    assert {gold[place] for place in stay} == set(gold)
    assert (stay, aside) == set_aside(gold, groups, share=share, at_most=1000, seed=seed)


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.integers(1, 120), min_size=1, max_size=5), seed=st.integers(0, 5))
def test_each_label_keeps_its_share(counts: list[int], seed: int) -> None:
    gold = [str(number) for number, count in enumerate(counts) for _ in range(count)]

    _, aside = set_aside(gold, np.arange(len(gold)), share=0.15, at_most=10_000, seed=seed)

    got = Counter(gold[place] for place in aside)
    for number, count in enumerate(counts):
        # Within a row of its share; one row where there are three or more, none where there are one or two.
        assert abs(got[str(number)] - 0.15 * count) < 1
        assert (got[str(number)] >= 1) == (count >= 3)


def test_another_seed_draws_other_rows() -> None:
    gold = ["a", "b"] * 100
    assert set_aside(gold, np.arange(200), share=0.15, at_most=99, seed=0) != set_aside(
        gold, np.arange(200), share=0.15, at_most=99, seed=1
    )


def test_no_more_rows_than_wanted_are_set_aside() -> None:
    gold = ["a", "b"] * 500
    _, aside = set_aside(gold, np.arange(1000), share=0.15, at_most=40, seed=0)
    assert Counter(gold[place] for place in aside) == {"a": 20, "b": 20}


def test_a_label_of_large_groups_is_tested_by_the_smallest() -> None:
    gold = ["a"] * 12 + ["b"] * 12
    groups = np.array([0] * 4 + [1] * 3 + [2] * 5 + list(range(10, 22)))
    _, aside = set_aside(gold, groups, share=0.15, at_most=99, seed=0)  # the quota of a is 2, its groups have 3 to 5
    assert [place for place in aside if gold[place] == "a"] == [4, 5, 6]


@pytest.mark.parametrize("share", [0.0, 0.15])
def test_nothing_is_set_aside_of_nothing(share: float) -> None:
    assert set_aside([], np.array([], dtype=int), share=share, at_most=10, seed=0) == ([], [])
