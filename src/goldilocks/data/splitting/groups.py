"""Which rows belong together in a split: near duplicates, questions about one context, turns of one dialogue."""

from __future__ import annotations

import numpy as np

from goldilocks.data.splitting.duplicates import Groups, Ints, group
from goldilocks.records import Output, Part, as_text

PARTS = ("train", "validation", "test")
Parts = dict[str, Part]
Grouped = dict[str, Groups]


def bound_by(parts: Parts, output: Output, column: str | None = None) -> str:
    """What keeps rows together, where it is not that they are nearly the same.

    The ``column`` of ``data.group``, else ``context``, ``dialogue``, ``document`` or nothing.
    """
    if column:
        return column
    if output is Output.SPAN:
        return "context"  # has several questions; in two parts it would be known before it is asked about
    if any(len(set(part.documents) - {""}) > 1 for part in parts.values()):
        return "document"
    return "dialogue" if any(len(set(part.rows)) < len(part) for part in parts.values()) else ""


def _about(parts: Parts, bound: str) -> list[str] | None:
    """What each row is about, where that keeps rows together: the context, all of the dialogue or of the document."""
    if not bound:
        return None
    if bound == "context":
        return [text if isinstance(text, str) else text[-1] for name in PARTS for text in parts[name].texts]
    if bound == "document":
        return [text for name in PARTS for text in _whole_documents(parts[name])]
    keys: list[str] = []
    for name in PARTS:
        # The turns of a dialogue have its row number, and the last of them was preceded by all others.
        last = dict(zip(parts[name].rows, parts[name].texts, strict=True))
        whole = {row: as_text(text) for row, text in last.items()}
        keys += [whole[row] for row in parts[name].rows]
    return keys


def _whole_documents(part: Part) -> list[str]:
    """All that is there of the document of each row; of a row of no document the row."""
    names = part.documents or ("",) * len(part)
    pieces: dict[str, list[str]] = {}
    for name, text in zip(names, part.texts, strict=True):
        pieces.setdefault(name, []).append(as_text(text))
    joined = {name: " ".join(texts) for name, texts in pieces.items()}
    return [joined[name] if name else as_text(text) for name, text in zip(names, part.texts, strict=True)]


def group_rows(parts: Parts, seed: int, output: Output, bound: str, column: str | None = None) -> Grouped:
    """Exact duplicates and rows that belong together, for each part.

    Args:
        parts: All three.
        seed: Seed of the hash functions that find near duplicates.
        output: The kind of answer.
        bound: See ``bound_by``.
        column: An attribute by which rows belong together, instead of what they say.
    """
    texts = [text for name in PARTS for text in parts[name].texts]
    # ("a", "b c") and ("a b", "c") are two pairs; the words of a sentence are one text however they are counted.
    between = " " if output is Output.TAGS else " \u241f "
    spelled = [text if isinstance(text, str) else between.join(text) for text in texts]
    together = group(spelled, about=spelled if column else _about(parts, bound), seed=seed)
    if column:
        together = Groups(together.exact, _codes(parts, column))
    grouped: Grouped = {}
    start = 0
    for name in PARTS:
        end = start + len(parts[name])
        grouped[name] = together.take(np.arange(start, end))
        start = end
    return grouped


def _codes(parts: Parts, column: str) -> Ints:
    """Number of the cell of each row; a row without one is a group of its own."""
    cells = [cell for name in PARTS for cell in parts[name].attributes.get(column, ())]
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(cell or f"\0{place}", len(numbers)) for place, cell in enumerate(cells)], dtype=np.int64
    )


def keep(parts: Parts, groups: Grouped, name: str, positions: list[int]) -> None:
    """Keep the rows of a part at ``positions``; in place."""
    parts[name], groups[name] = parts[name].take(positions), groups[name].take(positions)
