"""Text pair regression: semantic similarity, or how relevant the second text is for the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any, cast

from goldilocks.records import DataIssue, Output, Part, Severity
from goldilocks.support.text.cells import number_problem, text_problem

OUTPUT = Output.SCORE
SEVERAL = False
FIELDS = {"text1": "the first text", "text2": "the second text", "score": "a number, on any scale"}
READS = ("text1", "text2")
OPTIONAL: frozenset[str] = frozenset()
LINE = ("text1", "text2")
ITEM = ("pair", "pairs")
METRICS = ("spearman", "pearson", "mae")
FLOORS = {"spearman": 0.0, "pearson": 0.0}
INSTRUCTION = "Say with a number how alike the two texts are."


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return next(filter(None, (text_problem(role, row.get(role)) for role in READS)), None)


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or number_problem("score", row.get("score"))


def item(row: Mapping[str, Any]) -> tuple[str, str]:
    """The two texts."""
    return str(row["text1"]), str(row["text2"])


def gold(row: Mapping[str, Any]) -> float:
    """The number."""
    return float(row["score"])


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    numbers = cast(tuple[float, ...], part.gold)
    return {"lowest score": min(numbers), "mean score": mean(numbers), "highest score": max(numbers)}


def issues(part: Part) -> Iterator[DataIssue]:
    """Scores that are all equal."""
    if len(set(part.gold)) == 1:
        yield DataIssue(
            "one_score",
            Severity.WARNING,
            f"all {len(part):,} pairs have the score {part.gold[0]}",
            "No correlation is defined with a constant score; is the score in another column?",
        )
