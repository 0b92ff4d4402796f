from __future__ import annotations

from goldilocks import plugins
from goldilocks.augmenters.chinese_noise import near_homophones
from goldilocks.testing.augmentation import FakeResources

CHARACTERS, CHINESE = plugins.load("augmenters", "char_noise"), plugins.load("augmenters", "chinese_noise")


def test_long_words_get_one_typing_error_between_their_ends() -> None:
    text = "my refund for the broken headphones is still missing today"
    for seed in range(30):
        (copy,) = CHARACTERS.varied([text], CHARACTERS.Options(share=0.2), FakeResources(), seed=seed)
        pairs = list(zip(text.split(" "), copy.split(" "), strict=True))
        changed = [(old, new) for old, new in pairs if old != new]
        assert len(changed) <= 2  # of ten words
        for old, new in changed:
            assert len(old) >= 4
            assert (old[0], old[-1]) == (new[0], new[-1])
            assert abs(len(old) - len(new)) <= 1


def test_words_of_three_letters_and_chinese_stay() -> None:
    for text in ("we saw him", "我的卡还没有到"):
        assert CHARACTERS.varied([text], CHARACTERS.Options(share=1.0), FakeResources(), seed=0) == [text]


def test_homophones_are_neighbours_in_the_order_by_pinyin() -> None:
    assert {"它", "她"} <= set(near_homophones("他"))
    assert {"势", "嗜"} <= set(near_homophones("是"))
    assert near_homophones("啊")  # the first of the order
    assert near_homophones("座")  # the last
    assert near_homophones("麤") == []  # not among the common characters


def test_a_share_of_the_characters_changes_and_other_signs_stay() -> None:
    text = "我的 iPhone 还没有到，请问什么时候能收到？"
    copies = [CHINESE.varied([text], CHINESE.Options(share=0.1), FakeResources(), seed=seed)[0] for seed in range(20)]
    assert all(len(copy) == len(text) for copy in copies)
    assert all(1 <= sum(old != new for old, new in zip(text, copy, strict=True)) <= 4 for copy in copies)
    assert all("iPhone" in copy and "，" in copy for copy in copies)
