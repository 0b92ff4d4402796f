"""What matters in a text, told shortly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output
from goldilocks.support.cells import text_problem
from goldilocks.support.reference_cells import all_references, references_problem

OUTPUT = Output.TEXT
SEVERAL = False
FIELDS = {
    "source": "the text to sum up",
    "target": "its summary",
    "references": "a list of summaries that are as good (the target may be among them)",
}
READS = ("source",)
OPTIONAL = frozenset({"references"})
METRICS = ("rouge_l", "rouge_1", "rouge_2", "meteor", "coverage")
INSTRUCTION = "Sum up the text."


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return (
        text_problem("source", row.get("source"))
        or text_problem("target", row.get("target"))
        or references_problem(row.get("references"))
    )


def item(row: Mapping[str, Any]) -> str:
    """The text to sum up."""
    return str(row["source"])


def gold(row: Mapping[str, Any]) -> str | tuple[str, ...]:
    """The summary, or all of them with the target first."""
    return all_references(str(row["target"]), row.get("references"))
