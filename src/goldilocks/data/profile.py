"""Statistics of the data: rows, labels, lengths, languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.data.language import languages, main_language
from goldilocks.protocols import ReportsDataStats, Task
from goldilocks.records import DataProfile, Output, Part, Text, as_text, labels_of
from goldilocks.support.text.units import units

SAMPLE = 2_000
"""Training texts that are tokenized."""
LANGUAGE_SAMPLE = 500
"""Training texts whose language is identified: shares to within 4 points."""

Tokenizers = Mapping[str, Callable[[Sequence[str]], list[int]]]
"""Name -> how many tokens each text has."""


def words(texts: Sequence[str]) -> list[int]:
    """Words of each text; a character of a script without spaces counts as one.

    Example:
        >>> words(["two words", "很好 iPhone 15", "두 단어"])
        [2, 4, 2]
    """
    return [len(units(text)) for text in texts]


def profile(
    parts: Mapping[str, Part],
    *,
    output: Output = Output.LABEL,
    language: str = "auto",
    tokenizers: Tokenizers | None = None,
    task: Task | None = None,
) -> DataProfile:
    """Rows, labels, lengths and languages.

    Args:
        parts: ``train`` and the others by name; lengths and languages are those of ``train``.
        output: The kind of answer: labels and tags are counted.
        language: BCP 47 tag the user gave, or ``auto``.
        tokenizers: Name -> token counts of texts, called once with at most 2,000 texts; ``words`` is always there.
        task: Counts what only it knows of (``protocols.ReportsDataStats``).
    """
    train = parts["train"]
    sample = [as_text(item) for item in spread(train.texts, SAMPLE)]
    language_shares = languages([as_text(item) for item in spread(train.texts, LANGUAGE_SAMPLE)])
    counters = {"words": words} | dict(tokenizers or {})
    facts: dict[str, Mapping[str, float]] = {}
    if isinstance(task, ReportsDataStats):
        facts = {name: dict(task.statistics(part)) for name, part in parts.items() if len(part)}
    return DataProfile(
        rows={name: len(part) for name, part in parts.items()},
        label_counts={name: dict(sorted(label_counts(part, output).items())) for name, part in parts.items()},
        characters=percentiles(np.fromiter((len(as_text(item)) for item in train.texts), np.int64, len(train))),
        tokens={name: percentiles(np.asarray(count(sample))) for name, count in counters.items()},
        language=main_language(language_shares) if language == "auto" else language,
        languages=language_shares,
        facts=facts,
    )


def label_counts(part: Part, output: Output) -> Counter[str]:
    """How often each label or tag is the gold answer, or part of it."""
    return Counter(label for gold in part.gold for label in labels_of(gold, output))


def spread(texts: Sequence[Text], limit: int) -> list[Text]:
    """At most ``limit`` of the items, evenly spaced."""
    places = np.linspace(0, len(texts) - 1, num=min(limit, len(texts))).astype(int)
    return [texts[place] for place in places.tolist()]


def percentiles(lengths: npt.NDArray[np.integer[Any]]) -> dict[str, float]:
    """``p50``, ``p95``, ``max`` and ``mean``; all 0 of nothing."""
    if not len(lengths):
        return {"p50": 0.0, "p95": 0.0, "max": 0.0, "mean": 0.0}
    middle, high = np.percentile(lengths, [50, 95])
    return {"p50": float(middle), "p95": float(high), "max": float(lengths.max()), "mean": float(lengths.mean())}
