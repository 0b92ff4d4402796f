"""Parallel files: line k of one file is the translation of line k of the other.

Written ``train.en+train.de`` or, shorter, ``train.{en,de}``; each file may be compressed (``train.{en,de}.gz``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import zip_longest
from pathlib import Path

from goldilocks.data.locate import locate
from goldilocks.data.readers.admission import MAX_BYTES, admit
from goldilocks.data.readers.columns import Rows
from goldilocks.data.readers.text_file import lines_of
from goldilocks.errors import InputError

ROLES = ("source", "target")
_BRACES = re.compile(r"^(.*)\{([^{},]+),([^{},]+)\}(.*)$")


def names(source: str) -> tuple[str, str] | None:
    """The two files that a source names; ``None`` where it names one.

    Example:
        >>> names("data/train.{en,de}.gz"), names("a.en+a.de"), names("train.jsonl")
        (('data/train.en.gz', 'data/train.de.gz'), ('a.en', 'a.de'), None)
    """
    braces = _BRACES.match(source)
    if braces:
        before, first, second, after = braces.groups()
        return f"{before}{first}{after}", f"{before}{second}{after}"
    first, plus, second = source.partition("+")
    # A plus in the name of one file: there is no file before it.
    return (first, second) if plus and Path(first).suffix and second else None


def roles_for(wanted: Collection[str], source: str) -> list[str]:
    """The roles that parallel files fill.

    Raises:
        InputError: the task needs others.
    """
    if not set(ROLES) <= set(wanted):
        raise InputError(
            f"{source}: parallel files hold source and target; this task needs one file with {', '.join(wanted)}."
        )
    return list(ROLES)


def rows_of_pair(source: str, folder: Path, *, max_bytes: int = MAX_BYTES) -> Rows:
    """A row ``[source, target]`` for each line; read as they are drawn.

    Args:
        source: For which ``names`` gives two files.
        folder: Where relative names start.
        max_bytes: Maximum number of bytes of content of each.

    Raises:
        MissingError: one of the files is not there.
        InputError: the files have different numbers of lines, or are not UTF-8.
    """
    languages = names(source)
    if languages is None:
        raise InputError(f"{source}: names no two files; write them as train.en+train.de or train.{{en,de}}.")
    paths = locate(languages[0], folder), locate(languages[1], folder)
    for path in paths:
        admit(path, max_bytes)
    return _rows(*paths)


def _rows(first: Path, second: Path) -> Rows:
    lengths = [0, 0]
    pairs: Iterator[tuple[str | None, str | None]] = zip_longest(lines_of(first), lines_of(second))
    for number, (source, target) in enumerate(pairs, start=1):
        if source is not None:
            lengths[0] = number
        if target is not None:
            lengths[1] = number
        if source is not None and target is not None:
            yield number, [source.rstrip("\r\n"), target.rstrip("\r\n")]
    if lengths[0] != lengths[1]:
        raise InputError(
            f"{first.name} has {lengths[0]:,} lines and {second.name} {lengths[1]:,}; line k of one must be the "
            "translation of line k of the other: look for lines that were lost or broken in two."
        )
