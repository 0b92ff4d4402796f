from __future__ import annotations

from itertools import combinations
from math import log

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from goldilocks import plugins
from goldilocks.demonstrations import dpp, influence
from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text


def _unit(rows: object) -> Floats:
    table = np.asarray(rows, dtype=np.float64)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))


def _chosen(
    name: str,
    vectors: Floats,
    query: Floats,
    count: int,
    *,
    texts: tuple[Text, ...] | None = None,
    gold: tuple[Gold, ...] | None = None,
    item: Text = "",
) -> list[int]:
    own = texts or tuple(str(row) for row in range(len(vectors)))
    answers = gold or ("a",) * len(own)
    return plugins.load("demonstrations", name).select(
        own, answers, item, count, vectors=vectors, query_vector=query, seed=0
    )


def test_nearest_is_by_cosine() -> None:
    vectors = _unit([[1, 0], [1, 1], [0, 1], [3, 1]])
    assert _chosen("nearest", vectors, np.array([1.0, 0.0]), 3) == [0, 3, 1]


def test_mmr_leaves_out_what_repeats_a_chosen_row() -> None:
    vectors = np.array([[1.0, 0.0], [0.99, 0.141], [0.6, 0.8]])
    query = np.array([0.95, 0.312])
    assert _chosen("nearest", vectors, query, 3) == [1, 0, 2]  # cosines .950, .985, .820

    # After row 1:  row 0 is worth (.950 - .990) / 2 = -.020,  row 2 is worth (.820 - .707) / 2 = .057.
    assert _chosen("mmr", vectors, query, 3) == [1, 2, 0]


def test_bm25_by_hand() -> None:
    texts = ("soup soup bread", "soup coach goal", "bank loan money")
    # idf(soup) = ln(1 + 1.5/2.5); lengths are all 3, so the norm is 1.2 and row 0 scores idf · 2 · 2.2 / 3.2.
    from goldilocks.demonstrations.bm25 import _postings

    rows, weights = _postings(texts)["soup"]
    assert rows.tolist() == [0, 1]
    assert weights[0] == pytest.approx(log(1.6) * 4.4 / 3.2)
    assert weights[1] == pytest.approx(log(1.6))
    assert _chosen("bm25", np.zeros((3, 0)), np.zeros(0), 2, texts=texts, item="Soup!") == [0, 1]


def test_dpp_takes_at_each_step_the_row_of_the_highest_determinant() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        vectors = _unit(rng.normal(size=(8, 5)))
        kernel = dpp.kernel(vectors, vectors @ _unit(rng.normal(size=(1, 5)))[0])
        chosen = dpp.greedy(kernel, 4)
        for step in range(4):
            sets = [[*chosen[:step], row] for row in range(8) if row not in chosen[:step]]
            best = max(sets, key=lambda rows: float(np.linalg.det(kernel[np.ix_(rows, rows)])))
            assert best[-1] == chosen[step]


def test_dpp_is_close_to_the_best_set_of_all() -> None:
    rng = np.random.default_rng(1)
    gaps = []
    for _ in range(20):
        vectors = _unit(rng.normal(size=(8, 6)))
        kernel = dpp.kernel(vectors, vectors @ _unit(rng.normal(size=(1, 6)))[0])
        values: dict[tuple[int, ...], float] = {
            rows: np.linalg.slogdet(kernel[np.ix_(rows, rows)])[1] for rows in combinations(range(8), 3)
        }
        gaps.append(max(values.values()) - values[tuple(sorted(dpp.greedy(kernel, 3)))])
    # Greedy need not be optimal: here it is in most of the draws.
    assert min(gaps) > -1e-9
    assert np.median(gaps) < 1e-9


def test_dpp_never_takes_a_copy_before_all_else() -> None:
    vectors = _unit([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1]])
    chosen = _chosen("dpp", vectors, np.array([1.0, 0.0, 0.0]), 4)
    assert sorted(chosen) == [0, 1, 2, 3]
    assert chosen[:2] == [0, 2]
    assert chosen[3] == 1


def test_coverage_adds_what_the_first_row_lacks() -> None:
    # The item has terms 0, 1 and 2. Row 1 repeats row 0; row 2 has what row 0 lacks.
    vectors = _unit([[1, 1, 0, 0], [1, 1, 0, 0.1], [0, 0, 1, 1]])
    query = _unit([[1, 1, 1, 0]])[0]
    assert _chosen("nearest", vectors, query, 2) == [0, 1]
    assert _chosen("coverage", vectors, query, 3) == [0, 2, 1]


def test_vote_k_by_hand() -> None:
    degrees = np.radians([0, 10, -11, 90, 100, 79])
    vectors = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    # Six rows, so k = 1. Edges: 0 -> 1, 1 -> 0, 2 -> 0, 3 -> 4, 4 -> 3, 5 -> 3. Rows 0 and 3 have two votes each; once
    # they are chosen, rows 1 and 4 have lost the only one they had, and the first row that is left comes next.
    assert _chosen("vote_k", vectors, np.zeros(2), 3) == [0, 3, 1]


def test_vote_k_discounts_the_votes_of_rows_that_have_a_neighbour_among_the_chosen() -> None:
    rng = np.random.default_rng(3)
    vectors = _unit(rng.normal(size=(40, 4)))
    similar = vectors @ vectors.T - 10 * np.eye(40)
    neighbours = [set(np.argsort(-row)[:4].tolist()) for row in similar]
    chosen: list[int] = []
    for _ in range(6):
        left = [row for row in range(40) if row not in chosen]
        votes = {row: 10.0 ** -len(neighbours[row] & set(chosen)) for row in left}
        chosen.append(max(left, key=lambda row: sum(votes[v] for v in votes if row in neighbours[v])))
    assert _chosen("vote_k", vectors, np.zeros(4), 6) == chosen


def test_balanced_has_labels_take_turns() -> None:
    gold = ("a",) * 10 + ("b",) * 2
    chosen = _chosen("balanced", np.zeros((12, 0)), np.zeros(0), 4, gold=gold)
    assert sorted(gold[row] for row in chosen) == ["a", "a", "b", "b"]


def test_influence_equals_fitting_again_without_the_row() -> None:
    rng = np.random.default_rng(2)
    vectors, query = _unit(rng.normal(size=(9, 4))), _unit(rng.normal(size=(1, 4)))
    gold: list[Gold] = [str(label) for label in rng.choice(["x", "y", "z"], 9)]
    names = sorted(set(gold), key=repr)
    targets = np.array([[answer == name for name in names] for answer in gold], dtype=float)

    changes = influence.leave_one_out(vectors, gold, vectors @ query[0])

    def fitted(rows: list[int]) -> Floats:
        model = KernelRidge(alpha=influence.PENALTY, kernel="linear").fit(vectors[rows], targets[rows])
        return np.asarray(model.predict(query)[0])

    everything = list(range(9))
    for row in everything:
        without = [other for other in everything if other != row]
        assert changes[row] == pytest.approx(fitted(everything) - fitted(without), abs=1e-9)
