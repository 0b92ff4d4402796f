from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.augmenters.eda import nearest_words
from goldilocks.testing.augmentation import FakeResources

EDA = plugins.load("augmenters", "eda")


class NoTable(FakeResources):
    def embed_words(self, words: object) -> None:  # type: ignore[override]
        return None


def test_neighbours_are_the_nearest_other_words_by_cosine() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [-1, 0]], dtype=np.float32)
    got = nearest_words(["a", "b", "c", "d", "e"], vectors, 0.6)
    assert got == {"a": ("b",), "b": ("a",), "c": ("d",), "d": ("c",)}


def test_the_same_word_in_another_case_is_no_neighbour() -> None:
    assert nearest_words(["Card", "card"], np.ones((2, 3), dtype=np.float32), 0.5) == {}


def test_one_operation_changes_a_share_of_the_words() -> None:
    text = "one two three four five six seven eight nine ten"
    before = Counter(text.split())
    for seed in range(30):
        (copy,) = EDA.varied([text], EDA.Options(share=0.2), FakeResources(), seed=seed)
        after = Counter(copy.split())
        gone, new = (before - after).total(), (after - before).total()
        # Swapped: none; deleted: 2 gone; replaced: up to 2 gone and as many new; inserted: 2 new.
        assert (gone, new) in {(0, 0), (2, 0), (1, 1), (2, 2), (0, 2)}


def test_without_a_table_words_are_only_swapped_or_deleted() -> None:
    text = "one two three four five six"
    for seed in range(20):
        (copy,) = EDA.varied([text], EDA.Options(), NoTable(), seed=seed)
        assert set(copy.split()) <= set(text.split())


def test_chinese_pieces_are_characters() -> None:
    copies = {EDA.varied(["我的卡还没到"], EDA.Options(), NoTable(), seed=seed)[0] for seed in range(20)}
    assert len(copies) > 3
    assert all(set(copy) <= set("我的卡还没到") and " " not in copy for copy in copies)


@pytest.mark.parametrize("text", ["", "word", "?"])
def test_a_text_with_nothing_to_vary_stays(text: str) -> None:
    assert EDA.varied([text], EDA.Options(), NoTable(), seed=0) == [text]
