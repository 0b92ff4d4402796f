"""Cascades: a cheap candidate answers, and a more expensive one where the first is unsure.

Made after the race from candidates that have finished (``selection/combinations.py``), never trained.

Source: Chen et al. 2023, "FrugalGPT"; Varshney & Baral 2022, "Model Cascading".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.classical.combination import Combination
    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.LABEL})


def models() -> tuple[ModelInfo, ...]:
    """None: its parts are other candidates."""
    return ()


def describe(folder: Path, source: str) -> ModelInfo | None:  # noqa: ARG001
    """No checkpoint is of this kind."""
    return None


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Nothing is trained."""
    return Forecast(seconds=1.0, memory_bytes=1e6)


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig | None:  # noqa: ARG001
    """None: not trained."""
    return None


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """Never: it is made from finished candidates.

    Raises:
        InputError: always.
    """
    raise InputError(f"{info.name}: is made from finished candidates; run `goldilocks select` with candidates.combine.")


def restore(folder: Path) -> Combination:
    """What ``save`` wrote, ready for inference."""
    from goldilocks.classical.combination import restored

    return restored(folder)
