from __future__ import annotations

import pytest

from goldilocks.errors import InputError
from goldilocks.metrics._shared.rouge import ngram_f1
from goldilocks.support.text.units import chinese, in_pairs, references


def test_text_is_chinese_where_half_its_letters_are() -> None:
    assert chinese(["我们用 GPU"])  # 3 of 6
    assert not chinese(["我们用 GPUs"])
    assert not chinese(["", "123"])


def test_references_are_one_text_or_a_tuple() -> None:
    assert references("a") == ("a",)
    assert references(("a", "b")) == ("a", "b")
    with pytest.raises(InputError, match="1 gold and 0 predicted texts"):
        in_pairs(["a"], [])


def test_run_that_occurs_twice_counts_twice() -> None:
    # "a b" twice in the reference, once in the answer: 1 of 3 and of 1.
    assert ngram_f1([*"abab"], [*"ab"], 2) == pytest.approx(2 * 1 / (3 + 1))
    assert ngram_f1([], [], 1) == 0
