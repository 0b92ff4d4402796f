"""Findings about items that occur more than once, with other answers or in several parts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from goldilocks.data.findings import finding, plural_s, row_numbers, rows_in_words
from goldilocks.data.splitting.duplicates import Groups
from goldilocks.protocols import Task
from goldilocks.records import Finding, Gold, Output, Part, Severity


def contradictions(parts: Mapping[str, Part], groups: Mapping[str, Groups], task: Task) -> list[Finding]:
    """Rows whose item occurs elsewhere, in any part, with another gold answer."""
    item, items = task.ITEM
    answer = "other tags" if task.OUTPUT is Output.TAGS else "other labels" if task.SEVERAL else "another label"
    names = list(parts)
    exact = np.concatenate([groups[name].exact for name in names])
    codes: dict[Gold, int] = {}
    gold = np.fromiter(
        (codes.setdefault(label, len(codes)) for name in names for label in parts[name].gold), np.int64, len(exact)
    )
    pairs = np.unique(exact.astype(np.int64) * len(codes) + gold)  # one per text and label it has
    several = np.bincount(pairs // max(len(codes), 1)) > 1
    findings: list[Finding] = []
    for name in names:
        places = np.flatnonzero(several[groups[name].exact])
        if len(places):
            rows = [parts[name].rows[place] for place in places.tolist()]
            texts = len(np.unique(groups[name].exact[places]))
            findings.append(
                finding(
                    "contradictory_duplicates",
                    Severity.WARNING,
                    f"{len(rows):,} row{plural_s(rows)} whose {item} also occurs with {answer}: {texts:,} different "
                    f"{items if texts > 1 else item} ({rows_in_words(rows)})",
                    f"The same {item} cannot get two answers: no candidate can be right on all of these rows, which "
                    "lowers the best possible score. Decide on one answer for each.",
                    part=name,
                    rows=rows,
                )
            )
    return findings


def repeats(parts: Mapping[str, Part], groups: Mapping[str, Groups], task: Task, bound: str = "") -> list[Finding]:
    """Items that occur more than once within a part, exactly or nearly.

    Where rows are kept together by something else (``bound``), nothing is said of near duplicates.
    """
    item, items = task.ITEM
    findings: list[Finding] = []
    for name, part in parts.items():
        exact, near = groups[name].exact, groups[name].near
        _, first = np.unique(exact, return_index=True)
        again = np.setdiff1d(np.arange(len(exact)), first)
        if len(again):
            rows = row_numbers(part, again)
            findings.append(
                finding(
                    "duplicates",
                    Severity.NOTE,
                    f"{len(rows):,} row{plural_s(rows)} with the {item} of an earlier row ({rows_in_words(rows)})",
                    f"Repeated {items} weigh more in training and in the score than single ones; if they are not "
                    "that frequent in practice, remove them.",
                    part=name,
                    rows=rows,
                )
            )
        different = np.bincount(near[first]) > 1  # groups with two different texts or more
        alike = np.flatnonzero(different[near])
        if len(alike) and not bound:
            rows = row_numbers(part, alike)
            findings.append(
                finding(
                    "near_duplicates",
                    Severity.NOTE,
                    f"{len(rows):,} row{plural_s(rows)} nearly the same as another row ({rows_in_words(rows)})",
                    "Such rows add little information; where Goldilocks splits the data, such rows stay in one part.",
                    part=name,
                    rows=rows,
                )
            )
    return findings


def near_leaks(parts: Mapping[str, Part], groups: Mapping[str, Groups], bound: str = "") -> list[Finding]:
    """Near duplicates of rows of another part (exact ones are left out, see ``splitting/leaks.py``)."""
    findings: list[Finding] = []
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = np.flatnonzero(np.isin(groups[second].near, groups[first].near))
        if len(shared):
            rows = row_numbers(parts[second], shared)
            findings.append(
                finding(
                    "near_duplicates_across_parts",
                    Severity.WARNING,
                    f"{len(rows):,} of {len(set(parts[second].rows)):,} rows of {second} "
                    + (f"with a {bound} that {first} has too" if bound else f"nearly the same as a row of {first}")
                    + f" ({rows_in_words(rows)})",
                    f"{f'The same {bound}' if bound else 'Near duplicates'} across parts make every score too high, "
                    "most of all that of candidates that memorise: split the data again so that such rows stay "
                    "together, or leave the split to Goldilocks.",
                    part=second,
                    rows=rows,
                )
            )
    return findings
