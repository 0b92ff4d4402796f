"""Sentences that follow one another in a document, read together as one row.

    tokens      tags     document        tokens               tags
    [To, Rome]  [O, X]   1          ->   [[To, Rome], [So]]   [[O, X], [O]]
    [So]        [O]      1

The separator between them in an item: ``support/text/sentences``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goldilocks.data.readers.columns import Rows
from goldilocks.support.text.cells import empty
from goldilocks.support.text.iob2 import has_sentences, tags_of, words_of

Problem = Callable[[Mapping[str, Any]], str | None]


@dataclass(slots=True)
class _Held:
    """Neighbours of one document."""

    number: int
    """Number of the first row."""
    document: str
    tokens: list[list[str]]
    tags: list[list[str]]
    others: dict[str, Any]
    """Further cells of the first, by role."""


def joined(rows: Rows, roles: Sequence[str], limit: int, problem: Problem) -> Rows:
    """The same rows, up to ``limit`` neighbours of one document made one.

    A row that holds several sentences as it is, or that cannot be used, stays as it is. Where no document is named,
    all neighbours are joined.

    Args:
        rows: Row number, and cells in the order of ``roles`` or what is wrong with the row.
        roles: What the cells are: tokens, tags and maybe document.
        limit: Maximum number of sentences per row; 1: the rows stay as they are.
        problem: What is wrong with a row, if anything.
    """
    return rows if limit == 1 else _joined(rows, roles, limit, problem)


def _joined(rows: Rows, roles: Sequence[str], limit: int, problem: Problem) -> Rows:
    held: _Held | None = None
    for number, cells in rows:
        row = {} if isinstance(cells, str) else dict(zip(roles, cells, strict=True))
        if wrong := cells if isinstance(cells, str) else problem(row):
            yield number, wrong
            continue
        document, alone = document_of(row.get("document")), has_sentences(row["tokens"])
        if held and (alone or len(held.tokens) == limit or held.document != document):
            yield held.number, _cells(held, roles)
            held = None
        if alone:
            yield number, cells
            continue
        held = held or _Held(number, document, [], [], row)
        held.tokens.append(list(words_of(row["tokens"])))
        held.tags.append(list(tags_of(row["tags"])))
    if held:
        yield held.number, _cells(held, roles)


def document_of(cell: Any) -> str:
    """The document that a cell names; of a list, as CoNLL columns give it, the first word says it. Empty: none."""
    name = cell[0] if isinstance(cell, list | tuple) and cell else cell
    return "" if empty(name) else str(name)


def _cells(held: _Held, roles: Sequence[str]) -> list[Any]:
    known = {**held.others, "tokens": held.tokens, "tags": held.tags, "document": held.document}
    return [known[role] for role in roles]
