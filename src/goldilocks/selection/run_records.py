"""The records of a run that a decision is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from goldilocks.evaluation.error_cost import LossRule
from goldilocks.evaluation.trivial_baselines import BaselineAnswers
from goldilocks.protocols import Metric, Task
from goldilocks.records import CompressedCandidate, Goal, Gold, Machine, Pool, Screening, TaskSpec, Trial
from goldilocks.selection.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RunRecords:
    """What a run has written down, and a decision needs: no data, no models, no clock."""

    workspace: Workspace
    spec: TaskSpec
    pool: Pool
    screening: Screening
    trials: Sequence[Trial]
    machine: Machine
    gold: Sequence[Gold]
    """Gold answers of the validation items."""
    goal: Goal
    metric: Metric
    metric_name: str
    data_fingerprint: str
    rule: LossRule | None = None
    """How answers become loss in money; ``None``: by the metric's loss."""
    task: Task | None = None
    baselines: BaselineAnswers | None = None
    """``None``: there is no verdict, as in runs of an earlier version."""
    compressed: Mapping[str, CompressedCandidate] = field(default_factory=dict)
    """Candidates that were compressed: one with a form that was taken counts as that form."""
