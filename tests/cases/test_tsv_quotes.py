"""A TSV whose quotation marks are plain characters and happen to pair up over lines: no row may go."""

from pathlib import Path

from case_files import reading

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
