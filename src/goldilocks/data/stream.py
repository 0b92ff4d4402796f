"""Training rows that need not fit into memory: read once, row by row, into files next to the output.

What looks at all rows at once is left out: near duplicates, contradictions, and the split, so that the validation set
has to be named. Rows whose text also occurs in validation or test are left out as usual.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

from goldilocks.data.assemble import assemble
from goldilocks.data.checks.refusals import left_out, refuser
from goldilocks.data.findings import finding
from goldilocks.data.profile import profile
from goldilocks.data.read import Reading, read, read_into
from goldilocks.data.splitting.duplicates import normalise
from goldilocks.data.splitting.groups import PARTS
from goldilocks.errors import InputError
from goldilocks.events import DataStep, Progress, silent
from goldilocks.protocols import Task
from goldilocks.records import Dataset, Finding, Gold, Output, Part, Severity, TaskSpec, Text
from goldilocks.support.disk_columns import CodedColumn, TextColumn


class DiskRows:
    """Rows of a part while they are read: texts go to a file, answers and row numbers stay in memory."""

    def __init__(self, folder: Path, held: Iterable[Text] = ()) -> None:
        """Begin without rows.

        Args:
            folder: For the file of texts.
            held: Items of other parts; rows that are equal to one of them after normalisation are left out.
        """
        self.texts, self.gold, self.numbers = TextColumn(folder), CodedColumn[Gold](), array("q")
        self.leaked: list[int] = []
        """Numbers of the rows that were left out."""
        self._held = {_digest(text) for text in held}

    def add(self, text: Text, gold: Gold, number: int) -> None:
        """Add a row, unless it occurs in another part."""
        if self._held and _digest(text) in self._held:
            self.leaked.append(number)
            return
        self.texts.append(text)
        self.gold.append(gold)
        self.numbers.append(number)

    def part(self) -> Part:
        """The rows; their columns are read from the file where they are asked for."""
        # What uses a part indexes, slices and iterates, as it would a tuple.
        return Part(
            cast("tuple[Text, ...]", self.texts),
            cast("tuple[Gold, ...]", self.gold),
            cast("tuple[int, ...]", self.numbers),
        )


def load_streamed(spec: TaskSpec, task: Task, folder: Path, *, progress: Progress = silent) -> Dataset:
    """The data of a task whose training rows are read from files while they are needed.

    Args:
        spec: Its ``data.stream`` is set.
        task: One with labels.
        folder: For the files of rows; they have no names and are gone with the data set.
        progress: Called with ``DataStep`` before each step.

    Raises:
        InputError: the task file wants what needs all rows at once, or the data cannot be used.
        MissingError: a file is not there.
    """
    _refuse(spec, task)
    readings: dict[str, Reading] = {}
    for name in ("validation", "test"):
        source = getattr(spec.data, name)
        if source is not None:
            readings[name] = _read(spec, task, source, progress)
    rows = DiskRows(folder, (text for reading in readings.values() for text in reading.part.texts))
    readings["train"] = _read(spec, task, spec.data.train, progress, rows)
    parts = {name: readings[name].part if name in readings else Part() for name in PARTS}
    findings = left_out(readings) + _leaks(rows)
    if not len(parts["train"]):
        raise InputError(f"{spec.data.train}: every row also occurs in validation or test; name different files.")
    refuser(task.OUTPUT, {name: reading.source for name, reading in readings.items()})(parts, "")
    return assemble(spec, task, parts, profile(parts, output=task.OUTPUT, language=spec.language), findings)


def _refuse(spec: TaskSpec, task: Task) -> None:
    if task.OUTPUT is not Output.LABEL:
        raise InputError(f"data.stream is for tasks with labels; {spec.task} has {task.OUTPUT}, leave it out.")
    if spec.data.validation is None:
        raise InputError(
            "data.stream needs data.validation: a split would need all rows in memory; name a file of validation rows."
        )
    wanted = {
        "data.time": spec.data.time,
        "data.group": spec.data.group,
        "data.unlabelled": spec.data.unlabelled,
        "augment": spec.augment,
    }
    given = next((key for key, value in wanted.items() if value), None)
    if given is not None:
        raise InputError(f"data.stream reads rows one by one, which {given} cannot use; leave one of them out.")


def _read(spec: TaskSpec, task: Task, source: str, progress: Progress, into: DiskRows | None = None) -> Reading:
    progress(DataStep(f"reading {source}"))
    where = (source, spec.data.fields, task, spec.folder)
    if into is None:
        return read(*where, max_bytes=spec.data.max_bytes)
    return replace(read_into(into, *where, max_bytes=spec.data.max_bytes), part=into.part())


def _leaks(rows: DiskRows) -> list[Finding]:
    if not rows.leaked:
        return []
    return [
        finding(
            "duplicates_across_parts",
            Severity.WARNING,
            f"{len(rows.leaked):,} of {len(rows.texts) + len(rows.leaked):,} rows of train left out because they also "
            "occur in validation or test",
            "A candidate that was trained on the answers scores too well, most of all one that memorises.",
            part="train",
            rows=rows.leaked,
        )
    ]


def _digest(text: Text) -> bytes:
    spelled = text if isinstance(text, str) else " \u241f ".join(text)
    return hashlib.blake2b(normalise(spelled).encode("utf-8", "surrogatepass"), digest_size=8).digest()
