from __future__ import annotations

from typing import Any

import pytest

from goldilocks.data.transforms.rankings import gathered

ROLES = ["query", "candidates", "relevance", "item", "group"]


def _rows(*rows: list[Any]) -> list[tuple[int, Any]]:
    return list(gathered(iter(enumerate(rows, start=1)), ROLES))


def test_rows_of_a_query_become_one_row_with_the_number_of_the_first() -> None:
    result = _rows(["q", None, "1", "a", None], ["r", None, 0, "c", None], ["q", None, 0.5, "b", ""])
    assert [(number, cells[:3]) for number, cells in result] == [
        (1, ["q", ["a", "b"], [1.0, 0.5]]),
        (2, ["r", ["c"], [0.0]]),
    ]


def test_group_parts_equal_queries() -> None:
    result = _rows(["q", None, 1, "a", 1], ["q", None, 0, "b", 2])
    assert [cells[1] for _, cells in result] == [["a"], ["b"]]


def test_lists_stay_as_they_are() -> None:
    row = ["q", ["a", "b"], [1, 0], None, None]
    assert _rows(row) == [(1, row)]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["q", None, "high", "b", 1], "relevance is 'high', not a number"),
        (["other", None, 1, "b", 1], "another query than row 1 of its group"),
        (["q", None, None, "b", 1], "relevance is empty"),
        (["q", None, 1, 7, 1], "item is a int, not text"),
    ],
)
def test_row_that_cannot_be_part_of_a_list_is_reported_and_the_list_goes_on(row: list[Any], words: str) -> None:
    result = _rows(["q", None, 1, "a", 1], row, ["q", None, 0, "c", 1])
    assert result[0] == (2, words)
    assert result[1][1][1] == ["a", "c"]


def test_other_tasks_rows_pass_untouched() -> None:
    rows = iter([(1, ["text", "label"])])
    assert gathered(rows, ["text", "label"]) is rows
