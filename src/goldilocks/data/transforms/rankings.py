"""Rows with one candidate each, gathered into lists: the long form in which rankings are mostly kept.

Rows ``q, a, 1`` and ``q, b, 0`` (query, item, relevance) become the row ``q, [a, b], [1, 0]`` (query, candidates,
relevance).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goldilocks.data.readers.columns import Rows
from goldilocks.support.text.cells import empty, number_problem, text_problem

_ROLES = ("query", "candidates", "relevance", "item", "group")


def gathered(rows: Rows, roles: Sequence[str]) -> Rows:
    """The same rows, those with an ``item`` gathered by their ``group`` (else by their query).

    A list has the number of its first row, and comes once all rows are read. A row that cannot be part of one is handed
    on with what is wrong with it.

    Args:
        rows: Row number, and cells in the order of ``roles`` or what is wrong with the row.
        roles: What the cells are; unless all of query, candidates, relevance, item and group are there the rows stay as
            they are.
    """
    return _gathered(rows, roles) if set(_ROLES) <= set(roles) else rows


def _gathered(rows: Rows, roles: Sequence[str]) -> Rows:
    place = {role: roles.index(role) for role in _ROLES}
    lists: dict[Any, tuple[int, list[Any]]] = {}
    for number, cells in rows:
        if isinstance(cells, str) or empty(cells[place["item"]]) or not empty(cells[place["candidates"]]):
            yield number, cells
            continue
        query, relevance, item, group = (cells[place[role]] for role in ("query", "relevance", "item", "group"))
        wrong = text_problem("query", query) or text_problem("item", item) or number_problem("relevance", relevance)
        key = ("query", query) if empty(group) else ("group", str(group))
        if wrong is None and key in lists and lists[key][1][place["query"]] != query:
            wrong = f"another query than row {lists[key][0]} of its group"
        if wrong is not None:
            yield number, wrong
            continue
        if key not in lists:
            lists[key] = number, list(cells)
            for role in ("candidates", "relevance"):
                lists[key][1][place[role]] = []
        together = lists[key][1]
        together[place["candidates"]].append(item)
        together[place["relevance"]].append(float(relevance))
    yield from lists.values()
