"""Parts that are not given are split from train, the test part first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from goldilocks.data.findings import finding
from goldilocks.data.splitting.groups import Grouped, Parts, keep
from goldilocks.data.splitting.stratified import LEAST_ROWS, MOST_TEST, MOST_VALIDATION, SHARE, set_aside
from goldilocks.errors import InputError
from goldilocks.protocols import Task
from goldilocks.records import Finding, Output, Severity, labels_of


def split_missing(
    parts: Parts, groups: Grouped, sources: Mapping[str, str], seed: int, task: Task, bound: str
) -> list[Finding]:
    """Split from train what was not given, the test part first; in place."""
    findings: list[Finding] = []
    given, together = len(parts["train"]), len(np.unique(groups["train"].near))
    for name, most in (("test", MOST_TEST), ("validation", MOST_VALIDATION)):
        if name in sources:
            continue
        train, n_rows = parts["train"], len(parts["train"])
        # The first label stands for the row; where there are none, all rows are alike.
        labelled = task.OUTPUT is Output.LABEL
        strata = [labels_of(gold, task.OUTPUT)[:1] for gold in train.gold] if labelled else [()] * n_rows
        stay, aside = set_aside(
            ["".join(one) for one in strata],
            groups["train"].near,
            share=SHARE,
            at_most=most,
            seed=seed + (name == "test"),
        )
        if not aside:
            few, least = _too_few(given, together, task, bound)
            raise InputError(
                f"{sources['train']}: {few} to set some aside for {name}; {least}. Add rows, or name a {name} file."
            )
        parts[name], groups[name] = train.take(aside), groups["train"].take(aside)
        keep(parts, groups, "train", stay)
        findings.append(
            finding(
                "split",
                Severity.NOTE,
                f"{len(aside):,} of {n_rows:,} rows of {sources['train']} set aside for {name} (seed {seed})",
                f"{'Each label keeps its share. ' if labelled else ''}"
                f"{f'Rows with one {bound}' if bound else 'Near duplicates'} stay in one part, so the score is about "
                f"new {f'{bound}s' if bound else task.ITEM[1]}.",
                part=name,
                rows=(),
                count=len(aside),
            )
        )
    return findings


def _too_few(n_rows: int, n_groups: int, task: Task, bound: str) -> tuple[str, str]:
    """That the rows of train, in groups that stay together, are too few to split, and how many it takes."""
    rows = f"{n_rows:,} row{'' if n_rows == 1 else 's'}"
    least = f"at least {LEAST_ROWS} different {f'{bound}s' if bound else 'rows'} are needed"
    if bound:
        rows += f" with {n_groups:,} different {bound}{'' if n_groups == 1 else 's'}"
    elif n_groups < n_rows:
        rows += f" in {n_groups:,} group{'' if n_groups == 1 else 's'} of near duplicates, which stay together,"
    if task.OUTPUT is Output.LABEL and not bound:
        least = f"a label needs at least {LEAST_ROWS} different rows"
    elif task.OUTPUT is Output.TAGS and n_rows < LEAST_ROWS:
        least += " (of CoNLL columns an empty line ends one)"
    return f"{rows} {'is' if n_rows == 1 else 'are'} too few", least
