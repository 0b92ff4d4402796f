"""Where a line may end: at spaces, and between Chinese, Japanese or Korean characters, which are written without them.

A small part of Unicode's line breaking algorithm (UAX #14): enough that no line begins with a full stop or ends with an
opening bracket. Widths are those of a terminal, where such a character takes two cells.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

_NO_BEGINNING = frozenset("，。、；：？！）」』】》〉”’…—·％%)]},.:;!?")
_NO_END = frozenset("（「『【《〈“‘([{")
_WIDE_FROM = "\u1100"
"""No character before it is wide."""


def has_wide(text: str) -> bool:
    """Whether a character of the text takes two cells."""
    return any(character >= _WIDE_FROM and cell_len(character) == 2 for character in text)


def unbreakable(text: str) -> Iterator[str]:
    """The parts of a line between which it may be broken, with the spaces after them.

    Example:
        >>> list(unbreakable("模型（BERT）为 a b。"))
        ['模', '型', '（BERT）', '为 ', 'a ', 'b。']
    """
    part = ""
    for character in text:
        if part and _may_break(part[-1], character):
            yield part
            part = ""
        part += character
    if part:
        yield part


def _may_break(before: str, after: str) -> bool:
    if after == " " or after in _NO_BEGINNING or before in _NO_END:
        return False
    return before == " " or cell_len(before) == 2 or cell_len(after) == 2


def break_offsets(line: str, width: int) -> list[int]:
    """Offsets in a line of text at which it is broken, so that no part is wider than ``width`` cells.

    Spaces at the end of a part do not count. A part without a place to break, such as a long name, is cut.

    Example:
        >>> line = "默认的语言：由环境变量决定。"
        >>> offsets = break_offsets(line, 10)
        >>> [line[begin:end] for begin, end in zip([0, *offsets], [*offsets, None], strict=True)]
        ['默认的语', '言：由环境', '变量决定。']
    """
    offsets: list[int] = []
    place, used = 0, 0
    for part in unbreakable(line):
        if used and used + cell_len(part.rstrip(" ")) > width:
            offsets.append(place)
            used = 0
        pieces = chop_cells(part, width) if cell_len(part.rstrip(" ")) > width else [part]
        for piece in pieces[:-1]:
            place += len(piece)
            offsets.append(place)
        place += len(pieces[-1])
        used = cell_len(pieces[-1]) + (used if len(pieces) == 1 else 0)
    return offsets
