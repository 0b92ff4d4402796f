"""The parts of the data as a ``Dataset``, however they were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldilocks.data.fingerprint import fingerprint
from goldilocks.data.instruction import instruction_for, prompt_language_of
from goldilocks.data.profile import label_counts
from goldilocks.data.splitting.groups import PARTS
from goldilocks.errors import InputError
from goldilocks.protocols import Task
from goldilocks.records import DataProfile, Dataset, Finding, Part, Severity, TaskSpec
from goldilocks.support.suggest import suggest


def assemble(
    spec: TaskSpec, task: Task, parts: Mapping[str, Part], profile: DataProfile, findings: Sequence[Finding]
) -> Dataset:
    """The data of a task.

    Args:
        spec: The task file.
        task: Its task.
        parts: ``train``, ``validation`` and ``test``.
        profile: Profile of the parts.
        findings: In any order; the most severe come first.

    Raises:
        InputError: the task file describes a label that no training row has.
    """
    order = list(Severity)
    labels = tuple(sorted(label_counts(parts["train"], task.OUTPUT)))
    _check_descriptions(spec.label_descriptions, labels)
    return Dataset(
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        labels=labels,
        fingerprint=fingerprint([parts[name] for name in PARTS]),
        profile=profile,
        findings=tuple(sorted(findings, key=lambda finding: order.index(finding.severity))),
        output=task.OUTPUT,
        several=task.SEVERAL,
        sentences=spec.data.sentences,
        columns=dict(spec.data.fields),
        instruction=instruction_for(spec, task, parts["train"].gold, profile.language),
        generation=spec.generation,
        descriptions=spec.label_descriptions,
        prompt_language=prompt_language_of(spec, profile.language),
    )


def _check_descriptions(descriptions: Mapping[str, str], labels: Sequence[str]) -> None:
    """Every described label must be one of the data's."""
    for label in descriptions:
        if label not in labels:
            raise InputError(
                f"task file: label_descriptions names {label!r}, which is not a label of the training rows."
                f"{suggest(label, labels)}"
            )
