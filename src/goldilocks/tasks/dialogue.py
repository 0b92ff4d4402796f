"""The next reply in a dialogue, written freely; ``dialogue_retrieval`` chooses it among candidates.

Rows hold what was said and the reply, or whole dialogues as ``turns`` (see ``data/transforms/dialogues.py``). For the
perplexity of replies take ``language_modelling`` with the turns so far as its context.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import mean, median
from typing import Any

from goldilocks.records import DataIssue, Output, Part, Severity
from goldilocks.support.text.cells import text_problem
from goldilocks.support.text.reference_cells import all_references, references_problem, so_far, so_far_problem, turns_of
from goldilocks.support.text.units import references

OUTPUT = Output.TEXT
SEVERAL = False
FIELDS = {
    "context": "the turns so far: a list of texts, or one text",
    "reply": "the next turn",
    "references": "a list of replies that are as good",
    "turns": "instead of context and reply: all turns of a dialogue, texts or chat messages; to answer, those so far",
}
READS = ("context", "turns")
OPTIONAL = frozenset(FIELDS)
LINE = ("context+",)
ITEM = ("context", "contexts")
METRICS = ("bleu", "chrf", "rouge_l", "distinct_1", "distinct_2")
INSTRUCTION = "Give the next reply."
INSTRUCTION_ZH = "给出下一句回复。"
STOCK_SHARE = 0.05
"""Share of all replies from which a repeated one is reported."""


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return so_far_problem(row)


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or text_problem("reply", row.get("reply")) or references_problem(row.get("references"))


def item(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The turns so far."""
    return turns_of(so_far(row))


def gold(row: Mapping[str, Any]) -> str | tuple[str, ...]:
    """The reply, or all that are right with this one first."""
    return all_references(str(row["reply"]), row.get("references"))


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    replies = [references(answer)[0] for answer in part.gold]
    return {
        "dialogues": len(set(part.rows)),
        "turns before a reply, mean": mean(map(len, part.texts)),
        "characters of a reply, median": median(map(len, replies)),
    }


def issues(part: Part) -> Iterator[DataIssue]:
    """Replies repeated so often that models learn to fall back on them."""
    replies = Counter(references(answer)[0] for answer in part.gold)
    reply, count = replies.most_common(1)[0] if replies else ("", 0)
    if count > 1 and count >= STOCK_SHARE * len(part):
        places = (k for k, answer in enumerate(part.gold) if reply == references(answer)[0])
        yield DataIssue(
            "stock_reply",
            Severity.NOTE,
            f"{count:,} of {len(part):,} replies are the same",
            "Models overuse a reply this common and still score well; compare distinct_1 and distinct_2.",
            tuple(places),
        )
