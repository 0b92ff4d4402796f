"""Parts that are not given are split from train, the test part first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from goldilocks.data.findings import finding
from goldilocks.data.splitting.groups import Grouped, Parts, keep
from goldilocks.data.splitting.stratified import MAX_TEST, MAX_VALIDATION, MIN_ROWS, SHARE, set_aside
from goldilocks.data.splitting.times import moments, newest, spelled
from goldilocks.errors import InputError
from goldilocks.protocols import Task
from goldilocks.records import Finding, Output, Severity, labels_of


@dataclass(frozen=True, slots=True)
class Split:
    """How rows are set aside."""

    seed: int
    bound: str = ""
    """What keeps rows together, see ``groups.bound_by``; empty: near duplicates."""
    time: str | None = None
    """Column of the time by which rows are set aside, newest first; ``None``: at random, by label."""


SetAside = Callable[[int, int], tuple[list[int], list[int], str]]
"""Maximum number of rows and a seed -> positions of train that stay, positions set aside, and how that was done."""


def split_missing(parts: Parts, groups: Grouped, sources: Mapping[str, str], task: Task, split: Split) -> list[Finding]:
    """Split from train what was not given, the test part first; in place.

    Raises:
        InputError: there are too few rows, groups or different times.
    """
    findings: list[Finding] = []
    given, together = len(parts["train"]), len(np.unique(groups["train"].near))
    aside_of = _by_time(parts, groups, sources, split) if split.time else _by_label(parts, groups, task, split)
    for name, limit in (("test", MAX_TEST), ("validation", MAX_VALIDATION)):
        if name in sources:
            continue
        train, n_rows = parts["train"], len(parts["train"])
        stay, aside, meaning = aside_of(limit, split.seed + (name == "test"))
        if not aside:
            few, reason = _too_few(given, together, task, split)
            raise InputError(
                f"{sources['train']}: {few} to set some aside for {name}; {reason}. Add rows, or name a {name} file."
            )
        parts[name], groups[name] = train.take(aside), groups["train"].take(aside)
        keep(parts, groups, "train", stay)
        which = f"newest by {split.time}" if split.time else f"seed {split.seed}"
        findings.append(
            finding(
                "split",
                Severity.NOTE,
                f"{len(aside):,} of {n_rows:,} rows of {sources['train']} set aside for {name} ({which})",
                meaning,
                part=name,
                rows=(),
                count=len(aside),
            )
        )
    return findings


def _by_label(parts: Parts, groups: Grouped, task: Task, split: Split) -> SetAside:
    """At random, each label's share; whole groups."""
    labelled = task.OUTPUT is Output.LABEL
    kept = f"Rows with one {split.bound}" if split.bound else "Near duplicates"
    meaning = (
        f"{'Each label keeps its share. ' if labelled else ''}{kept} stay in one part, so the score is about new "
        f"{f'{split.bound}s' if split.bound else task.ITEM[1]}."
    )

    def set_some_aside(limit: int, seed: int) -> tuple[list[int], list[int], str]:
        train = parts["train"]
        # Rows with several labels are stratified by the first; where there are no labels, by nothing.
        strata = [labels_of(gold, task.OUTPUT)[:1] for gold in train.gold] if labelled else [()] * len(train)
        stay, aside = set_aside(
            ["".join(labels) for labels in strata],
            groups["train"].near,
            share=SHARE,
            at_most=limit,
            seed=seed,
        )
        return stay, aside, meaning

    return set_some_aside


def _by_time(parts: Parts, groups: Grouped, sources: Mapping[str, str], split: Split) -> SetAside:
    """The newest rows; whole groups where something keeps rows together."""
    column = str(split.time)

    def set_some_aside(limit: int, _: int) -> tuple[list[int], list[int], str]:
        train = parts["train"]
        times = moments(train, column, sources["train"])
        units = groups["train"].near if split.bound else None
        stay, aside = newest(times, units, min(limit, round(SHARE * len(train))))
        if not aside:
            return stay, aside, ""
        cells = train.attributes[column]
        first = spelled(times[aside], [cells[place] for place in aside])[0]
        last = spelled(times[stay], [cells[place] for place in stay])[1]
        together = f", rows with one {split.bound} by the newest of them" if split.bound else ""
        return stay, aside, f"These rows begin with {first}, those before them end with {last}{together}."

    return set_some_aside


def _too_few(n_rows: int, n_groups: int, task: Task, split: Split) -> tuple[str, str]:
    """That the rows of train, in groups that stay together, are too few to split, and how many it takes."""
    bound, rows = split.bound, f"{n_rows:,} row{'' if n_rows == 1 else 's'}"
    if split.time:
        return f"{rows} with too few different times in {split.time!r} are too few", (
            f"at least {MIN_ROWS} different times are needed"
        )
    needs = f"at least {MIN_ROWS} different {f'{bound}s' if bound else 'rows'} are needed"
    if bound:
        rows += f" with {n_groups:,} different {bound}{'' if n_groups == 1 else 's'}"
    elif n_groups < n_rows:
        rows += f" in {n_groups:,} group{'' if n_groups == 1 else 's'} of near duplicates, which stay together,"
    if task.OUTPUT is Output.LABEL and not bound:
        needs = f"a label needs at least {MIN_ROWS} different rows"
    elif task.OUTPUT is Output.TAGS and n_rows < MIN_ROWS:
        needs += " (of CoNLL columns an empty line ends one)"
    return f"{rows} {'is' if n_rows == 1 else 'are'} too few", needs
