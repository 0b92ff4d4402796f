"""BRAT folders: a .txt next to each .ann, entities by character offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from goldilocks.data.readers.columns import Rows
from goldilocks.data.readers.entity_offsets import MarkedRow, all_tagged
from goldilocks.data.readers.offset_units import Entity, in_characters
from goldilocks.errors import InputError

_ANNOTATION = re.compile(r"(?:[TREAMN#]\S*\d|\*)\S*\t")
"""How a line of an .ann begins: entity, relation, event, attribute, normalisation, note, equivalence."""
_PIECE = "\0"
"""Begins the label of a piece of a discontinuous entity."""


def brat_rows(folder: Path, source: str, repaired: dict[str, list[int]], remarks: list[str]) -> Rows:
    """One row for each line of each .txt that is not empty, in the order of names; entities from its .ann.

    The cell after words and tags is the file, as the document. Numbers of rows that were not taken as they are written
    go to ``repaired``, files without a partner to ``remarks``.

    Raises:
        InputError: there is no .txt with an .ann, or a file is not UTF-8.
    """
    texts = [file for file in folder.rglob("*") if file.suffix.lower() == ".txt" and file.is_file()]
    files = sorted(file for file in texts if file.with_suffix(".ann").exists())
    if not files:
        raise InputError(
            f"{source}: a folder without a .txt that has an .ann beside it; name a BRAT folder or a file of rows."
        )
    unpaired = sorted(
        {file for file in texts if file not in files}
        | {file for file in folder.rglob("*.ann") if not any(text.with_suffix(".ann") == file for text in files)}
    )
    if unpaired:
        shown = ", ".join(str(file.relative_to(folder)) for file in unpaired[:3])
        remarks.append(f"{len(unpaired):,} files are passed over, since a .txt or an .ann lacks its partner ({shown})")
    documents = [
        _without_mark(_text(file), *_annotations(_text(file.with_suffix(".ann")).removeprefix("\ufeff")))
        for file in files
    ]
    entities, unit_of = _in_characters([(text, annotated) for text, annotated, _ in documents])
    rows: list[MarkedRow] = []
    for place, (file, (text, _, wrong)) in enumerate(zip(files, documents, strict=True)):
        sentences = list(_lines(file, text, entities[place], wrong, len(rows)))
        if place in unit_of:
            repaired.setdefault(
                f"offsets that count {unit_of[place]} (taken so, since the entities fit then)", []
            ).extend(number for number, _, annotated, *_ in sentences if annotated)
        rows += sentences
    # Offsets were converted in the whole text; within a line the line ends before it no longer count.
    yield from all_tagged(rows, repaired, moved=False)


def _in_characters(documents: list[tuple[str, list[Entity]]]) -> tuple[list[list[Entity]], dict[int, str]]:
    """The entities of each document with offsets in characters, and the unit they counted where it is another.

    A document whose entities all say what is there decides for itself: its .ann may come from another machine.
    """
    entities, unit, moved, _ = in_characters(documents)
    unit_of = dict.fromkeys(moved, unit)
    for place, (text, annotated) in enumerate(documents):
        if annotated and all(surface for *_, surface in annotated):
            alone, own, differing, _ = in_characters([(text, annotated)])
            entities[place] = alone[0]
            unit_of.pop(place, None)
            unit_of |= dict.fromkeys([place] if differing else [], own)
    return entities, unit_of


def _pieces(line: str) -> list[Entity] | None:
    """The pieces of a discontinuous entity, ``T1<tab>PER 0 4;13 17<tab>Anna Rome``, each under a label of its own."""
    match = re.fullmatch(r"(T\S*)\t\S+ (\d+ \d+(?:;\d+ \d+)+)(?:\t(.*))?", line)
    if match is None:
        return None
    pieces: list[Entity] = []
    behind = 0
    for piece in match[2].split(";"):
        start, end = map(int, piece.split())
        pieces.append((start, end, _PIECE + match[1], (match[3] or "")[behind : behind + end - start]))
        behind += end - start + 1  # there is a blank between pieces
    return pieces


def _lines(file: Path, text: str, entities: list[Entity], wrong: str, before: int) -> Iterator[MarkedRow]:
    """The rows of a file, numbered after the ``before`` rows of those before it."""
    begins, number, where = 0, before, f" ({file.name})"
    for line in text.splitlines(keepends=True):
        ends = begins + len(line)
        bare = line.rstrip("\r\n")
        inside = [entity for entity in entities if begins <= entity[0] < ends]
        if bare.strip() or inside:
            number += 1
            shifted = [(start - begins, end - begins, label, surface) for start, end, label, surface in inside]
            pieced = next((label for *_, label, _ in shifted if label.startswith(_PIECE)), "")
            several = f"{pieced.removeprefix(_PIECE)} is in several pieces, which tags cannot say" if pieced else ""
            yield number, bare, wrong or several or shifted, where, [str(file)]
        begins = ends
    beyond = [entity for entity in entities if entity[0] >= begins]
    if beyond:
        problem = f"the entity {beyond[0][0]} to {beyond[0][1]} lies beyond the text"
        yield number + 1, "", problem, where, [str(file)]


def _text(file: Path) -> str:
    try:
        # Offsets count the characters as they are in the file, carriage returns among them.
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not UTF-8; convert it, since offsets count characters.") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error}).") from error


def _without_mark(text: str, entities: list[Entity], wrong: str) -> tuple[str, list[Entity], str]:
    """A document without the byte order mark at its beginning, which offsets count or not."""
    if not text.startswith("\ufeff"):
        return text, entities, wrong
    counted = [(start - 1, end - 1, label, surface) for start, end, label, surface in entities]
    bare = text[1:]

    def n_fitting(entities: list[Entity]) -> int:
        return sum(start >= 0 and bare[start:end] == surface for start, end, _, surface in entities)

    return bare, counted if n_fitting(counted) > n_fitting(entities) else entities, wrong


def _annotations(text: str) -> tuple[list[Entity], str]:
    """The entities of an .ann (relations, events and notes are passed over), and what is wrong with it."""
    entities: list[Entity] = []
    for line in text.splitlines():
        if not line.startswith("T"):
            continue
        match = re.fullmatch(r"T\S*\t(\S+) (\d+) (\d+)(?:\t(.*))?", line)
        if match is None:
            if (pieces := _pieces(line)) is not None:
                entities += pieces
                continue
            return [], f"{line[:40]!r} is not NAME<tab>TYPE START END<tab>TEXT"
        entities.append((int(match[2]), int(match[3]), match[1], match[4] or ""))
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and not any(map(_ANNOTATION.match, lines)):
        return [], f"no line of its .ann is an annotation of BRAT, such as {lines[0][:40]!r}"
    return entities, ""
