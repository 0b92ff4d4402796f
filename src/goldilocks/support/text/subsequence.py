"""Longest common subsequence."""

from __future__ import annotations

from collections.abc import Sequence


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, a row of the table per step as the bits of one integer.

    Source:
        Hyyrö 2004, "Bit-Parallel LCS-Length Computation Revisited".

    Example:
        >>> longest_common_subsequence("the cat sat down".split(), "a cat has sat".split())
        2
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(first)) - 1
    row = every
    for word in second:
        shared = row & places.get(word, 0)
        row = ((row + shared) | (row - shared)) & every
    return len(first) - row.bit_count()
