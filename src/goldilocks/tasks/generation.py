"""Free text generation from a prompt: stories, poems from a title, text of a domain.

There is no one right answer. The first metric asks how near the answer is to what was really written, the others
whether it is varied and does not go round in circles; how well a model knows such texts is a question for
``language_modelling``. A .txt file is read as paragraphs of which the first words are the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from goldilocks.records import Output, Part
from goldilocks.support.text.cells import text_problem

OUTPUT = Output.TEXT
SEVERAL = False
FIELDS = {"prompt": "how the text begins, or what it is about", "target": "how it went on"}
READS = ("prompt",)
OPTIONAL: frozenset[str] = frozenset()
LINE = ("prompt",)
ITEM = ("prompt", "prompts")
METRICS = ("chrf", "distinct_1", "distinct_2", "repetition")
INSTRUCTION = "Go on with the text."
INSTRUCTION_ZH = "续写这段文本。"


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return text_problem("prompt", row.get("prompt"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or text_problem("target", row.get("target"))


def item(row: Mapping[str, Any]) -> str:
    """The beginning."""
    return str(row["prompt"])


def gold(row: Mapping[str, Any]) -> str:
    """How it went on."""
    return str(row["target"])


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    return {
        "different prompts": len(set(part.texts)),
        "characters of a target, median": median(len(str(answer)) for answer in part.gold),
    }
