"""Summarisation: a short text with the main points of a long one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from goldilocks.records import DataIssue, Output, Part, Severity
from goldilocks.support.text.cells import text_problem
from goldilocks.support.text.reference_cells import all_references, references_problem
from goldilocks.support.text.units import references

OUTPUT = Output.TEXT
SEVERAL = False
FIELDS = {
    "source": "the text to sum up",
    "target": "its summary",
    "references": "a list of summaries that are as good (the target may be among them)",
}
READS = ("source",)
OPTIONAL = frozenset({"references"})
LINE = ("source",)
ITEM = ("text", "texts")
METRICS = ("rouge_l", "rouge_1", "rouge_2", "meteor", "coverage")
INSTRUCTION = "Sum up the text."
INSTRUCTION_ZH = "概括这段文本。"


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return text_problem("source", row.get("source"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or text_problem("target", row.get("target")) or references_problem(row.get("references"))


def item(row: Mapping[str, Any]) -> str:
    """The text to sum up."""
    return str(row["source"])


def gold(row: Mapping[str, Any]) -> str | tuple[str, ...]:
    """The summary, or all of them with the target first."""
    return all_references(str(row["target"]), row.get("references"))


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    lengths = [(len(str(text)), len(references(answer)[0])) for text, answer in zip(part.texts, part.gold, strict=True)]
    return {
        "characters of a summary, median": median(short for _, short in lengths),
        "characters of a text / of its summary, median": median(long / short for long, short in lengths),
    }


def issues(part: Part) -> Iterator[DataIssue]:
    """Summaries that are no shorter than what they sum up."""
    pairs = zip(part.texts, part.gold, strict=True)
    longer = tuple(
        place for place, (text, summary) in enumerate(pairs) if len(references(summary)[0]) >= len(str(text))
    )
    if longer:
        yield DataIssue(
            "long_summary",
            Severity.WARNING,
            f"{len(longer):,} of {len(part):,} summaries are at least as long as their text",
            "A model learns from them to copy or to add; look whether the columns were taken for each other.",
            longer,
        )
