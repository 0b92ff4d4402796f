from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from goldilocks.data.corpus import documents
from goldilocks.errors import InputError, MissingError


def test_paragraphs_of_a_text_file_are_documents(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one\nstill one\n\n  \ntwo\n"))
    assert list(documents(path)) == ["one\nstill one", "two"]


def test_cells_of_a_column_are_documents_and_blank_ones_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"body": text}) + "\n" for text in ("one", "  ", "二")), encoding="utf-8")
    assert list(documents(path, "body")) == ["one", "二"]


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"fine\nfine\n\xff\xfe bad\n")
    with pytest.raises(InputError, match=r"a\.txt: line 3: byte 0xff .* not UTF-8"):
        list(documents(path))


@pytest.mark.parametrize(
    ("row", "words"), [("{broken", "row 2: broken JSON"), ('{"text": 3}', "row 2: 'text' holds int"), ("{}", "nothing")]
)
def test_a_row_without_text_is_named(tmp_path: Path, row: str, words: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n' + row + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=words):
        list(documents(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"a\.txt: there is no such file"):
        list(documents(tmp_path / "a.txt"))
    with pytest.raises(MissingError, match="is a folder"):
        list(documents(tmp_path))
