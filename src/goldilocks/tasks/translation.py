"""A text in another language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output
from goldilocks.support.cells import text_problem
from goldilocks.support.reference_cells import all_references, references_problem

OUTPUT = Output.TEXT
SEVERAL = False
FIELDS = {
    "source": "the text to translate",
    "target": "its translation",
    "references": "a list of translations that are as right (the target may be among them)",
}
READS = ("source",)
OPTIONAL = frozenset({"references"})
METRICS = ("bleu", "chrf", "ter", "meteor")
INSTRUCTION = "Translate the text."


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return (
        text_problem("source", row.get("source"))
        or text_problem("target", row.get("target"))
        or references_problem(row.get("references"))
    )


def item(row: Mapping[str, Any]) -> str:
    """The text to translate."""
    return str(row["source"])


def gold(row: Mapping[str, Any]) -> str | tuple[str, ...]:
    """The translation, or all of them with the target first."""
    return all_references(str(row["target"]), row.get("references"))
