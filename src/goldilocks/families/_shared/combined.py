"""Ensembles and cascades: made after the race from candidates that have finished, never trained.

``selection/combinations.py`` makes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, Workload

if TYPE_CHECKING:
    from goldilocks.classical.combination import Combination
    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.LABEL})


def models() -> tuple[ModelInfo, ...]:
    """None: their parts are other candidates."""
    return ()


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Nothing is trained."""
    return Forecast(seconds=1.0, memory_bytes=1e6)


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
