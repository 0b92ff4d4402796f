"""BRAT folders: a .txt beside each .ann, entities by character offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from goldilocks.data.readers.columns import Rows
from goldilocks.data.readers.entity_offsets import Entity, Marked, all_tagged
from goldilocks.errors import InputError

_ANNOTATION = re.compile(r"(?:[TREAMN#]\S*\d|\*)\S*\t")
"""How a line of an .ann begins: entity, relation, event, attribute, normalisation, note, equivalence."""


def brat_rows(folder: Path, source: str, mended: dict[str, list[int]]) -> Rows:
    """One row for each line of each .txt that is not empty, in the order of names; entities from the .ann beside it.

    Numbers of rows with a word cut go to ``mended``.

    Raises:
        InputError: there is no .txt with an .ann, or a file is not UTF-8.
    """
    yield from all_tagged(list(_brat_lines(folder, source)), mended)


def _brat_lines(folder: Path, source: str) -> Iterator[Marked]:
    files = sorted(one for one in folder.rglob("*.txt") if one.with_suffix(".ann").exists())
    if not files:
        raise InputError(
            f"{source}: a folder without a .txt that has an .ann beside it; name a BRAT folder or a file of rows."
        )
    number = 0
    for file in files:
        text, where = _text(file), f" ({file.name})"
        entities, wrong = _annotations(_text(file.with_suffix(".ann")))
        begins = 0
        for line in text.splitlines(keepends=True):
            ends = begins + len(line)
            bare = line.rstrip("\r\n")
            inside = [one for one in entities if begins <= one[0] < ends]
            if bare.strip():
                number += 1
                moved = [(start - begins, end - begins, label, said) for start, end, label, said in inside]
                yield number, bare, wrong or moved, where, str(file)
            begins = ends
        beyond = [one for one in entities if one[0] >= begins]
        if beyond:
            number += 1
            what = f"the entity {beyond[0][0]} to {beyond[0][1]} lies beyond the text"
            yield number, "", what, where, str(file)


def _text(file: Path) -> str:
    try:
        # Offsets count the characters as they are in the file, carriage returns among them.
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not UTF-8; convert it, since offsets count characters.") from error


def _annotations(text: str) -> tuple[list[Entity], str]:
    """The entities of an .ann (relations, events and notes are passed over), and what is wrong with it."""
    found: list[Entity] = []
    for line in text.splitlines():
        if not line.startswith("T"):
            continue
        match = re.fullmatch(r"T\S*\t(\S+) (\d+) (\d+)(?:\t(.*))?", line)
        if match is None:
            if ";" in "".join(line.split("\t")[1:2]):
                return [], f"{line.split()[0]} is in several pieces, which tags cannot say"
            return [], f"{line[:40]!r} is not NAME<tab>TYPE START END<tab>TEXT"
        found.append((int(match[2]), int(match[3]), match[1], match[4] or ""))
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and not any(map(_ANNOTATION.match, lines)):
        return [], f"no line of its .ann is an annotation of BRAT, such as {lines[0][:40]!r}"
    return found, ""
