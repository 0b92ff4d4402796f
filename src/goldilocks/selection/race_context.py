"""What a race is run with: data, pool, limits, and the functions that start, keep and measure runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from goldilocks.evaluation.error_cost import LossRule
from goldilocks.events import Progress
from goldilocks.protocols import Metric, Task, Workers
from goldilocks.records import Candidate, Dataset, Pool, Screening, TaskSpec, Text
from goldilocks.selection.late_schedules import LateSchedules
from goldilocks.selection.reserve import Reserve
from goldilocks.selection.trials import TrainingRun
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock
from goldilocks.support.machine.hardware import Machine

FOOTPRINT_TEXTS = 64
"""Validation texts that a footprint is measured on."""


@dataclass(frozen=True, slots=True)
class RaceContext:
    """What a race is run with."""

    dataset: Dataset
    """Train and validation parts; the test part is not needed, and should not be handed in."""
    pool: Pool
    screening: Screening
    spec: TaskSpec
    machine: Machine
    metric: Metric
    workspace: Workspace
    """Trials and probabilities are written here; earlier trials are taken over from here."""
    start: Callable[[Candidate], TrainingRun]
    """Makes a candidate's run, from its checkpoint where there is one."""
    keep: Callable[[Candidate, Any], None]
    """Takes what ``start`` made; writes a run's checkpoint (and its model when finished)."""
    clock: Clock
    progress: Progress
    baselines: Sequence[str] = ()
    """Families that all are compared with: run to the end first (see ``protocols.HasBaselines``)."""
    measure: Callable[[Candidate, Sequence[Text]], object] | None = None
    """Footprint of a finished candidate: taken as soon as it has finished, so that its time is part of the budget."""
    n_test: int = 0
    """Items of the test part, for the time that scoring it will take."""
    restart_seconds: float = 0.0
    """Seconds from the beginning of a session to its race: reading, checking and splitting the data."""
    max_disk_bytes: float = math.inf
    """What the run's folder may take: a purchase that would pass it is not made."""
    rule: LossRule | None = None
    """How answers become loss in money; ``None``: by the metric's loss."""
    task: Task | None = None
    """For the verdict; ``None``: there is none."""
    repeat: Callable[[Candidate, int], TrainingRun] | None = None
    """Makes a run from scratch with another training seed, the task's plus this number; ``None``: further seeds are not
    for sale."""
    start_on_half: Callable[[Candidate], TrainingRun] | None = None
    """Makes a run on half of the training rows, for the learning curve of the winner; ``None``: there is none."""
    workers: Workers | None = None
    """What carries out the purchases (``plugins.load("executors", ...).open_workers``); ``None``: this process."""
    measured: dict[str, float] = field(default_factory=dict)
    """Candidate -> seconds that its footprint took; filled by the race."""
    late_schedules: LateSchedules | None = None
    """Plans the schedules of candidates that have not begun, by what is left; ``None``: they keep those of the pool."""
    only: Collection[str] = ()
    """Candidates that alone are bought, until one of them is finished (``first_answer``); empty: all are."""
    step_seconds: float | None = None
    """Time limit of one purchase; ``None``: from its forecast (``watchdog.limit_of``)."""

    @property
    def reserve(self) -> Reserve:
        """What is kept of the budget for the steps after the race."""
        n_validation = len(self.dataset.validation)
        return Reserve(self.spec.budget_seconds, self.n_test, n_validation, self.measured, self.screening.paces)
