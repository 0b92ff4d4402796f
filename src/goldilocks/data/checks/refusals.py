"""Data that cannot decide anything: too many unusable rows, labels that cannot be learnt, a single gold answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from goldilocks.data.alike import suggest_label
from goldilocks.data.checks.reading import unusable_rows
from goldilocks.data.findings import finding, rows_in_words
from goldilocks.data.profile import label_counts
from goldilocks.data.read import Reading
from goldilocks.errors import InputError
from goldilocks.records import Finding, Output, Part, Severity, labels_of

UNUSABLE_SHARE = 0.01
Parts = dict[str, Part]


def left_out(readings: Mapping[str, Reading]) -> list[Finding]:
    """Say which rows are left out; refuse the data where there are too many of them."""
    findings: list[Finding] = []
    refused: list[str] = []
    for name, reading in readings.items():
        findings += unusable_rows(name, reading)
        rows = sorted(row for where in reading.problems.values() for row in where)
        if not rows:
            continue
        if len(rows) >= UNUSABLE_SHARE * reading.total or not len(reading.part):
            listed = "; ".join(f"{problem}: {rows_in_words(where)}" for problem, where in reading.problems.items())
            refused.append(f"{reading.source}: {len(rows):,} of {reading.total:,} rows cannot be used ({listed})")
            continue
        findings.append(
            finding(
                "rows_left_out",
                Severity.WARNING,
                f"{len(rows):,} of {reading.total:,} rows of {reading.source} left out ({rows_in_words(rows)})",
                "Everything that follows is about the other rows.",
                part=name,
                rows=rows,
            )
        )
    if refused:
        raise InputError(
            f"{'; '.join(refused)}. Correct or remove these rows; fewer than 1 % would have been left out."
        )
    return findings


def refuser(output: Output, sources: Mapping[str, str]) -> Callable[[Parts, str], None]:
    """What refuses parts whose labels cannot be learnt; nothing is refused where answers are not made of labels."""
    if output is Output.LABEL:
        return lambda parts, why: _refuse_labels(parts, sources, why)
    if output is Output.TAGS:
        return lambda parts, why: _refuse_one_answer(
            {(tag,) for tag in label_counts(parts["train"], output)}, parts, sources, why
        )
    if output is Output.SCORE:
        return lambda parts, why: _refuse_one_score(parts, sources, why)
    return _refuse_nothing


def _refuse_nothing(parts: Parts, why: str) -> None:
    """Answers that are not made of labels cannot lack one."""


def _refuse_labels(parts: Parts, sources: Mapping[str, str], why: str) -> None:
    known = label_counts(parts["train"], Output.LABEL)
    for name in ("validation", "test"):
        strange = {
            place: [label for label in labels_of(gold, Output.LABEL) if label not in known]
            for place, gold in enumerate(parts[name].gold)
        }
        strange = {place: unknown for place, unknown in strange.items() if unknown}
        if strange:
            every = [label for unknown in strange.values() for label in unknown]
            label, others = every[0], len(set(every)) - 1
            rows = [parts[name].rows[place] for place in strange]
            more = f" and {others} more" if others else ""
            raise InputError(
                f"{sources.get(name, sources['train'])}: the label {label!r}{more} is only in {name} "
                f"({rows_in_words(rows)}){why} and cannot be learnt.{suggest_label(label, known)} "
                "Add training rows for it, correct it, or remove these rows."
            )
    answers = {labels_of(gold, Output.LABEL) for gold in parts["train"].gold}
    _refuse_one_answer(answers, parts, sources, why)


def _refuse_one_answer(
    answers: Collection[tuple[str, ...]], parts: Parts, sources: Mapping[str, str], why: str
) -> None:
    """Refuse training rows whose gold answers (the labels of each, which may be none) are all the same."""
    if len(answers) < 2:
        only = next(iter(answers), ())
        only_answer = f"the label{'s' if len(only) > 1 else ''} {', '.join(map(repr, only))}" if only else "no label"
        raise InputError(
            f"{sources['train']}: all {len(parts['train']):,} rows have {only_answer}{why}; "
            "there is nothing to learn. Add rows of another label, or name another column as label."
        )


def _refuse_one_score(parts: Parts, sources: Mapping[str, str], why: str) -> None:
    """Lists of scores may well be all the same: the right candidate of each list may come first."""
    scores = set(parts["train"].gold)
    only = next(iter(scores), None)
    if len(scores) == 1 and isinstance(only, float):
        raise InputError(
            f"{sources['train']}: all {len(parts['train']):,} rows have the score {only:g}{why}; "
            "there is nothing to learn. Add rows of other scores, or name another column as score."
        )
