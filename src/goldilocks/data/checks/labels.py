"""Findings about labels and tags: seen once, never tested, uneven, contradictory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from goldilocks.data.alike import alike
from goldilocks.data.checks.class_terms import class_terms
from goldilocks.data.findings import finding, rows_in_words, some_of
from goldilocks.data.profile import label_counts
from goldilocks.records import Finding, Output, Part, Severity, labels_of

IMBALANCE = 10
MAJORITY = 0.5
"""Share of the rows from which always predicting one label looks good by accuracy."""


def labels(parts: Mapping[str, Part], output: Output) -> list[Finding]:
    """Labels seen once or never in a part, uneven classes; nothing for answers that are not made of labels."""
    counts = label_counts(parts["train"], output)
    if not counts:
        return []
    return [
        *_alike(parts, output),
        *_seen_once(parts["train"], counts, output),
        *_imbalance(parts["train"], counts),
        *_untested(parts, counts, output),
    ]


def _seen_once(train: Part, counts: Counter[str], output: Output) -> list[Finding]:
    label, row = _names(output)
    once = sorted(name for name, count in counts.items() if count == 1)
    if not once:
        return []
    pairs = zip(train.rows, train.gold, strict=True)
    rows = [number for number, gold in pairs if any(counts[name] == 1 for name in labels_of(gold, output))]
    return [
        finding(
            "label_seen_once",
            Severity.WARNING,
            f"{len(once):,} {label if len(once) == 1 else f'{label}s'} with a single training {row}: {some_of(once)} "
            f"({rows_in_words(rows)})",
            f"Hardly any candidate learns from a single example, and in macro F1 such a {label} weighs as much as "
            f"a common one; add examples or merge it with another {label}.",
            part="train",
            rows=rows,
        )
    ]


def _imbalance(train: Part, counts: Counter[str]) -> list[Finding]:
    (commonest, high), (rarest, low) = counts.most_common()[0], counts.most_common()[-1]
    if high < IMBALANCE * low or not all(isinstance(gold, str) for gold in train.gold):
        return []
    return [
        finding(
            "class_imbalance",
            Severity.WARNING,
            f"{commonest!r} has {high:,} training rows, {rarest!r} {low:,}: {high / low:.0f} times as many",
            f"Always predicting {commonest!r} is right {high / len(train):.0%} of the time, so accuracy is "
            "misleading; compare by macro F1, and consider what errors on the rare labels cost."
            if high >= MAJORITY * len(train)
            else "In macro F1 a rare label weighs as much as a common one, but few rows say how well it is "
            "recognised, so the score is noisy; add rows of the rare labels, or merge them with others.",
            part="train",
            rows=(),
            count=len(counts),
        )
    ]


def _untested(parts: Mapping[str, Part], counts: Counter[str], output: Output) -> list[Finding]:
    label, row = _names(output)
    absent = {name: sorted(set(counts) - set(label_counts(parts[name], output))) for name in ("validation", "test")}
    return [
        finding(
            "label_untested",
            Severity.WARNING,
            f"{len(names):,} {label if len(names) == 1 else f'{label}s'} of train without a {row} in {part}: "
            f"{some_of(names)}",
            f"The score says nothing about {'it' if len(names) == 1 else 'them'}.",
            part=part,
            rows=(),
            count=len(names),
        )
        for part, names in absent.items()
        if names
    ]


def _names(output: Output) -> tuple[str, str]:
    """What a class is called, and what has one."""
    return ("tag", "word") if output is Output.TAGS else ("label", "row")


def _alike(parts: Mapping[str, Part], output: Output) -> list[Finding]:
    """Labels that differ only in case, blanks, ``_`` or ``-``; of entity tags, their types."""
    counts = label_counts(parts["train"], output)
    terms = class_terms(counts, output)
    groups = alike(map(terms.name, counts))
    if not groups:
        return []
    return [
        finding(
            "labels_alike",
            Severity.WARNING,
            f"{terms.plural} that are written alike: {'; '.join(', '.join(map(repr, group)) for group in groups[:5])}"
            + (f" and {len(groups) - 5} more" if len(groups) > 5 else ""),
            "They are learnt as different labels, and a model is wrong half of the time between them; write them in "
            "one way unless they mean different things.",
            part="train",
            rows=(),
            count=len(groups),
        )
    ]
