"""Sentences that follow one another in a document, read together as one row.

tokens      tags     document        tokens               tags
[To, Rome]  [O, X]   1          ->   [[To, Rome], [So]]   [[O, X], [O]]
[So]        [O]      1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goldilocks.data.formats import Rows
from goldilocks.support.tagging import has_sentences, tags_of, words_of


def joined(rows: Rows, roles: Sequence[str], most: int) -> Rows:
    """The same rows, up to ``most`` neighbours of one document made one; it has the number of its first.

    A row that holds several sentences as it is stays by itself, and so does one in which something is missing.

    Args:
        rows: Row number, and cells in the order of ``roles`` or what is wrong with the row.
        roles: What the cells are: tokens, tags and maybe document.
        most: Sentences of a row; 1: the rows stay as they are.
    """
    return rows if most == 1 else _joined(rows, roles, most)


def _joined(rows: Rows, roles: Sequence[str], most: int) -> Rows:
    held: tuple[int, list[Any]] | None = None
    for number, cells in rows:
        if isinstance(cells, str):
            yield number, cells
            continue
        row = dict(zip(roles, cells, strict=True))
        alone = not row["tokens"] or not row["tags"] or has_sentences(row["tokens"])
        if held and (alone or len(held[1][0]) == most or held[1][2] != row.get("document")):
            yield held[0], _cells(held[1], roles)
            held = None
        if alone:
            yield number, cells
            continue
        held = held or (number, [[], [], row.get("document")])
        held[1][0].append(_listed(row["tokens"], words_of))
        held[1][1].append(_listed(row["tags"], tags_of))
    if held:
        yield held[0], _cells(held[1], roles)


def _listed(cell: Any, parted: Any) -> Any:
    """A text as the list of its words; what is no text is checked by the task."""
    return list(parted(cell)) if isinstance(cell, str) else cell


def _cells(held: Sequence[Any], roles: Sequence[str]) -> list[Any]:
    known = dict(zip(("tokens", "tags", "document"), held, strict=True))
    return [known[role] for role in roles]
