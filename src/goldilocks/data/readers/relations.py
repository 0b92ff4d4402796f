"""Texts whose relations are marked between entities, as rows of one relation each.

    doccano   {"text", "entities": [{"id", "start_offset", "end_offset"}], "relations": [{"from_id", "to_id", "type"}]}
    Prodigy   {"text", "relations": [{"head_span": {"start", "end"}, "child_span": {"start", "end"}, "label"}]}

and Label Studio, which ``exports.py`` brings to Prodigy's form. ``e1`` is what comes first in the text, and the label
says the direction, as in SemEval-2010 Task 8: ``lives_in(e1,e2)`` if the relation goes from the first to the second.
Pairs of entities without a relation are no rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from goldilocks.data.readers.columns import Rows, Skipped
from goldilocks.data.readers.rows import Table

COLUMNS = ("relations", "entities")
REMARK = (
    "each relation is a row, with its direction in the label; pairs of entities without one are no rows, so add such "
    "pairs with the label Other if the model is to tell them apart"
)
_Span = list[int]


def columns_of(table: Table, wanted: Collection[str], fields: Mapping[str, str]) -> dict[str, str] | None:
    """Role -> column of relations and entities; ``None`` where the file, the task or the user has others."""
    marked = {"label", "e1", "e2"}
    if not marked <= set(wanted) or not marked.isdisjoint({*table.names, *fields}) or COLUMNS[0] not in table.names:
        return None
    return {"label": COLUMNS[0], "e1": COLUMNS[1], "e2": COLUMNS[1]}


def apart(rows: Rows, roles: Sequence[str]) -> Rows:
    """A row for each relation of each text, all with the number of the text.

    Args:
        rows: Row number, and cells in the order of ``roles`` (relations for ``label``, entities for ``e1`` and ``e2``),
            or what is wrong with the row.
        roles: What the cells are.
    """
    label, first, second = (roles.index(role) for role in ("label", "e1", "e2"))
    for number, cells in rows:
        if isinstance(cells, str):
            yield number, cells
            continue
        relations, entities = cells[label], cells[first]
        if not relations:
            yield number, Skipped("a text in which no relation is marked")
        elif not isinstance(relations, list):
            yield number, f"relations is a {type(relations).__name__}, not a list"
        else:
            for made in _related(relations, entities if isinstance(entities, list) else []):
                if isinstance(made, str):
                    yield number, made
                    continue
                row = list(cells)
                row[first], row[second], row[label] = made
                yield number, row


def _related(relations: Sequence[Any], entities: Sequence[Any]) -> Iterator[tuple[_Span, _Span, Any] | str]:
    """The spans of each relation in the order of the text with its label, or what is wrong with it."""
    known = {entity.get("id"): _span(entity) for entity in entities if isinstance(entity, Mapping)}
    for place, relation in enumerate(relations, start=1):
        if not isinstance(relation, Mapping):
            yield f"relation {place} is a {type(relation).__name__}, not an object"
            continue
        if "head_span" in relation:
            head, child = _span(relation["head_span"]), _span(relation.get("child_span"))
        else:
            head, child = known.get(relation.get("from_id")), known.get(relation.get("to_id"))
        if head is None or child is None:
            yield f"relation {place} is not between two entities with offsets"
            continue
        label = relation.get("label", relation.get("type"))
        if isinstance(label, str) and label and relation.get("directed", True):
            label += "(e1,e2)" if head <= child else "(e2,e1)"
        yield min(head, child), max(head, child), label


def _span(entity: Any) -> _Span | None:
    if not isinstance(entity, Mapping):
        return None
    span = [entity.get("start", entity.get("start_offset")), entity.get("end", entity.get("end_offset"))]
    return [int(edge) for edge in span] if all(type(edge) is int for edge in span) else None
