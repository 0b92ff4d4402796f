"""From the task's sources to three parts that share no text: read, check, split, fingerprint.

- Unusable rows are left out where they are fewer than 1 % of their source; from there on the data are refused.
- Parts that are given stay as they are, with one exception: a row of train whose text occurs in validation or test (and
  a row of validation whose text occurs in test) is left out, because otherwise every score is too high.
- Parts that are not given are split from train, the test part first (``splitting/parts.py``).

``checks/`` holds the findings; only ``checks/refusals.py`` and ``splitting/`` decide anything about rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from goldilocks.data.assemble import assemble
from goldilocks.data.checks.duplicates import contradictions, near_leaks, repeats
from goldilocks.data.checks.garbled import garbled
from goldilocks.data.checks.labels import labels
from goldilocks.data.checks.parts import few_rows, one_target, survey
from goldilocks.data.checks.reading import joined_rows
from goldilocks.data.checks.refusals import left_out, refuser
from goldilocks.data.checks.texts import language, lengths, personal_data, scripts
from goldilocks.data.profile import Tokenizers, profile
from goldilocks.data.read import Reading, read
from goldilocks.data.splitting.groups import PARTS, Parts, bound_by, group_rows
from goldilocks.data.splitting.leaks import drop_leaks
from goldilocks.data.splitting.parts import Split, split_missing
from goldilocks.data.splitting.times import overlap
from goldilocks.errors import InputError
from goldilocks.events import DataStep, Progress, silent
from goldilocks.protocols import Task
from goldilocks.records import DataProfile, Dataset, Finding, Part, TaskSpec


def load(
    spec: TaskSpec,
    task: Task,
    *,
    tokenizers: Callable[[], Tokenizers] | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Read, check and split the data of a task.

    Args:
        spec: Names the sources, the language and the seed of the split.
        task: Says which columns there are and what is wrong with a row.
        tokenizers: Called once the data are known to be usable, since loading them takes seconds; see ``profile``.
        progress: Called with ``DataStep`` before each step.

    Raises:
        InputError: the data cannot decide anything: too many unusable rows, one class, a label that is only in
            validation or test, too few rows to split, or a source that cannot be read.
        MissingError: a file or package is not there.
    """
    if spec.data.stream:
        raise InputError(
            "data.stream is for `goldilocks tune`, everything else looks at all rows at once; leave it out."
        )
    readings = _read_sources(spec, task, progress)
    parts = {name: readings[name].part if name in readings else Part() for name in PARTS}
    sources = {name: reading.source for name, reading in readings.items()}
    findings = left_out(readings)
    if spec.data.sentences > 1:
        findings += [joined_rows(name, reading) for name, reading in readings.items()]
    counts = {name: _counts(reading) for name, reading in readings.items()}
    del readings

    progress(DataStep("looking for duplicates"))
    findings += _split(spec, task, parts, sources)

    progress(DataStep("checking labels, lengths, language and personal data"))
    counters = tokenizers() if tokenizers else None
    numbers = profile(parts, output=task.OUTPUT, language=spec.language, tokenizers=counters, task=task)
    numbers = replace(numbers, sources=counts)
    findings += _check(spec, task, parts, numbers)
    return assemble(spec, task, parts, numbers, findings)


def _read_sources(spec: TaskSpec, task: Task, progress: Progress) -> dict[str, Reading]:
    """A reading for each part that the task file names."""
    readings: dict[str, Reading] = {}
    for name in PARTS:
        source = getattr(spec.data, name)
        if source is not None:
            progress(DataStep(f"reading {source}"))
            readings[name] = read(
                source,
                spec.data.fields,
                task,
                spec.folder,
                sentences=spec.data.sentences,
                keep=[column for column in (spec.data.time, spec.data.group) if column],
                max_bytes=spec.data.max_bytes,
            )
    return readings


def _counts(reading: Reading) -> dict[str, int]:
    """Rows of a source's file by what became of them, and its lines."""
    return {
        "rows": reading.total,
        "usable": len(reading.part),
        "unusable": sum(map(len, reading.problems.values())),
        "skipped": sum(map(len, reading.skipped.values())),
        "lines": reading.lines,
    }


def _split(spec: TaskSpec, task: Task, parts: Parts, sources: Mapping[str, str]) -> list[Finding]:
    """Refuse what cannot be learnt, leave out leaks, split what is missing; ``parts`` is changed in place."""
    refuse = refuser(task.OUTPUT, sources)
    refuse(parts, "")
    bound = bound_by(parts, task.OUTPUT, spec.data.group)
    groups = group_rows(parts, spec.seed, task.OUTPUT, bound, spec.data.group)
    given = {name: parts[name] for name in sources}
    findings: list[Finding] = []
    if task.OUTPUT.is_labelled:  # elsewhere several answers may be right
        findings += contradictions(given, groups, task)
    findings += repeats(given, groups, task, bound)
    findings += drop_leaks(parts, groups, sources)
    refuse(parts, " once the rows that also occur in another part are left out")
    findings += split_missing(parts, groups, sources, task, Split(spec.seed, bound, spec.data.time))
    if bound == "document" or spec.data.group or spec.data.time:  # these parts may have items in common
        findings += drop_leaks(parts, groups, {name: sources.get(name, sources["train"]) for name in PARTS})
        refuse(parts, " once the data are split and rows of another part left out")
    if spec.data.time:
        findings += overlap(parts, spec.data.time, sources)
    return findings + near_leaks(parts, groups, bound)


def _check(spec: TaskSpec, task: Task, parts: Parts, numbers: DataProfile) -> list[Finding]:
    """Findings about the three parts as they will be used."""
    return [
        *labels(parts, task.OUTPUT),
        *few_rows(parts),
        *lengths(parts, numbers, task),
        *language(numbers, spec.language),
        *scripts(parts),
        *one_target(parts, task),
        *survey(parts, task),
        *personal_data(parts),
        *garbled(parts),
    ]
