"""Which finished candidate a student learns from (``protocols.NeedsTeacher``), and its answers to texts."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from goldilocks import plugins
from goldilocks.protocols import Floats, Model, NeedsTeacher
from goldilocks.records import Candidate, Text, Trial
from goldilocks.support.files import write_bytes


def needs_teacher(candidate: Candidate) -> bool:
    """Whether a candidate learns from another one's answers."""
    return _learns(candidate.method)


@cache  # asked of every candidate after every purchase
def _learns(method: str) -> bool:
    return isinstance(plugins.load("methods", method), NeedsTeacher)


def teacher_of(
    student: Candidate, pool: Iterable[Candidate], trials: Sequence[Trial], failed: Collection[str]
) -> Candidate | None:
    """The finished candidate with the lowest validation loss that a student may learn from; ``None``: there is none.

    Args:
        student: A candidate whose method needs a teacher.
        pool: All candidates.
        trials: The purchases so far.
        failed: Candidates that failed.
    """
    method = plugins.load("methods", student.method)
    assert isinstance(method, NeedsTeacher)
    losses = {trial.candidate: trial.loss for trial in trials if trial.share >= 1 and not trial.repeat}
    able = [
        candidate
        for candidate in pool
        if candidate.name in losses
        and candidate.name not in failed
        and candidate.name != student.name
        and method.learns_from(student.model, candidate)
    ]
    return min(able, key=lambda candidate: losses[candidate.name], default=None)


def without_teacher(pool: Sequence[Candidate], trials: Sequence[Trial], failed: Collection[str]) -> set[str]:
    """Names of the candidates that cannot begin yet, as nothing has finished that they could learn from."""
    students = [candidate for candidate in pool if needs_teacher(candidate)]
    return {student.name for student in students if teacher_of(student, pool, trials, failed) is None}


def probabilities_of(teacher: Callable[[], Model], texts: Sequence[Text], kept: Path) -> Floats:
    """The teacher's probabilities ``(n_texts, n_labels)``; read from the file ``kept`` where it is there already."""
    if kept.exists():
        stored: Floats = np.load(kept, allow_pickle=False)
        if len(stored) == len(texts):
            return stored
    probabilities = np.asarray(teacher().predict(texts).probabilities, dtype=np.float32)
    buffer = io.BytesIO()
    np.save(buffer, probabilities, allow_pickle=False)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(kept, buffer.getvalue())
    return probabilities
