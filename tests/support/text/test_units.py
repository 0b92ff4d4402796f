from __future__ import annotations

import random

import pytest

from goldilocks.errors import InputError
from goldilocks.metrics._shared.rouge import longest_common, ngram_f1
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


def test_longest_common_subsequence_is_that_of_the_table() -> None:
    rng = random.Random(1)
    for _ in range(50):
        one, other = ([rng.choice("abcd") for _ in range(rng.randint(0, 90))] for _ in range(2))
        table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
        for i, left in enumerate(one):
            for j, right in enumerate(other):
                table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
        assert longest_common(one, other) == table[-1][-1]


def test_run_that_occurs_twice_counts_twice() -> None:
    # "a b" twice in the reference, once in the answer: 1 of 3 and of 1.
    assert ngram_f1([*"abab"], [*"ab"], 2) == pytest.approx(2 * 1 / (3 + 1))
    assert ngram_f1([], [], 1) == 0
