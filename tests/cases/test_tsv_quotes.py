"""A TSV whose quotation marks are plain characters and happen to pair up over lines: no row may go."""

from pathlib import Path

import pytest
from case_files import dataset, reading, topic_rows

from goldilocks import plugins
from goldilocks.data.unlabelled import arriving, columns_of

PAIRED = b'text\tlabel\nfine\tmoney\n"open here\tsport\nmiddle\tmoney\nclosed here"\tsport\nlast\tmoney\n'


def test_quotes_that_pair_up_over_lines_join_no_rows(tmp_path: Path) -> None:
    got = reading(tmp_path, "q.tsv", PAIRED)
    assert got.part.texts == ("fine", '"open here', "middle", 'closed here"', "last")
    assert got.part.gold == ("money", "sport", "money", "sport", "money")
    assert (got.total, got.lines) == (5, 6)  # the header is a line
    assert got.remarks[0].startswith("quotes are plain characters here")


def test_predict_answers_every_line(tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_bytes(PAIRED)
    task = plugins.load("tasks", "text_classification")
    asked = [row for batch in arriving(tmp_path / "q.tsv", task, columns_of(task, {})) for row in batch]
    assert asked == [(1, "fine"), (2, '"open here'), (3, "middle"), (4, 'closed here"'), (5, "last")]


def test_quoted_cell_with_a_line_end_is_one_cell(tmp_path: Path) -> None:
    got = reading(tmp_path, "q.tsv", b'text\tlabel\n"two\nlines"\tmoney\nnext\tsport\n')
    assert got.part.texts == ("two\nlines", "next")
    assert got.remarks == ()


def pairing_rows(delimiter: str) -> bytes:
    """Rows of which one begins a quote in its text and a later one ends it in its label."""
    rows = [list(row) for row in topic_rows(60)]
    rows[10][0] = f'"{rows[10][0]}'
    rows[50][1] = f'{rows[50][1]}"'
    return "".join(f"{delimiter.join(row)}\n" for row in (["text", "label"], *rows)).encode()


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_quote_that_ends_in_a_label_joins_no_rows(tmp_path: Path, delimiter: str) -> None:
    got = reading(tmp_path, "x.csv", pairing_rows(delimiter))
    assert (got.total, len(got.part), got.problems) == (60, 60, {})
    assert any("quotes are plain characters here" in remark for remark in got.remarks)


def test_label_that_a_quote_was_left_at_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes(pairing_rows("\t"))
    findings = dataset(tmp_path, train="x.tsv").findings
    assert [found.message for found in findings if found.code == "labels_alike"] == [
        "labels that are written alike: 'money', 'money\"'"
    ]


def test_file_with_all_cells_quoted_may_have_tabs_and_line_ends_in_them(tmp_path: Path) -> None:
    rows = [(f"text number {number}", "ab"[number % 2]) for number in range(20)]
    rows[3] = ("first\tpart\nsecond part", "a")
    content = "".join(f'"{text}"\t"{label}"\n' for text, label in [("text", "label"), *rows]).encode()
    got = reading(tmp_path, "x.tsv", content)
    assert (got.part.texts[3], got.total, got.problems) == (rows[3][0], 20, {})


def test_header_in_quotes_is_found_where_a_quote_is_not_closed(tmp_path: Path) -> None:
    rows = "".join(f'"text number {number}"\t"{"ab"[number % 2]}"\n' for number in range(20))
    got = reading(tmp_path, "x.tsv", f'"text"\t"label"\n"not closed\t"a"\n{rows}'.encode())
    assert (got.part.texts[:2], set(got.part.gold)) == (('"not closed', "text number 0"), {"a", "b"})
