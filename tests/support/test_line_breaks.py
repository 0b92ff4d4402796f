"""Lines of text with wide characters."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.table import Table

from goldilocks.support.console import PlainConsole, plain
from goldilocks.support.line_breaks import break_offsets

SENTENCE = "退出码 0：已作出决策；2：输入有误（文件仍会写入，包括 log.json 和 run/a-very-long-name-without-spaces）。"


def parts(text: str, width: int) -> list[str]:
    offsets = break_offsets(text, width)
    return [text[begin:end] for begin, end in zip([0, *offsets], [*offsets, None], strict=True)]


@pytest.mark.parametrize("width", range(6, 90))
def test_no_part_is_too_wide_and_nothing_is_lost(width: int) -> None:
    broken = parts(SENTENCE, width)

    assert "".join(broken) == SENTENCE
    assert max(cell_len(part.rstrip(" ")) for part in broken) <= width
    assert all(broken)


@pytest.mark.parametrize("width", range(40, 90))  # in narrower lines the long name is cut wherever they end
def test_no_line_begins_with_a_stop_or_ends_with_a_bracket(width: int) -> None:
    broken = parts(SENTENCE, width)

    assert not [part for part in broken[1:] if part[0] in "，。；：）"]
    assert not [part for part in broken[:-1] if part.rstrip().endswith("（")]


def test_text_with_spaces_only_is_broken_at_them() -> None:
    assert parts("one two three", 8) == ["one two ", "three"]


def printed(shown: object, width: int) -> str:
    out = StringIO()
    PlainConsole(file=out, width=width).print(shown)
    return out.getvalue()


@pytest.mark.parametrize("cell", [SENTENCE, plain(SENTENCE, style="bold")], ids=["string", "styled"])
def test_cell_of_a_table_keeps_the_whole_sentence(cell: object) -> None:
    table = Table(box=None, show_header=False)
    table.add_row("--option", cell)  # type: ignore[arg-type]

    shown = printed(table, 40)

    assert "…" not in shown
    assert "".join(shown.replace("--option", "").split()) == "".join(SENTENCE.split())


def test_printed_sentence_fills_its_lines() -> None:
    lines = printed(SENTENCE, 40).splitlines()

    assert all(cell_len(line) <= 40 for line in lines)
    assert cell_len(lines[0].rstrip()) >= 37  # rich alone would end it behind the first space
    assert "".join("".join(lines).split()) == "".join(SENTENCE.split())


def test_line_that_is_not_to_be_broken_is_not() -> None:
    out = StringIO()
    PlainConsole(file=out, width=20).print(SENTENCE, soft_wrap=True)
    assert out.getvalue() == f"{SENTENCE}\n"
