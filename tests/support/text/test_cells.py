from __future__ import annotations

from typing import Any

import pytest

from goldilocks.support.text.cells import empty, label_of, label_problem, text_problem


@pytest.mark.parametrize(
    ("cell", "expected"),
    [(None, True), (float("nan"), True), ("", True), (" \t\n", True), ("x", False), (0, False), (False, False)],
)
def test_nothing_nan_and_white_space_are_empty(cell: Any, expected: bool) -> None:
    assert empty(cell) is expected


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (None, "question is empty"),
        (" ", "question is empty"),
        (3, "question is a int, not text"),
        (["x"], "question is a list, not text"),
        ("a\x00b", "question holds a NUL byte"),
        ("half \ud83d", "question holds half a character (a lone surrogate)"),
        ("\u200b \ufeff\u00a0", "question is empty"),
    ],
)
def test_a_cell_that_is_no_text_is_reported_by_its_role(cell: Any, problem: str) -> None:
    assert text_problem("question", cell) == problem


@pytest.mark.parametrize("cell", ["x", "naïve 又一句 🙂", "👩\u200d👧", "\ufffd", " padded "])
def test_any_text_is_a_text(cell: str) -> None:
    assert text_problem("text", cell) is None


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (None, "label is empty"),
        ("  ", "label is empty"),
        (float("nan"), "label is NaN"),
        (" NaN ", "label is NaN"),
        (["a"], "label is a list, not a single value"),
        ({"a": 1}, "label is a dict, not a single value"),
        ("a\x00", "label holds a NUL byte"),
        ("x\ud800", "label holds half a character (a lone surrogate)"),
    ],
)
def test_a_cell_that_is_no_label_is_reported(cell: Any, problem: str) -> None:
    assert label_problem("label", cell) == problem


@pytest.mark.parametrize(
    ("cell", "label"), [("spam", "spam"), (" spam ", "spam"), (1, "1"), (1.0, "1"), (1.5, "1.5"), (True, "True")]
)
def test_a_label_is_a_word_without_the_space_around_it(cell: Any, label: str) -> None:
    assert label_problem("label", cell) is None
    assert label_of(cell) == label
