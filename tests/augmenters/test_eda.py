from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from goldilocks import plugins
from goldilocks.augmenters.eda import nearest_words
from goldilocks.testing.augmentation import FakeResources

EDA = plugins.load("augmenters", "eda")


class NoTable(FakeResources):
    def embed_words(self, words: object) -> None:  # type: ignore[override]
        return None

    def segmented(self, texts: object) -> None:
        return None


class ChineseTable(FakeResources):
    """Words of two characters, all of them near each other."""

    def embed_unspaced_words(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.ones((len(words), 2), dtype=np.float32)


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


def test_chinese_words_are_replaced_by_neighbours_and_never_split() -> None:
    texts = ["我们早餐好吃", "午餐美味便宜"]
    words = {"我们", "早餐", "好吃", "午餐", "美味", "便宜"}
    copies = [EDA.varied(texts, EDA.Options(share=0.3), ChineseTable(), seed=seed) for seed in range(20)]
    first = [copy for copy, _ in copies]
    pieces = [{copy[at : at + 2] for at in range(0, len(copy), 2)} for copy in first]
    assert all(own <= words for own in pieces)
    assert any(own & {"午餐", "美味", "便宜"} for own in pieces)  # of the other text


def test_no_chinese_word_becomes_its_negation() -> None:
    class Negated(ChineseTable):
        def segmented(self, texts: Sequence[str]) -> list[list[str]]:
            return [["不喜欢"] if text == "不喜欢" else ["喜欢"] for text in texts]

    for seed in range(20):
        assert EDA.varied(["喜欢", "不喜欢"], EDA.Options(), Negated(), seed=seed) == ["喜欢", "不喜欢"]


@pytest.mark.parametrize("text", ["", "word", "?"])
def test_a_text_with_nothing_to_vary_stays(text: str) -> None:
    assert EDA.varied([text], EDA.Options(), NoTable(), seed=0) == [text]
