"""Relation classification: how two marked entities in a text are related, with direction, or not at all.

The two entities are marked <e1> </e1> and <e2> </e2> in the text, or are given separately as [start, end] (characters
from 0, the end not included). Models are given them as ``[E1] … [/E1]`` and ``[E2] … [/E2]``; texts may use these
markers too. A label says the direction: ``Cause-Effect(e1,e2)`` is not ``Cause-Effect(e2,e1)``; relations without one
(``Other``) do without.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from goldilocks.records import Output
from goldilocks.support.text.cells import empty, label_of, list_of, shortened, single_label_problem, text_problem
from goldilocks.support.text.entity_markers import MARKERS, all_marked

OUTPUT = Output.LABEL
SEVERAL = False
FIELDS = {
    "text": "the text, with <e1> </e1> and <e2> </e2> in it unless e1 and e2 are given",
    "label": "the relation, e.g. Cause-Effect(e1,e2), or Other",
    "e1": "the first thing as [start, end] in characters",
    "e2": "the second thing as [start, end] in characters",
}
READS = ("text", "e1", "e2")
OPTIONAL = frozenset({"e1", "e2"})
LINE = ("text",)
ITEM = ("text", "texts")
METRICS = ("relation_macro_f1", "accuracy", "macro_f1")
INSTRUCTION = "Say how [E1] and [E2] are related, and in which direction."
INSTRUCTION_ZH = "说出 [E1] 和 [E2] 之间的关系及其方向。"
_DIRECTION = re.compile(r"\(\s*e\d.*\)$")


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return text_problem("text", row.get("text")) or _markers_problem(row)


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return (
        item_problem(row)
        or single_label_problem("label", row.get("label"))
        or _direction_problem(label_of(row["label"]))
    )


def _markers_problem(row: Mapping[str, Any]) -> str | None:
    text = str(row["text"])
    given = [role for role in MARKERS if not empty(row.get(role))]
    if not given and all_marked([text]):
        return _overlap([_between(text, *pair) for pair in MARKERS.values()])
    if not given:
        wrong = next(filter(None, (_marker_problem(text, mark) for mark in MARKERS)), None)
        return wrong or _overlap([_between(text, f"<{mark}>", f"</{mark}>") for mark in MARKERS])
    if len(given) == 1:
        return f"{given[0]} is given and the other is not; give both, or mark both in the text"
    for role in MARKERS:
        span = _span(row[role])
        if span is None:
            return f"{role} is {shortened(row[role])!r}, not [start, end]"
        if not 0 <= span[0] < span[1] <= len(text):
            return f"{role} is [{span[0]}, {span[1]}], which is not a piece of a text of {len(text)} characters"
    return _overlap([_span(row[role]) or (0, 0) for role in MARKERS])


def _overlap(spans: Sequence[tuple[int, int]]) -> str | None:
    (first, first_end), (second, second_end) = spans
    return "e1 and e2 overlap" if first < second_end and second < first_end else None


def _between(text: str, before: str, behind: str) -> tuple[int, int]:
    return text.index(before), text.index(behind)


def _marker_problem(text: str, role: str) -> str | None:
    opened, closed = text.count(f"<{role}>"), text.count(f"</{role}>")
    if (opened, closed) != (1, 1) or text.index(f"<{role}>") > text.index(f"</{role}>"):
        return f"text has {opened} <{role}> and {closed} </{role}>; mark one piece, or give {role} as [start, end]"
    return None


def _span(cell: Any) -> tuple[int, int] | None:
    numbers = list_of(cell) or []
    whole = len(numbers) == 2 and all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    return (numbers[0], numbers[1]) if whole else None


def _direction_problem(label: str) -> str | None:
    match = _DIRECTION.search(label)
    if match and match.group() not in ("(e1,e2)", "(e2,e1)"):
        return f"label {shortened(label)!r} has the direction {match.group()}; write (e1,e2) or (e2,e1)"
    return None


def item(row: Mapping[str, Any]) -> str:
    """The text with both things marked."""
    text = str(row["text"])
    if empty(row.get("e1")):
        for role, (before, behind) in MARKERS.items():
            text = text.replace(f"<{role}>", f" {before} ").replace(f"</{role}>", f" {behind} ")
        return " ".join(text.split())
    spans = sorted(((_span(row[role]) or (0, 0), pair) for role, pair in MARKERS.items()), reverse=True)
    for (start, end), (before, behind) in spans:  # from the back, so that the places before stay right
        text = f"{text[:start]} {before} {text[start:end]} {behind} {text[end:]}"
    return " ".join(text.split())


def gold(row: Mapping[str, Any]) -> str:
    """The relation."""
    return label_of(row["label"])
