"""Any number of labels for each text, none included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output, Part, labels_of
from goldilocks.support.text.cells import empty, label_of, label_problem, list_of, shortened, text_problem, value_of

OUTPUT = Output.LABEL
SEVERAL = True
FIELDS = {"text": "the text", "labels": "its labels: a list, or one text with | ; or , between them; [] for none"}
READS = ("text",)
OPTIONAL: frozenset[str] = frozenset()
LINE = ("text",)
ITEM = ("text", "texts")
METRICS = ("macro_f1", "micro_f1", "subset_accuracy")
INSTRUCTION = "Give every label that fits the text, or none."
INSTRUCTION_ZH = "给出所有适合这段文本的标签；没有则写“无”。"


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return text_problem("text", row.get("text"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or _labels_problem(row.get("labels"))


def _labels_problem(cell: Any) -> str | None:
    if empty(cell):
        return "labels is empty; write [] where no label fits"
    spelt = value_of(cell) if isinstance(cell, str) else cell
    if isinstance(spelt, dict) and not isinstance(spelt.get("choices"), list):
        return "labels is a dict, not a list"
    if isinstance(cell, str) and cell.lstrip().startswith(("[", "{")) and spelt is None:
        return f"labels is {shortened(cell)!r}, which is not a list"
    return next(filter(None, (label_problem("one of the labels", label) for label in _labels(cell))), None)


def _labels(cell: Any) -> list[Any]:
    labels = list_of(cell)
    if isinstance(cell, str) and cell.lstrip().startswith("{"):
        spelt = value_of(cell)
        labels = spelt["choices"] if isinstance(spelt, dict) else spelt  # as Label Studio's CSV has several labels
    elif isinstance(cell, dict):
        labels = cell["choices"]
    if labels is None:
        labels = re.split("[|;,]", cell) if isinstance(cell, str) else [cell]
    return labels


def item(row: Mapping[str, Any]) -> str:
    """The text."""
    return str(row["text"])


def gold(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels, sorted, each once."""
    return tuple(sorted({label_of(label) for label in _labels(row["labels"])}))


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    counts = [len(labels_of(answer, OUTPUT)) for answer in part.gold]
    return {"labels of a text, mean": sum(counts) / len(counts), "without a label": counts.count(0)}
