from __future__ import annotations

import random

from goldilocks.support.text.subsequence import longest_common_subsequence


def test_longest_common_subsequence_is_that_of_the_table() -> None:
    rng = random.Random(1)
    for _ in range(50):
        first, second = ([rng.choice("abcd") for _ in range(rng.randint(0, 90))] for _ in range(2))
        table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
        for i, left in enumerate(first):
            for j, right in enumerate(second):
                table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
        assert longest_common_subsequence(first, second) == table[-1][-1]
