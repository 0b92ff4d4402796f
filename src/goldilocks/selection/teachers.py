"""Which finished candidate a student learns from (``protocols.NeedsTeacher``), and what it tells about texts."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from goldilocks import plugins
from goldilocks.protocols import Floats, Model, NeedsTeacher
from goldilocks.records import Candidate, Text, Trial
from goldilocks.support.files import write_bytes


def teacher_of(
    student: Candidate, pool: Iterable[Candidate], trials: Sequence[Trial], dropped: Collection[str]
) -> Candidate | None:
    """The finished candidate with the lowest validation loss that a student may learn from; ``None``: there is none.

    Args:
        student: A candidate whose method needs a teacher.
        pool: All candidates.
        trials: The purchases so far.
        dropped: Candidates that failed.
    """
    method = plugins.load("methods", student.method)
    assert isinstance(method, NeedsTeacher)
    losses = {one.candidate: one.loss for one in trials if one.share >= 1 and not one.repeat}
    able = [
        one
        for one in pool
        if one.name in losses
        and one.name not in dropped
        and one.name != student.name
        and method.learns_from(student.model, one)
    ]
    return min(able, key=lambda one: losses[one.name], default=None)


def without_teacher(pool: Sequence[Candidate], trials: Sequence[Trial], dropped: Collection[str]) -> set[str]:
    """Names of the candidates that cannot begin yet, as nothing has finished that they could learn from."""
    students = [one for one in pool if isinstance(plugins.load("methods", one.method), NeedsTeacher)]
    return {one.name for one in students if teacher_of(one, pool, trials, dropped) is None}


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
