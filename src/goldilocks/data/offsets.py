"""Texts whose entities are given by character offsets, as rows of words and tags.

Two forms: rows ``{"text": ..., "entities": [{"start": 0, "end": 4, "label": "LOC"}]}`` (or ``[0, 4, "LOC"]``) as JSON
Lines, and BRAT folders, a .txt beside each .ann. Offsets count characters from 0; the end is behind the last character.
A word is a run of letters and digits, any other sign by itself, and so is each Chinese or Japanese character. What an
offset that is off by one would do to the tags is not guessed: an entity must begin and end where a word does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from goldilocks.data.formats import format_of, rows_of
from goldilocks.errors import InputError
from goldilocks.support.cells import text_problem

Entity = tuple[int, int, str, str]
"""Start, end, label, and what the source says stands there (empty: it does not say)."""
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+|[^\s]")


def columns_of(fields: Mapping[str, str]) -> list[str]:
    """The columns of text and entities: those the task file names for tokens and tags, else their own names."""
    return [fields.get("tokens", "text"), fields.get("tags", "entities")]


def by_offsets(path: Path, fields: Mapping[str, str]) -> bool:
    """Whether the first row of a file is a text and its entities rather than words and their tags."""
    if format_of(path) not in (".jsonl", ".json", ".parquet"):
        return False
    columns = [*columns_of(fields), "tokens"]
    rows = rows_of(path, columns, optional=columns)
    text, entities, words = next((cells for _, cells in rows if not isinstance(cells, str)), (None, None, None))
    alone = words is None or "tokens" in fields
    listed = isinstance(entities, list) and all(isinstance(one, dict | list) for one in entities)
    return alone and listed and isinstance(text, str)


def tagged(rows: Iterator[tuple[int, list[Any] | str]]) -> Iterator[tuple[int, list[Any] | str]]:
    """Rows of a text and its entities as rows of words and tags."""
    for number, cells in rows:
        if isinstance(cells, str):
            yield number, cells
            continue
        text, listed = cells
        problem = text_problem("text", text)
        found = None if problem else _read(listed)
        if problem or not isinstance(found, list):
            yield number, problem or str(found)
        else:
            yield number, tags_from(text, found)


def _read(listed: Any) -> list[Entity] | str:
    """The entities in a cell, or what is wrong with it."""
    if not isinstance(listed, list):
        return "entities is not a list"
    found: list[Entity] = []
    for place, one in enumerate(listed, 1):
        if isinstance(one, dict):
            parts = [one.get("start"), one.get("end"), one.get("label", one.get("type")), one.get("text", "")]
        elif isinstance(one, list) and len(one) == 3:
            parts = [*one, ""]
        else:
            return f"entity {place} is neither {{start, end, label}} nor [start, end, label]"
        start, end, label, said = parts
        if not all(isinstance(edge, int) and not isinstance(edge, bool) for edge in (start, end)):
            return f"entity {place} has the offsets {start!r} and {end!r}; they must be whole numbers"
        if not isinstance(label, str) or not label.strip():
            return f"entity {place} has no label"
        found.append((start, end, label.strip(), str(said or "")))
    return found


def tags_from(text: str, entities: Sequence[Entity]) -> list[Any] | str:
    """``[words, tags]`` in IOB2, or what is wrong with the entities, in words.

    Example:
        >>> tags_from("to New York.", [(3, 11, "LOC", "")])
        [['to', 'New', 'York', '.'], ['O', 'B-LOC', 'I-LOC', 'O']]
        >>> tags_from("to New York.", [(3, 10, "LOC", "")])
        "the entity 3 to 10 ends inside a word ('New Yor'); offsets count characters from 0, the end is behind the last"
    """
    spans = [one.span() for one in _WORD.finditer(text)]
    starts = {start: number for number, (start, _) in enumerate(spans)}
    ends = {end: number for number, (_, end) in enumerate(spans)}
    tags = ["O"] * len(spans)
    behind = -1
    for start, end, label, said in sorted(entities):
        where = f"the entity {start} to {end}"
        if not 0 <= start < end <= len(text):
            return f"{where} does not lie in the text, which has {len(text)} characters"
        shown = repr(text[start:end][:40])
        if said and said != text[start:end]:
            return f"{where} is {shown} in the text, not {said[:40]!r}; are the offsets off by one?"
        if start not in starts or end not in ends:
            edge = "begins" if start not in starts else "ends"
            what = "with a blank" if text[start if edge == "begins" else end - 1].isspace() else "inside a word"
            return f"{where} {edge} {what} ({shown}); offsets count characters from 0, the end is behind the last"
        if starts[start] <= behind:
            return f"{where} ({shown}) overlaps another; a word has one tag, so keep one of the two"
        behind = ends[end]
        tags[starts[start] : behind + 1] = [f"B-{label}"] + [f"I-{label}"] * (behind - starts[start])
    return [[text[start:end] for start, end in spans], tags]


# --------------------------------------------------------------------------------------------------------------- BRAT


def brat_rows(folder: Path, source: str) -> Iterator[tuple[int, list[Any] | str]]:
    """One row for each line of each .txt that is not empty, in the order of names; entities from the .ann beside it.

    Raises:
        InputError: there is no .txt with an .ann, or a file is not UTF-8.
    """
    files = sorted(one for one in folder.rglob("*.txt") if one.with_suffix(".ann").exists())
    if not files:
        raise InputError(
            f"{source}: a folder without a .txt that has an .ann beside it; name a BRAT folder or a file of rows."
        )
    number = 0
    for file in files:
        text = _text(file)
        entities, wrong = _annotations(_text(file.with_suffix(".ann")))
        begins = 0
        for line in text.splitlines(keepends=True):
            ends = begins + len(line)
            bare = line.rstrip("\r\n")
            inside = [one for one in entities if begins <= one[0] < ends]
            if bare.strip():
                number += 1
                moved = [(start - begins, end - begins, label, said) for start, end, label, said in inside]
                made = wrong or tags_from(bare, moved)
                yield number, f"{made} ({file.name})" if isinstance(made, str) else made
            begins = ends
        beyond = [one for one in entities if one[0] >= begins]
        if beyond:
            number += 1
            yield number, f"the entity {beyond[0][0]} to {beyond[0][1]} lies beyond the text ({file.name})"


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
    return found, ""
