"""Files are what their first bytes say, whatever they are named."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from case_files import as_csv, as_jsonl, reading, topic_rows

from goldilocks import plugins
from goldilocks.data.read import read
from goldilocks.data.unlabelled import arriving, columns_of
from goldilocks.errors import InputError

ROWS = topic_rows(6)
SHEET: list[list[object]] = [["text", "label"], *(list[object](row) for row in ROWS)]


def workbook(*sheets: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    for place, rows in enumerate(sheets):
        sheet = book.active if place == 0 else book.create_sheet(f"more{place}")
        for row in rows:
            sheet.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def parquet() -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.table({"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}), made)
    return made.getvalue()


@pytest.mark.parametrize("name", ["x.csv", "x.xlsx", "x.jsonl"])
def test_workbook_is_read_under_any_name(tmp_path: Path, name: str) -> None:
    got = reading(tmp_path, name, workbook(SHEET))
    assert got.part.texts == tuple(text for text, _ in ROWS)
    assert got.remarks == (
        () if name == "x.xlsx" else ("is an Excel workbook by its first bytes, and is read as such",)
    )


def test_workbook_numbers_are_labels_and_other_sheets_are_named(tmp_path: Path) -> None:
    content = workbook([["text", "label", None], ["a", 1, None], [None, None, None], ["b", 2.0, None]], [["x"]])
    got = reading(tmp_path, "x.xlsx", content)
    assert (got.part.texts, got.part.gold, got.total) == (("a", "b"), ("1", "2"), 2)
    assert got.remarks == ("the sheet 'Sheet' is read; there are others: 'more1'",)


def test_workbook_is_predicted_for(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(workbook([["text"], ["a"], ["b"]]))
    task = plugins.load("tasks", "text_classification")
    asked = [row for batch in arriving(tmp_path / "x.xlsx", task, columns_of(task, {})) for row in batch]
    assert asked == [(1, "a"), (2, "b")]


def test_damaged_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.xlsx: .*(damaged zip archive|not readable as an Excel workbook)"):
        reading(tmp_path, "x.xlsx", workbook([["text", "label"], ["a", "b"]])[:-100])


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_parquet_under_another_name_is_read(tmp_path: Path, name: str) -> None:
    got = reading(tmp_path, name, parquet())
    assert got.part.gold == tuple(label for _, label in ROWS)
    assert got.remarks == ("is Parquet by its first bytes, and is read as such",)


def test_gzip_without_its_suffix_is_read(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", gzip.compress(as_csv(ROWS)))
    assert got.part.texts == tuple(text for text, _ in ROWS)


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # no clock in the bytes: they name a test
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (zipped(rows=b"text,label\n"), r"is a zip archive \(rows\); unpack it"),
        (zipped(rows=b"text,label\n")[:-30], "is a damaged zip archive"),
        (lzma.compress(as_csv(ROWS)), "is an xz archive; decompress it"),
        (bz2.compress(as_csv(ROWS)), "is a bzip2 archive; decompress it"),
        (gzip.compress(gzip.compress(as_csv(ROWS), mtime=0), mtime=0), "is gzip inside gzip; decompress it"),
        (b"%PDF-1.7 ...", "is a PDF; pass the table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 ...", r"is an old Excel or Word file \(\.xls, \.doc\); save it as \.xlsx"),
        (b"SQLite format 3\x00 ...", "is an SQLite database; export the table"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer, not the data; fetch"),
        (b"/annex/objects/SHA256E-s1--0.csv\n", "is a git-annex pointer, not the data; fetch"),
        (b"\n<!DOCTYPE html><html>", "is a web page, perhaps the error page of a download"),
        (b'<?xml version="1.0"?><rows/>', r"is an XML file; export plain text"),
        (
            zipped(**{"content.xml": b"", "mimetype": b""}),
            r"is an OpenDocument file \(\.ods, \.odt\); save it as \.xlsx",
        ),
        (zipped(**{"xl/workbook.bin": b""}), r"is a binary Excel workbook \(\.xlsb\); save it as \.xlsx or \.csv"),
        (b"\x80\x04\x95 ...", "is a Python pickle; write it as CSV"),
    ],
)
def test_what_holds_no_rows_is_named_for_what_it_is(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(InputError, match=rf"^x\.csv: {what}"):
        reading(tmp_path, "x.csv", content)


def test_binary_documents_of_spacy_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.spacy: is spaCy's binary form; write its documents as JSON Lines"):
        reading(tmp_path, "x.spacy", b"x\x9c123", "ner")


def test_sheet_with_the_columns_is_read_and_the_header_found_below_a_title(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.xlsx", workbook([["notes"]], [["Tickets", None], [None, None], *SHEET]))
    assert got.part.texts == tuple(text for text, _ in ROWS)
    assert got.remarks == (
        "the sheet 'more1' is read; there are others: 'Sheet'",
        "the header is row 3 of the sheet; the rows above it are ignored",
    )


def test_cells_merged_over_rows_are_named_where_they_are_empty(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [["text", "label"], ["a", "x"], ["b", None], ["c", "y"]]:
        book.active.append(row)
    book.active.merge_cells("B2:B3")
    made = io.BytesIO()
    book.save(made)
    got = reading(tmp_path, "x.xlsx", made.getvalue())
    assert (got.total, got.problems) == (3, {"label is empty": (2,)})


def test_compressed_workbook_is_read_and_counts_as_what_is_in_it(tmp_path: Path) -> None:
    content = gzip.compress(workbook(SHEET))
    assert reading(tmp_path, "x.xlsx.gz", content).part.texts == tuple(text for text, _ in ROWS)
    bomb = gzip.compress(workbook([["text", "label"], *([["same " * 99, "a"]] * 2_000)]))
    (tmp_path / "bomb.csv").write_bytes(bomb)
    with pytest.raises(InputError, match=r"bomb\.csv: holds more than 50,000 bytes"):
        read("bomb.csv", {}, plugins.load("tasks", "text_classification"), tmp_path, max_bytes=50_000)
    assert len(bomb) < 50_000


def test_plain_text_under_the_name_of_gzip_is_read(tmp_path: Path) -> None:
    assert reading(tmp_path, "x.csv.gz", as_csv(ROWS)).total == len(ROWS)


def tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("train.csv")
        member.size = len(as_csv(ROWS))
        archive.addfile(member, io.BytesIO(as_csv(ROWS)))
    return made.getvalue()


def arrow_stream() -> bytes:
    table = pa.table({"text": ["a"], "label": ["b"]})
    made = io.BytesIO()
    with pa.ipc.new_stream(made, table.schema) as stream:
        stream.write_table(table)
    return made.getvalue()


OTHERS = {
    "tar": (tar(), "is a tar archive; unpack it"),
    "tar.gz": (gzip.compress(tar()), "is a tar archive; unpack it"),
    "arrow stream": (arrow_stream(), "is an Arrow stream, as `datasets` stores its tables; write it as Parquet"),
    "lzma": (lzma.compress(as_csv(ROWS), format=lzma.FORMAT_ALONE), "is an LZMA archive"),
    "zlib": (zlib.compress(as_csv(ROWS)), "is zlib-compressed"),
    "empty zip": (b"PK\x05\x06" + bytes(18), r"is a zip archive \(empty\)"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is an image"),
    "zeros": (bytes(5000), "is a binary file, not text"),
    "controls": (b"X\n\x00\x00\x00\x03\x00\x04" + bytes(200), "is a binary file, not text"),
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.data"])
def test_what_holds_no_rows_is_named(tmp_path: Path, what: str, name: str) -> None:
    content, message = OTHERS[what]
    with pytest.raises(InputError, match=message) as raised:
        reading(tmp_path, name, content)
    assert len(str(raised.value)) < 200


def test_long_names_of_columns_do_not_fill_the_screen(tmp_path: Path) -> None:
    header = ",".join(f"{'column' * 50}{number}" for number in range(200))
    with pytest.raises(InputError, match=r"and 170 more") as raised:
        reading(tmp_path, "x.csv", f"{header}\n".encode())
    assert len(str(raised.value)) < 2_000


def test_json_lines_and_tables_are_read_under_each_other_s_name(tmp_path: Path) -> None:
    texts = tuple(text for text, _ in ROWS)
    lines = as_jsonl([{"text": text, "label": label} for text, label in ROWS])
    got = reading(tmp_path, "lines.csv", lines)
    assert (got.part.texts, got.remarks) == (
        texts,
        ("holds a JSON object on each line, and is read as JSON Lines",),
    )
    got = reading(tmp_path, "table.jsonl", as_csv(ROWS))
    assert (got.part.texts, got.remarks) == (texts, ("holds no JSON but a table, and is read as such",))
