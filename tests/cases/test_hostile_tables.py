"""Tables and lines that no row can be of, refused in one line without filling memory or time."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import openpyxl
import pytest
from case_files import reading

from goldilocks import plugins
from goldilocks.data.readers import text_file
from goldilocks.data.unlabelled import arriving, columns_of
from goldilocks.errors import InputError


def workbook(cell: str) -> bytes:
    """A workbook whose last row is written in XML as ``cell``, as openpyxl would not write it."""
    book, plain, made = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in (("text", "label"), ("a", "x"), ("b", "y")):
        book.active.append(row)
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w") as target:
        for name in source.namelist():
            content = source.read(name).decode()
            target.writestr(name, content.replace("</sheetData>", f"{cell}</sheetData>"))
    return made.getvalue()


@pytest.mark.parametrize(
    "row",
    [
        '<row r="9"><c r="A9" t="s"><v>99</v></c></row>',
        '<row r="abc"/>',
        '<row r="9"><c r="A9" t="d"><v>9999999-99-99</v></c></row>',
    ],
    ids=["shared string that is not there", "row without a number", "date that is none"],
)
def test_damaged_row_of_a_workbook_is_one_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(InputError, match=r"x\.xlsx: not readable as an Excel workbook \(.+\); save it again") as caught:
        reading(tmp_path, "x.xlsx", workbook(row))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_table_of_thousands_of_columns_is_refused(tmp_path: Path, name: str) -> None:
    names = ["text", "label", *(f"c{place}" for place in range(10_000))]
    pairs = ", ".join(f'"{name}": "a"' for name in names)
    content = f"{','.join(names)}\n" if name == "x.csv" else f"{{{pairs}}}\n"
    with pytest.raises(InputError, match=r"has 10,002 columns, and at most 10,000 are read; keep those"):
        reading(tmp_path, name, content.encode())


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.jsonl"])
def test_line_that_is_longer_than_any_row_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_file, "MAX_LINE_BYTES", 1_000)
    content = b"text,label\n" + b"a" * 5_000
    with pytest.raises(InputError, match=r"line 2 has more than 1,000 bytes; rows are separated by line ends"):
        reading(tmp_path, name, gzip.compress(content) if name.endswith(".gz") else content)


def test_endless_line_of_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldilocks.data.unlabelled.MAX_LINE_BYTES", 1_000)
    out, into = os.pipe()
    os.write(into, b"one\n" + b"x" * 5_000)
    os.close(into)
    task = plugins.load("tasks", "text_classification")
    with pytest.raises(InputError, match="the input: line 2 has more than"):
        list(arriving(out, task, columns_of(task, {})))
    os.close(out)


def test_label_that_stands_for_no_answer_is_no_label(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b"text,label\na,(no label)\nb,y\n")
    assert list(got.problems) == [
        "label is '(no label)', which stands for an item without an answer; call it otherwise"
    ]
