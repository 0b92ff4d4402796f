"""Response selection: the next reply in a dialogue, ranked among candidates (``dialogue`` generates it).

Candidates that a labelled row does not give are drawn from the other replies of its file
(``data/transforms/dialogues.py``). A row to answer may come without: its reply is then chosen among those of the
training rows, which the bundle keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any

from goldilocks.records import Output, Part
from goldilocks.support.text.cells import empty, list_of, text_problem
from goldilocks.support.text.reference_cells import so_far, so_far_problem, turns_of

OUTPUT = Output.SCORE
SEVERAL = False
FIELDS = {
    "context": "the turns so far: a list of texts, or one text",
    "reply": "the right next turn",
    "candidates": "a list of texts, the reply among them; to answer, without: replies of the training rows",
    "turns": "instead of context and reply: all turns of a dialogue, texts or chat messages; to answer, those so far",
}
READS = ("context", "candidates", "turns")
OPTIONAL = frozenset(FIELDS)
LINE = ("context", "candidates+")
KNOWN = "candidates"
ITEM = ("context", "contexts")
METRICS = ("recall_at_1", "mrr", "recall_at_5")
BASELINES = ("majority", "bm25")
INSTRUCTION = "Say which of the candidates is the next reply."


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    cell = row.get("candidates")
    return so_far_problem(row) or (None if empty(cell) else _candidates_problem(cell))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    candidates = _candidates_problem(row.get("candidates"))
    return so_far_problem(row) or candidates or text_problem("reply", row.get("reply")) or _reply_problem(row)


def _candidates_problem(cell: Any) -> str | None:
    replies = list_of(cell)
    if replies is None:
        return "candidates is not a list of texts"
    wrong = (text_problem(f"candidate {number}", reply) for number, reply in enumerate(replies, start=1))
    problem = next(filter(None, wrong), None)
    if problem is None and len(replies) < 2:
        return f"{len(replies)} candidate{'' if len(replies) == 1 else 's'}; at least 2 are needed to choose from"
    return problem


def _reply_problem(row: Mapping[str, Any]) -> str | None:
    among = row["reply"] in (list_of(row["candidates"]) or ())
    return None if among else "the reply is not among the candidates"


def item(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The turns so far as one text, a line each, then the candidates if there are any."""
    return "\n".join(turns_of(so_far(row))), *map(str, list_of(row.get("candidates")) or ())


def gold(row: Mapping[str, Any]) -> tuple[float, ...]:
    """1 for the reply, 0 for the other candidates."""
    return tuple(float(reply == row["reply"]) for reply in list_of(row["candidates"]) or ())


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    return {
        "dialogues": len(set(part.rows)),
        "candidates of a context, mean": mean(len(text) - 1 for text in part.texts),
    }
