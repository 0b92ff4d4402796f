from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.classical.popularity import Popularity, restored
from goldilocks.errors import InputError

LISTS = [("query one", "soup", "bread", "bank"), ("query two", "soup", "goal")]
RELEVANCE = [("1", "0", "2"), ("1", "0")]


def test_candidate_scores_the_relevance_it_had_in_training() -> None:
    model = Popularity()
    model.fit(LISTS, RELEVANCE, seed=0)
    # soup 1 + 1, bank 2, bread 0; unseen candidates 0
    assert model.predict([("any query", "bank", "bread", "soup", "new")]).values == ((2.0, 0.0, 2.0, 0.0),)


def test_pair_scores_the_mean_of_training() -> None:
    model = Popularity()
    model.fit([("a", "b"), ("c", "d")], [1.0, 4.0], seed=0)
    assert model.predict([("x", "y"), ("z", "z")]).values == (2.5, 2.5)


def test_model_that_was_saved_predicts_the_same(tmp_path: Path) -> None:
    model = Popularity()
    model.fit(LISTS, RELEVANCE, seed=0)
    model.save(tmp_path / "model")
    again = restored(tmp_path / "model")
    assert again.predict(LISTS).values == model.predict(LISTS).values
    assert again.size_bytes() == model.size_bytes() > 8


@pytest.mark.parametrize(("texts", "gold"), [([], []), (LISTS, RELEVANCE[:1])])
def test_items_without_a_score_each_are_refused(texts: list[tuple[str, ...]], gold: list[tuple[str, ...]]) -> None:
    with pytest.raises(InputError, match="pass equally many of both, at least one"):
        Popularity().fit(texts, gold, seed=0)
