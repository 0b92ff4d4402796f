"""Findings about a part as a whole: its size, its answers, and what the task reports about it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from goldilocks.data.findings import counted, finding, rows_in_words
from goldilocks.protocols import ReportsDataIssues, Task
from goldilocks.records import Finding, Output, Part, Severity
from goldilocks.support.text.units import references

FEW_ROWS = 200


def few_rows(parts: Mapping[str, Part]) -> list[Finding]:
    """Too few rows to measure with."""
    findings: list[Finding] = []
    for name in ("validation", "test"):
        n_rows = len(parts[name])
        if n_rows < FEW_ROWS:
            findings.append(
                finding(
                    "few_rows",
                    Severity.WARNING,
                    f"only {counted(n_rows, 'row')} in {name}",
                    f"A score on so few rows is imprecise (a proportion to about ±{98 / math.sqrt(n_rows):.0f} "
                    "points): candidates that are closer cannot be distinguished.",
                    part=name,
                    rows=(),
                    count=n_rows,
                )
            )
    return findings


def one_target(parts: Mapping[str, Part], task: Task) -> list[Finding]:
    """Texts to be written that are the same in all rows of a part."""
    if task.OUTPUT is not Output.TEXT:
        return []
    findings: list[Finding] = []
    for name, part in parts.items():
        targets = {references(gold)[0] for gold in part.gold}
        if len(targets) == 1 < len(part):
            findings.append(
                finding(
                    "one_target",
                    Severity.WARNING,
                    f"all {len(part):,} rows have the same right answer",
                    "A model learns to give it for every input, and scores well by it; was the right column named?",
                    part=name,
                    rows=(),
                    count=len(part),
                )
            )
    return findings


def survey(parts: Mapping[str, Part], task: Task) -> list[Finding]:
    """What the task itself finds odd (``protocols.ReportsDataIssues``)."""
    if not isinstance(task, ReportsDataIssues):
        return []
    findings = []
    odd = {name: tuple(task.issues(part)) for name, part in parts.items() if len(part)}
    everywhere = {issue for issue in next(iter(odd.values()), ()) if all(issue in others for others in odd.values())}
    for name, part in parts.items():
        for issue in odd.get(name, ()):
            rows = list(dict.fromkeys(part.rows[place] for place in issue.places))
            if rows:
                message = f"{issue.message} ({rows_in_words(rows)})"
                findings.append(finding(issue.code, issue.severity, message, issue.meaning, part=name, rows=rows))
            elif issue not in everywhere:
                findings.append(finding(issue.code, issue.severity, issue.message, issue.meaning, part=name, rows=()))
    return findings + [
        finding(issue.code, issue.severity, issue.message, issue.meaning, part="all", rows=())
        for issue in sorted(everywhere, key=lambda issue: issue.code)
        if not issue.places
    ]
