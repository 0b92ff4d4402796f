from __future__ import annotations

import hashlib

import pytest

from goldilocks.data.fingerprint import fingerprint
from goldilocks.records import Part

ONE = Part(("x", "yz"), ("a", "b"), (1, 2))


def test_it_is_the_start_of_sha256() -> None:
    expected = hashlib.sha256(b"part 2\n1 1 xa2 1 yzb" + b"part 0\n").hexdigest()
    assert fingerprint([ONE, Part()]) == expected[:16]


@pytest.mark.parametrize(
    "other",
    [
        Part(("yz", "x"), ("b", "a"), (1, 2)),  # another order
        Part(("x", "yz"), ("a", "c"), (1, 2)),
        Part(("xa", "yz"), ("", "b"), (1, 2)),  # the border between text and label moved
        Part(("x",), ("a",), (1,)),
    ],
)
def test_other_rows_have_another_name(other: Part) -> None:
    assert fingerprint([ONE]) != fingerprint([other])


def test_row_numbers_and_pieces_do_not_count() -> None:
    assert fingerprint([ONE]) == fingerprint([Part(ONE.texts, ONE.gold, (8, 9))])
    assert fingerprint([ONE, Part()]) != fingerprint([Part(), ONE])
