"""CoNLL columns: a word a line with its tags behind it, an empty line between sentences.

A row is a sentence; sentences are numbered from 1. ``-DOCSTART-`` lines and comments are not counted, but tell where a
document begins (in CoNLL-U ``# newdoc`` does). Columns are parted by tabs or blanks. They have numbers instead of
names: words stand in the first and tags in the last, unless the task file names others (``fields: {tags: 2}``); of
.conllu they are the second and the fourth.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from goldilocks.errors import InputError

SUFFIXES = (".conll", ".bio", ".iob", ".conllu")
DOCUMENT = "-DOCSTART-"
LOOKED_AT = 1_000
"""Lines by which it is told whether a file without a suffix of ours holds columns."""
_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b")
_USUAL = {"tokens": 0, "tags": -1}
_UNIVERSAL = {"tokens": 1, "tags": 3}


def holds_columns(lines: Iterable[str]) -> bool:
    """Whether all lines (of the first ``LOOKED_AT``) that are not empty have as many cells, two at least.

    Example:
        >>> holds_columns(["EU B-ORG", "", "in O"]), holds_columns(["EU rejects the call", "in Rome"])
        (True, False)
    """
    looked_at = _sentences(islice(lines, LOOKED_AT), universal=False)
    widths = {len(words) for _, _, sentence in looked_at for words in sentence}
    return len(widths) == 1 and min(widths) >= 2


def rows_of(
    path: Path, lines: Iterator[str], columns: Sequence[str], optional: Collection[str] = frozenset()
) -> Iterator[tuple[int, list[Any] | str]]:
    """``(sentence number, a list of cells for each column)``, or in place of the cells what is wrong with the sentence.

    Args:
        path: The file; its name (a .gz behind it or not) says whether it is CoNLL-U.
        lines: Its lines.
        columns: ``tokens``, ``tags``, numbers of columns from 1, or ``document`` for the number of it.
        optional: Columns that may be missing; their cells are then ``None``.

    Raises:
        InputError: a column is neither, the first sentence has fewer columns, or lines end in a carriage return alone.
    """
    universal = path.name.lower().removesuffix(".gz").endswith(".conllu")
    named = [one for one in columns if one != "document" and (one not in optional or one in _USUAL)]
    places = {one: _place(path, one, universal) for one in named}
    wanted = max([2, *(place + 1 if place >= 0 else -place for place in places.values())])
    width = 0
    for number, (begins, document, words) in enumerate(_sentences(_whole(path, lines), universal), start=1):
        width = width or len(words[0])
        if width < wanted:
            raise InputError(
                f"{path.name}: line {begins} has {width} columns, {wanted} are wanted; "
                "part the word and its tags by a tab or a blank, or name the columns by number under data.fields."
            )
        odd = next((place for place, cells in enumerate(words) if len(cells) != width), None)
        if odd is not None:
            yield number, f"{len(words[odd])} columns where the first line of the file has {width}"
        else:
            told = {one: [cells[place] for cells in words] for one, place in places.items()}
            yield number, [told.get(one, document or None if one == "document" else None) for one in columns]


def _whole(path: Path, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\r" in line.rstrip("\r\n"):
            raise InputError(
                f"{path.name}: line {number} holds a carriage return, so words and sentences are not parted there; "
                "save the file with the line ends of Unix or Windows."
            )
        yield line


def _place(path: Path, column: str, universal: bool) -> int:
    named = _UNIVERSAL if universal else _USUAL
    if column in named:
        return named[column]
    if column.isdecimal() and int(column) > 0:
        return int(column) - 1
    raise InputError(
        f"{path.name}: there is no column {column!r}; columns here are tokens, tags, or numbers from 1. "
        "Name them under data.fields, such as {tags: 2}."
    )


def _sentences(lines: Iterable[str], universal: bool) -> Iterator[tuple[int, int, list[list[str]]]]:
    """The number of the first line of each sentence, that of its document, and the cells of its words."""
    begins, document, words = 0, 0, list[list[str]]()  # before the first mark of a document its number is 0
    for number, line in enumerate(lines, start=1):
        # Columns parted by tabs may hold blanks; a tab behind the last column is a slip.
        bare = line.rstrip("\r\n\t ") if "\t" in line.rstrip() else line.strip()
        cells = [cell.strip() for cell in bare.split("\t")] if "\t" in bare else bare.split()
        if not cells or not bare:
            if words:
                yield begins, document, words
            words = []
        elif cells[0] == DOCUMENT or (universal and _NEW_DOCUMENT.match(bare)):
            if words:
                yield begins, document, words
            document, words = document + 1, []
        elif universal and (bare.startswith("#") or not cells[0].isdecimal()):
            continue
        else:
            begins = begins if words else number
            words.append(cells)
    if words:
        yield begins, document, words
