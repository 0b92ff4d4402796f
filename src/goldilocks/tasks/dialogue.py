"""The next reply in a dialogue, written freely; ``dialogue_retrieval`` chooses it among candidates.

Rows hold what was said and the reply, or whole dialogues as ``turns`` (see ``data/dialogues.py``). For the perplexity
of replies take ``language_modelling`` with the turns so far as its context.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output
from goldilocks.support.cells import text_problem
from goldilocks.support.reference_cells import all_references, references_problem, turns_of, turns_problem

OUTPUT = Output.TEXT
SEVERAL = False
FIELDS = {
    "context": "the turns so far: a list of texts, or one text",
    "reply": "the next turn",
    "references": "a list of replies that are as good",
    "turns": "instead of context and reply: all turns of a dialogue",
}
READS = ("context",)
OPTIONAL = frozenset(FIELDS)
METRICS = ("bleu", "chrf", "rouge_l", "distinct_1", "distinct_2")
INSTRUCTION = "Give the next reply."


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return (
        turns_problem("context", row.get("context"))
        or text_problem("reply", row.get("reply"))
        or references_problem(row.get("references"))
    )


def item(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The turns so far."""
    return turns_of(row["context"])


def gold(row: Mapping[str, Any]) -> str | tuple[str, ...]:
    """The reply, or all that are right with this one first."""
    return all_references(str(row["reply"]), row.get("references"))
