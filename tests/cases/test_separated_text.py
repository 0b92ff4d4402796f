"""Separated text as programs write it: quotes that pair up, Excel's first line, joined files, blanks before quotes."""

import os
from pathlib import Path
from typing import Any

import pytest
from case_files import reading

from goldilocks import plugins
from goldilocks.data.unlabelled import CopiedColumns, arriving, columns_of
from goldilocks.errors import InputError

PLAIN = "quotes are plain characters here: read as quoting they would have joined or broken rows"


def many(delimiter: str, n_rows: int = 10) -> str:
    return "".join(f"row {number}{delimiter}{'ab'[number % 2]}\n" for number in range(n_rows))


@pytest.mark.parametrize(("delimiter", "name"), [(",", "x.csv"), (";", "x.csv"), ("|", "x.csv"), (";", "x.tsv")])
def test_quotes_that_pair_up_over_lines_of_any_separator_join_no_rows(
    tmp_path: Path, delimiter: str, name: str
) -> None:
    pair = f'"open here{delimiter}a\nmiddle{delimiter}b\nclosed here"{delimiter}a\n'
    got = reading(tmp_path, name, f"text{delimiter}label\n{many(delimiter)}{pair}".encode())
    assert (got.total, len(got.part), got.lines) == (13, 13, 14)
    assert got.part.texts[-3:] == ('"open here', "middle", 'closed here"')
    assert got.remarks[-1] == PLAIN


def test_cells_with_line_ends_and_delimiters_stay_cells(tmp_path: Path) -> None:
    letter = '"Dear sir,\nplease help",a\n"one, two\nthree, four",b\n'
    got = reading(tmp_path, "x.csv", f"text,label\n{many(',')}{letter}".encode())
    assert got.part.texts[-2:] == ("Dear sir,\nplease help", "one, two\nthree, four")
    assert PLAIN not in got.remarks


def test_lines_that_could_be_rows_are_named_where_nothing_decides(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b'text,label\n"a,x\nb,y\nc",x\nd,z\n')
    assert got.total == 2
    assert got.remarks[0].startswith("1 quoted cells hold line ends, and their lines could be rows themselves (row 1)")


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n", "\n\nsep=;\n"])
def test_first_line_of_excel_is_no_header(tmp_path: Path, first: str) -> None:
    content = f"{first}text;label\na, b;x\nc;y\n".encode()
    if first.startswith("\n"):  # not where Excel writes it
        with pytest.raises(InputError, match="there is no column 'text'"):
            reading(tmp_path, "x.csv", content)
        return
    got = reading(tmp_path, "x.csv", content)
    assert (got.part.texts, got.part.gold) == (("a, b", "c"), ("x", "y"))
    (tmp_path / "y.csv").write_bytes(content)
    task = plugins.load("tasks", "text_classification")
    asked = [row for batch in arriving(tmp_path / "y.csv", task, columns_of(task, {})) for row in batch]
    assert asked == [(1, "a, b"), (2, "c")]


def test_empty_lines_above_the_header_are_passed_over(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b"\n \ntext,label\na,x\n")
    assert (got.part.texts, got.part.gold) == (("a",), ("x",))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_header_of_a_second_file_is_no_row(tmp_path: Path, mark: str) -> None:
    got = reading(tmp_path, "x.csv", f"\ufefftext,label\na,x\n{mark}text,label\nb,y\n".encode())
    assert got.part.gold == ("x", "y")
    assert got.problems == {"the header again, as where files were joined": (2,)}


def test_blanks_before_quotes_are_no_part_of_the_cells(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b'label, text\n"x", "a, b"\n"y", "c"\n')
    assert (got.part.texts, got.part.gold) == (("a, b", "c"), ("x", "y"))
    got = reading(tmp_path, "y.csv", b'text,label\n "Hi" she said,x\nc,y\n')
    assert got.part.texts == (' "Hi" she said', "c")


def test_separators_of_chinese_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The cells seem to be separated by another character"):
        reading(tmp_path, "x.csv", "text，label\n好，正\n".encode())


def test_predict_separates_as_check_does(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes(b"text;label\na;x\nb;y\n")
    task = plugins.load("tasks", "text_classification")
    asked = [row for batch in arriving(tmp_path / "x.tsv", task, columns_of(task, {})) for row in batch]
    assert asked == [(1, "a"), (2, "b")]


def test_cells_above_the_usual_limit_are_read(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b'text,label\n"' + b"long " * 40_000 + b'",x\nb,y\n')
    assert len(got.part.texts[0]) == 200_000


def on_stdin(tmp_path: Path, content: bytes, **options: Any) -> list[Any]:
    """What `predict` reads of a pipe."""
    (tmp_path / "piped").write_bytes(content)
    task = plugins.load("tasks", "text_classification")
    file = os.open(tmp_path / "piped", os.O_RDONLY)
    try:
        batches = arriving(file, task, columns_of(task, {}), **options)
        return [(number, str(item)) for batch in batches for number, item in batch]
    finally:
        os.close(file)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_table_on_standard_input_is_read_as_one_and_said_to_be(tmp_path: Path, delimiter: str) -> None:
    rows = [["label", "text"], ["a", "one"], ["b", "two"]]
    content = "".join(f"{delimiter.join(row)}\r\n" for row in rows).encode("utf-8-sig")
    said: list[str] = []
    kept = CopiedColumns(("label",))
    assert on_stdin(tmp_path, content, announce=said.append, kept=kept) == [(1, "one"), (2, "two")]
    assert said == [
        "The first line names the columns 'label', 'text', so the lines are read as a table; --no-jsonl takes them as "
        "texts."
    ]
    assert kept.cells == {1: {"label": "a"}, 2: {"label": "b"}}


def test_quoted_cells_on_standard_input_may_hold_line_ends(tmp_path: Path) -> None:
    content = b'text,label\n"a, ""b""\nc",x\n\nbroken\nd,y\n"not closed,z\n'
    assert on_stdin(tmp_path, content) == [
        (1, 'a, "b"\nc'),
        (2, "1 cells where the header has 2"),
        (3, "d"),
        (4, "a quote is not closed or not doubled; write a quote inside a quoted cell twice"),
    ]


@pytest.mark.parametrize(
    "first", ["one, two", "text of a letter, and more", "text, and whatever else was in this sentence", "label,other"]
)
def test_lines_of_text_on_standard_input_stay_texts(tmp_path: Path, first: str) -> None:
    assert on_stdin(tmp_path, f"{first}\ntwo\n".encode()) == [(1, first), (2, "two")]


def test_header_may_be_meant_as_text(tmp_path: Path) -> None:
    assert on_stdin(tmp_path, b"text,label\na,b\n", jsonl=False) == [(1, "text,label"), (2, "a,b")]
    said: list[str] = []
    assert on_stdin(tmp_path, b"text\na\n", announce=said.append) == [(1, "text"), (2, "a")]
    assert said == [
        "The first line is 'text', the name of a column, and is read as a text; if it is a header, pass the file "
        "as .csv."
    ]


def test_quotes_between_tabs_on_standard_input_join_no_rows(tmp_path: Path) -> None:
    content = b'text\tlabel\n"one\ta\ntwo"\tb\n"a b"\tc\n'
    assert on_stdin(tmp_path, content) == [(1, '"one'), (2, 'two"'), (3, "a b")]
