from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.records import Gold, Text
from goldilocks.support.disk_columns import CodedColumn, TextColumn

ITEMS: list[Text] = ["soup", "", "汤 🍲", ("a question", "its context"), "line\nbreak", "\ud800 alone"]


def test_texts_come_back_by_position_slice_and_iteration(tmp_path: Path) -> None:
    column = TextColumn(tmp_path)
    for item in ITEMS:
        column.append(item)
    assert list(column) == ITEMS
    assert [column[at] for at in range(len(ITEMS))] == ITEMS
    assert column[-1] == ITEMS[-1]
    assert column[1:4] == tuple(ITEMS[1:4])
    assert column[::2] == tuple(ITEMS[::2])
    assert column[4:1] == ()
    with pytest.raises(IndexError):
        column[len(ITEMS)]


def test_rows_can_be_added_after_some_were_read(tmp_path: Path) -> None:
    column = TextColumn(tmp_path)
    column.append("one")
    assert column[0] == "one"
    column.append("two")
    assert list(column) == ["one", "two"]


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    column = TextColumn(tmp_path / "new")
    column.append("one")
    assert list((tmp_path / "new").iterdir()) == []


def test_answers_are_kept_as_numbers() -> None:
    column = CodedColumn[Gold]()
    for answer in ("a", "b", "a", ("a", "b")):
        column.append(answer)
    assert list(column) == ["a", "b", "a", ("a", "b")]
    assert column[1:3] == ("b", "a")
