"""One label for two texts: do they mean the same, does the second follow from the first, does it answer it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from goldilocks.records import DataIssue, Output, Part, Severity
from goldilocks.support.text.cells import label_of, single_label_problem, text_problem

OUTPUT = Output.LABEL
SEVERAL = False
FIELDS = {"text1": "the first text", "text2": "the second text", "label": "the label of the two"}
READS = ("text1", "text2")
OPTIONAL: frozenset[str] = frozenset()
LINE = ("text1", "text2")
ITEM = ("pair", "pairs")
METRICS = ("accuracy", "macro_f1", "weighted_f1")
INSTRUCTION = "Give the label that says how the two texts are related."
INSTRUCTION_ZH = "给出说明两段文本之间关系的标签。"
ALIKE_SHARE = 0.9
"""Share of the pairs from which it is odd that their two texts are the same."""


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return next(filter(None, (text_problem(role, row.get(role)) for role in READS)), None)


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or single_label_problem("label", row.get("label"))


def item(row: Mapping[str, Any]) -> tuple[str, str]:
    """The two texts."""
    return str(row["text1"]), str(row["text2"])


def gold(row: Mapping[str, Any]) -> str:
    """The label."""
    return label_of(row["label"])


def issues(part: Part) -> Iterator[DataIssue]:
    """Pairs that are one text twice, nearly all of them."""
    alike = sum(text[0] == text[1] for text in part.texts)
    if alike >= ALIKE_SHARE * len(part):
        yield DataIssue(
            "equal_texts",
            Severity.WARNING,
            f"in {alike:,} of {len(part):,} pairs both texts are the same",
            "The second text repeats the first; was one column named for both?",
        )
