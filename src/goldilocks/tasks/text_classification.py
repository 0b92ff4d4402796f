"""One label for each text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output
from goldilocks.support.text.cells import label_of, single_label_problem, text_problem

OUTPUT = Output.LABEL
SEVERAL = False
FIELDS = {"text": "the text", "label": "its label"}
READS = ("text",)
OPTIONAL: frozenset[str] = frozenset()
LINE = ("text",)
ITEM = ("text", "texts")
METRICS = ("macro_f1", "accuracy", "weighted_f1")
INSTRUCTION = "Give the label that fits the text."
INSTRUCTION_ZH = "给出适合这段文本的标签。"


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return text_problem("text", row.get("text"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or single_label_problem("label", row.get("label"))


def item(row: Mapping[str, Any]) -> str:
    """The text."""
    return str(row["text"])


def gold(row: Mapping[str, Any]) -> str:
    """The label."""
    return label_of(row["label"])
