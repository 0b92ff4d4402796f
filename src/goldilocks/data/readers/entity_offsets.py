"""Texts whose entities are given by character offsets, as rows of words and tags.

Forms: JSON Lines ``{"text": ..., "entities": [{"start": 0, "end": 4, "label": "LOC"}]}`` (or ``[0, 4, "LOC"]``; the
column may have another name); the same with ``{type: {name: [[start, last]]}}``, as CLUENER has them; exports of
annotation tools (``exports.py``); and BRAT folders (``brat.py``). Offsets count characters from 0, the end is after
the last character; other units are recognised (``offset_units.py``).

A word is a unit of ``support/text/word_tokenizer``: a run of letters and digits, any other sign, each Chinese or
Japanese character. An entity that begins or ends inside a run cuts it there, and the row is named: in Chinese and
Japanese, where people mark characters, and elsewhere where it is rare. Where it is not, the offsets are off by one,
and what that would do to the tags is not guessed: the rows are refused.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from goldilocks.data.readers.columns import Rows
from goldilocks.data.readers.conll import SUFFIXES
from goldilocks.data.readers.offset_units import UNDECIDED, Entity, in_characters
from goldilocks.data.readers.rows import Table
from goldilocks.support.text.cells import text_problem, value_of
from goldilocks.support.text.scripts import UNSPACED
from goldilocks.support.text.word_tokenizer import Span, cutter

MarkedRow = tuple[int, str, list[Entity] | str, str, list[Any]]
"""Row number, text, its entities or what is wrong with them, what to add to a problem, and further cells."""
COLUMNS = ("entities", "label", "labels", "spans", "ents")
SNIFFED_ROWS = 100
"""Rows that show which column has the entities."""
SLIPS = 0.1
"""Share of the texts with entities from which edges inside words are no rarity."""
TRIMMED = "an entity that begins or ends with a blank (taken without it)"
CUT = "an entity that begins or ends inside a word (the word was cut there)"
_UNSPACED = re.compile(f"[{UNSPACED}\uac00-\ud7a3]")
"""Characters of scripts where names have no blank after them; in Korean a particle follows."""
_START = ("start", "start_offset", "start_char", "startOffset", "begin", "offset")
_END = ("end", "end_offset", "end_char", "endOffset")
_TYPE = ("label", "type", "entity_group", "entity_type", "entity", "category", "tag")
"""Keys that tools use for the edges of an entity, and for what it is."""


def columns_of(table: Table, fields: Mapping[str, str]) -> list[str] | None:
    """The columns of text and entities; ``None`` where the first row is none of a text and its entities.

    They are those that the task file names for tokens and tags, else ``text`` and the first of ``COLUMNS`` there is, or
    any other column of entities.
    """
    if table.kind in SUFFIXES:
        return None
    text = fields.get("tokens", "text")
    others = [name for name in table.names if name not in (*COLUMNS, text, "tokens")]
    named = [fields["tags"]] if "tags" in fields else [*COLUMNS, *others]
    expected = [text, "tokens", *named]
    rows = islice((cells for _, cells in table.rows(expected, expected) if not isinstance(cells, str)), SNIFFED_ROWS)
    first = next(rows, [None] * len(expected))
    if not isinstance(first[0], str) or (first[1] is not None and "tokens" not in fields):
        return None
    # A text without entities may lack the column.
    columns = zip(named, zip(*(cells[2:] for cells in [first, *rows]), strict=True), strict=True)
    cells = [(name, _listed(max(column, key=_weight))) for name, column in columns]
    known = [name for name, cell in cells if name not in others and _lists_entities(cell)]
    return next(([text, name] for name in [*known, *(name for name, cell in cells if _has_spans(cell))]), None)


def _weight(cell: Any) -> int:
    """How much a cell shows about its column: nothing at all, nothing in a list, or something."""
    return 0 if cell is None else 1 if cell in ([], {}, "") else 2


def _listed(cell: Any) -> Any:
    """A cell of separated text as the list or object that it spells; any other cell as it is."""
    spelt = value_of(cell) if isinstance(cell, str) and cell.lstrip()[:1] in ("[", "{") else None
    return cell if spelt is None else spelt


def _lists_entities(cell: Any) -> bool:
    if isinstance(cell, dict):
        return all(isinstance(value, dict) for value in cell.values())
    return isinstance(cell, list) and all(isinstance(value, dict | list) for value in cell)


def _has_spans(cell: Any) -> bool:
    """Whether it is a list of objects with offsets, whatever its column is called."""
    return (
        bool(cell)
        and isinstance(cell, list)
        and all(isinstance(span, dict) and any(key in span for key in _START) for span in cell)
    )


def tagged(rows: Rows, repaired: dict[str, list[int]]) -> Rows:
    """Rows of text, entities and further cells as rows of words, tags and these cells.

    ``repaired`` gets the numbers of those with cut words or offsets in another unit.
    """
    return all_tagged([_marked(number, cells) for number, cells in rows], repaired)


def _marked(number: int, cells: list[Any] | str) -> MarkedRow:
    if isinstance(cells, str):
        return number, "", cells, "", []
    text, listed, *others = cells
    return number, text, text_problem("text", text) or _read(text, listed), "", others


def all_tagged(marked: Sequence[MarkedRow], repaired: dict[str, list[int]], *, moved: bool = True) -> Rows:
    """Texts with entities as rows of words and tags; see ``tagged``.

    Args:
        marked: Rows.
        repaired: Gets the numbers of rows that were not taken as they are written.
        moved: Whether offsets may count something else than characters.
    """
    marked = _trimmed(_in_characters(marked, repaired) if moved else marked, repaired)
    units = cutter()
    inside = [
        set() if isinstance(entities, str) else _inside(units(text), entities) for _, text, entities, *_ in marked
    ]
    # Where words have blanks between them: is an edge inside a word the exception, or are all offsets off?
    slips = [
        bool(edges)
        for (_, text, entities, *_), edges in zip(marked, inside, strict=True)
        if entities and not isinstance(entities, str) and not _unspaced(text)
    ]
    rare = sum(slips) <= SLIPS * len(slips)
    for (number, text, entities, where, others), edges in zip(marked, inside, strict=True):
        cut_at = edges if rare or _unspaced(text) else ()
        tags = entities if isinstance(entities, str) else tags_from(text, entities, cut_at=cut_at)
        if isinstance(tags, str):
            yield number, f"{tags}{where}" if where else tags
            continue
        if edges:
            repaired.setdefault(CUT, []).append(number)
        yield number, [*tags, *others]


def _unspaced(text: Any) -> bool:
    """Whether a text has characters of a script without blanks between words; a row may lack its text."""
    return isinstance(text, str) and bool(_UNSPACED.search(text))


def _trimmed(marked: Sequence[MarkedRow], repaired: dict[str, list[int]]) -> list[MarkedRow]:
    """The same rows without blanks at the edges of entities, where words begin and end there."""
    rows: list[MarkedRow] = []
    for number, text, entities, where, others in marked:
        kept = entities if isinstance(entities, str) else [_bare(text, entity) for entity in entities]
        if kept != entities:
            repaired.setdefault(TRIMMED, []).append(number)
        rows.append((number, text, kept, where, others))
    return rows


def _bare(text: str, entity: Entity) -> Entity:
    """An entity without the blanks around it; as it is where that does not lead to the edges of words.

    Offsets that are off by one have a blank at one edge and half a word at the other.
    """
    start, end, label, surface = entity
    inside = text[start:end] if 0 <= start < end <= len(text) else ""
    bare = inside.strip()
    if not bare or bare == inside or (surface and surface.strip() != bare):
        return entity
    begins = start + len(inside) - len(inside.lstrip())
    spans = cutter()(text)
    if begins not in {at for at, _ in spans} or begins + len(bare) not in {at for _, at in spans}:
        return entity
    return begins, begins + len(bare), label, bare if surface else ""


def _in_characters(marked: Sequence[MarkedRow], repaired: dict[str, list[int]]) -> list[MarkedRow]:
    """The same rows with offsets in characters, whatever the source counts."""
    usable = [place for place, row in enumerate(marked) if not isinstance(row[2], str)]
    pairs = [(text, spans) for _, text, spans, *_ in marked if not isinstance(spans, str)]
    entities, unit, moved, undecided = in_characters(pairs)
    if unit:
        repaired[f"offsets that count {unit} (taken so, since the entities fit then)"] = [
            marked[usable[place]][0] for place in moved
        ]
    if undecided:
        repaired[UNDECIDED] = [marked[usable[place]][0] for place in undecided]
    converted = list(marked)
    for place, spans in zip(usable, entities, strict=True):
        number, text, _, where, others = marked[place]
        converted[place] = number, text, spans, where, others
    return converted


def _inside(spans: Sequence[Span], entities: Sequence[Entity]) -> set[int]:
    """Edges of entities inside a word."""
    starts = [start for start, _ in spans]
    units = set()
    for edge in {edge for start, end, _, _ in entities for edge in (start, end)}:
        word = bisect_left(starts, edge) - 1  # the last that begins before it
        if word >= 0 and edge < spans[word][1]:
            units.add(edge)
    return units


def _cut_at(spans: Sequence[Span], edges: Collection[int]) -> list[Span]:
    matches: list[Span] = []
    for start, end in spans:
        inside = sorted(edge for edge in edges if start < edge < end)
        matches += zip([start, *inside], [*inside, end], strict=True)
    return matches


def _read(text: str, listed: Any) -> list[Entity] | str:
    """The entities in a cell, or what is wrong with it."""
    listed = _listed(listed)
    if isinstance(listed, dict):
        return _read_by_type(text, listed)
    if not isinstance(listed, list):
        return "entities is not a list"
    entities: list[Entity] = []
    for place, model in enumerate(listed, 1):
        if isinstance(model, dict):
            edges = [_value(model, _START), _value(model, _END)]
            if edges[1] is None and type(edges[0]) is int and type(model.get("length")) is int:
                edges[1] = edges[0] + model["length"]
            text_there = model.get("text", model.get("value", ""))
            parts = [*edges, _value(model, _TYPE), text_there if isinstance(text_there, str) else ""]
        elif isinstance(model, list) and len(model) in (3, 4):  # the fourth names an entry of a knowledge base
            parts = [*model[:3], ""]
        else:
            return f"entity {place} is neither {{start, end, label}} nor [start, end, label]"
        start, end, label, surface = parts
        start, end = (_whole(edge) for edge in (start, end))
        if label is None and isinstance(model, dict) and isinstance(model.get("labels"), list):  # Label Studio
            if len(model["labels"]) > 1:
                return f"entity {place} has {len(model['labels'])} labels; a word has one tag, so keep one of them"
            label = next(iter(model["labels"]), None)
        if type(start) is not int or type(end) is not int:
            return f"entity {place} has the offsets {start!r} and {end!r}; they must be whole numbers"
        if type(label) is int:
            return f"entity {place} has the number {label} for a label; export the names of labels, not their numbers"
        if not isinstance(label, str) or not label.strip():
            return f"entity {place} has no label"
        entities.append((start, end, label.strip(), str(surface or "")))
    return entities


def _value(entity: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((entity[key] for key in keys if entity.get(key) is not None), None)


def _whole(edge: Any) -> Any:
    """A whole number that is written otherwise; any other value as it is."""
    if isinstance(edge, float) and edge.is_integer():
        return int(edge)
    return int(edge) if isinstance(edge, str) and edge.strip().isascii() and edge.strip().isdecimal() else edge


def _read_by_type(text: str, listed: Mapping[Any, Any]) -> list[Entity] | str:
    """``{type: {name: [[start, last], ...]}}``; the name shows whether the end is the last character."""
    entities: list[Entity] = []
    for label, names in listed.items():
        for surface, places in names.items() if isinstance(names, dict) else ():
            for place in places if isinstance(places, list) else [places]:
                if not (isinstance(place, list) and len(place) == 2 and all(type(edge) is int for edge in place)):
                    return f"the entity {surface[:40]!r} has the place {place!r}; expected [start, last]"
                start, last = place
                end = last if text[start:last] == surface else last + 1
                entities.append((start, end, str(label), surface))
    return entities


def tags_from(text: str, entities: Sequence[Entity], *, cut_at: Collection[int] = ()) -> list[Any] | str:
    """``[words, tags]`` in IOB2, or what is wrong with the entities.

    Args:
        text: The text.
        entities: In any order.
        cut_at: Places in the text at which words are cut too.

    Example:
        >>> tags_from("to New York.", [(3, 11, "LOC", "")])
        [['to', 'New', 'York', '.'], ['O', 'B-LOC', 'I-LOC', 'O']]
        >>> tags_from("to New York.", [(3, 10, "LOC", "")])
        "the entity 3 to 10 ends inside a word ('New Yor'); offsets count characters from 0, the end is exclusive"
    """
    spans = _cut_at(cutter()(text), cut_at)
    starts = {start: number for number, (start, _) in enumerate(spans)}
    ends = {end: number for number, (_, end) in enumerate(spans)}
    tags = ["O"] * len(spans)
    behind = -1
    for start, end, label, surface in sorted(entities):
        where = f"the entity {start} to {end}"
        if 0 <= start < len(text) < end and surface and surface.startswith(text[start:].rstrip()):
            return f"{where} continues in the next line; a row is a line, so keep entities within one"
        if not 0 <= start < end <= len(text):
            return f"{where} does not lie in the text, which has {len(text)} characters"
        shown = repr(text[start:end][:40])
        if surface and surface != text[start:end]:
            return (
                f"{where} is {shown} in the text, not {surface[:40]!r}; are the offsets off by one, or do they count "
                "something else than characters?"
            )
        if start not in starts or end not in ends:
            if start not in starts:
                blank = text[start].isspace()
                wrong = f"{where} begins with a blank" if blank else f"{where} begins inside a word"
            else:
                blank = text[end - 1].isspace()
                wrong = f"{where} ends with a blank" if blank else f"{where} ends inside a word"
            return f"{wrong} ({shown}); offsets count characters from 0, the end is exclusive"
        if starts[start] <= behind:
            return f"{where} ({shown}) overlaps another; a word has one tag, so keep one of the two"
        behind = ends[end]
        tags[starts[start] : behind + 1] = [f"B-{label}"] + [f"I-{label}"] * (behind - starts[start])
    return [[text[start:end] for start, end in spans], tags]
