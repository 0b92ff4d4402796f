from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from goldilocks.classical import collaborative as filtering
from goldilocks.classical.collaborative import ItemIndex
from goldilocks.errors import InputError
from goldilocks.families import collaborative
from goldilocks.records import Answer, Gold, Text, Workload


def _rows(n_rows: int = 60) -> tuple[list[tuple[str, ...]], list[tuple[float, ...]]]:
    """Who liked Alien likes Scream, who liked Babe likes Shrek; no word of the titles says so."""
    texts: list[tuple[str, ...]] = []
    gold: list[tuple[float, ...]] = []
    for row in range(n_rows):
        liked, next_film = ("Alien", "Scream") if row % 2 else ("Babe", "Shrek")
        candidates = ("Scream", "Shrek", "Heat", "Alien", "Babe")
        texts.append((f"{liked}; Heat", *candidates))
        gold.append(tuple(float(candidate == next_film) for candidate in candidates))
    return texts, gold


def _scores(value: Answer) -> list[float]:
    assert isinstance(value, tuple)
    return [float(number) for number in value]


@pytest.mark.parametrize("name", collaborative.NAMES)
def test_what_goes_with_the_history_comes_first(name: str) -> None:
    texts, gold = _rows()
    model = collaborative.Collaborative(name)
    model.fit(texts, gold, seed=0)

    answers = model.predict([("Alien", "Scream", "Shrek"), ("Babe", "Scream", "Shrek")])

    after_alien, after_babe = map(_scores, answers.values)
    assert after_alien[0] > after_alien[1]
    assert after_babe[1] > after_babe[0]


def test_unknown_candidate_is_ranked_by_the_words_it_shares_with_the_query() -> None:
    model = collaborative.Collaborative("item_knn")
    model.fit(*_rows(40), seed=0)  # too few to fit the mixture: everything counts alike

    scores = _scores(model.predict([("green horse", "red horse", "blue cow")]).values[0])

    assert scores[0] > scores[1] == 0


def test_mixture_is_fitted_on_rows_that_the_counts_have_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    model = collaborative.Collaborative("item_knn")
    counted: list[int] = []
    count = model._count

    def counting(texts: Sequence[Text], gold: Sequence[Gold], seed: int) -> None:
        counted.append(len(texts))
        count(texts, gold, seed)

    monkeypatch.setattr(model, "_count", counting)

    model.fit(*_rows(100), seed=0)

    assert counted == [80, 100]


def test_neighbours_are_shrunk_cosines_without_the_item_itself() -> None:
    # items 0 and 1 share both histories, item 2 has one of its own
    table = sp.csr_array(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=np.float32))

    alike = filtering.neighbours(table).toarray()

    # 2 / (√2 · √2 + 10)
    assert alike == pytest.approx(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]]) * 2 / 12)


def test_factors_score_an_item_of_the_same_histories_above_another() -> None:
    rows = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]] * 10
    items = filtering.factors(sp.csr_array(np.array(rows, dtype=np.float32)), seed=0)

    scores = filtering.factor_scores(items, filtering.penalised_square(items), [0])

    assert scores[1] > 0.5 > max(scores[2], scores[3])


def test_items_are_found_as_whole_words_and_the_longest_counts() -> None:
    index = ItemIndex(["Heat", "Heat, The (1995): crime", "霸王别姬", "无间道"])

    assert index.mentioned("Heat, The (1995): crime; Heat; Heater") == [1, 0]
    assert index.mentioned("无间道、霸王别姬") == [3, 2]
    assert index.mentioned("") == []


def test_pairs_are_declined_with_the_reason() -> None:
    pair = Workload(rows=10, characters=10.0, words=2.0, labels=0, texts=2.0)

    assert collaborative.unsuited(pair) == "ranks candidates by histories; the items are not queries with candidates"


def test_no_items_are_refused() -> None:
    with pytest.raises(InputError, match="fit got 0 items and 0 answers; pass equally many of both, at least one"):
        collaborative.Collaborative("item_knn").fit([], [], seed=0)


@pytest.mark.parametrize("name", collaborative.NAMES)
def test_saved_model_scores_as_before(name: str, tmp_path: Path) -> None:
    texts, gold = _rows()
    model = collaborative.Collaborative(name)
    model.fit(texts, gold, seed=0)
    model.save(tmp_path)

    again = collaborative.restore(tmp_path)

    for value, other in zip(again.predict(texts[:4]).values, model.predict(texts[:4]).values, strict=True):
        assert _scores(value) == pytest.approx(_scores(other))
