"""Networks with a part for each domain: a frozen network, and adapters and a head for every domain learnt since.

Made by ``goldilocks tune --continue-from`` with the strategy ``domain_adapters``, never a candidate.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.nets.domains import DomainNetworks
    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.LABEL, Output.TAGS})
describe = from_scratch.no_checkpoint


def models() -> tuple[ModelInfo, ...]:
    """None: it is made from a bundle."""
    return ()


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Nothing is trained."""
    return Forecast(seconds=1.0, memory_bytes=1e6)


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig | None:  # noqa: ARG001
    """None: its parts are trained as networks of their own family."""
    return None


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """Never: it is made from a bundle.

    Raises:
        InputError: always.
    """
    raise InputError(
        f"{info.name}: is made from a bundle; run `goldilocks tune --continue-from` with --strategy domain_adapters."
    )


def restore(folder: Path) -> DomainNetworks:
    """What ``save`` wrote, ready for inference."""
    from goldilocks.nets.domains import BASE, restored, saved_family

    base: Any = plugins.load("families", saved_family(folder)).restore(folder / BASE)
    return restored(folder, base)
