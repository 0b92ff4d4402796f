"""Machine translation: a text in another language."""

from __future__ import annotations

import math
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
    "source": "the text to translate",
    "target": "its translation",
    "references": "a list of translations that are as right (the target may be among them)",
}
READS = ("source",)
OPTIONAL = frozenset({"references"})
LINE = ("source",)
ITEM = ("text", "texts")
METRICS = ("bleu", "chrf", "ter", "meteor")
INSTRUCTION = "Translate the text."
ODD_RATIO = 3
"""A translation this many times as long or as short, for its source, as most are is odd..."""
SHORTEST = 30
"""Characters that the longer of the two must have for the check to apply."""


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return text_problem("source", row.get("source"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or text_problem("target", row.get("target")) or references_problem(row.get("references"))


def item(row: Mapping[str, Any]) -> str:
    """The text to translate."""
    return str(row["source"])


def gold(row: Mapping[str, Any]) -> str | tuple[str, ...]:
    """The translation, or all of them with the target first."""
    return all_references(str(row["target"]), row.get("references"))


def instruction(source: str, target: str) -> str:
    """See ``protocols.SupportsLanguagePairs``.

    Example:
        >>> instruction("English", "German"), instruction("", "German"), instruction("English", "")
        ('Translate from English to German.', 'Translate the text to German.', 'Translate the text.')
    """
    if not target:
        return INSTRUCTION
    return f"Translate from {source} to {target}." if source else f"Translate the text to {target}."


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    return {
        "characters of a translation, median": median(len(references(answer)[0]) for answer in part.gold),
        "characters of a translation / of its source, median": median(_ratios(part)),
    }


def issues(part: Part) -> Iterator[DataIssue]:
    """Translations that are their source, and those too long or too short for it."""
    pairs = [(str(text), references(gold)[0]) for text, gold in zip(part.texts, part.gold, strict=True)]
    copies = tuple(
        place
        for place, (source, target) in enumerate(pairs)
        if source.split() == target.split() and any(map(str.isalpha, source))
    )
    if copies:
        yield DataIssue(
            "untranslated",
            Severity.WARNING,
            f"{len(copies):,} of {len(part):,} translations are their source, word for word",
            "A model learns from them to copy. Names may well stay as they are; sentences were forgotten.",
            copies,
        )
    ratios = _ratios(part)
    middle = median(ratios) if ratios else 1.0
    odd = tuple(
        place
        for place, (ratio, pair) in enumerate(zip(ratios, pairs, strict=True))
        if abs(math.log(ratio / middle)) > math.log(ODD_RATIO) and max(map(len, pair)) >= SHORTEST
    )
    if odd:
        yield DataIssue(
            "odd_length",
            Severity.WARNING,
            f"{len(odd):,} of {len(part):,} translations are over {ODD_RATIO} times as long or as short, for their "
            "source, as most",
            "Often part of the translation is missing, or the lines are misaligned.",
            odd,
        )


def _ratios(part: Part) -> list[float]:
    return [len(references(gold)[0]) / len(str(text)) for text, gold in zip(part.texts, part.gold, strict=True)]
