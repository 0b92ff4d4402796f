"""Energy, where the machine reports it: the processor's counters under Linux (RAPL), NVIDIA's through NVML.

The counters are of the whole processor and accelerator: what else runs on the machine is in them, idling too. Many
systems let only root read them, and most virtual machines have none; then nothing is reported.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from goldilocks.support.machine.hardware import device

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of energy that only rises, until it starts again from 0."""

    joules: Callable[[], float]
    """Its reading."""
    range_joules: float | None
    """Where it starts again from 0; ``None``: never."""


class Meter:
    """Energy between two readings; without a meter it is unknown, not 0.

    Args:
        powercap: Folder of Linux' power zones.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._counters = (*_processor(powercap), *_accelerator())

    def read(self) -> tuple[float, ...]:
        """Readings in joules, to be given to ``since``."""
        return tuple(counter.joules() for counter in self._counters)

    def since(self, before: tuple[float, ...]) -> float | None:
        """Joules since ``before`` was read; ``None`` where the machine reports no energy.

        A counter may have started again from 0 once in between: at 100 W that takes about 40 minutes.
        """
        if not self._counters:
            return None
        used = 0.0
        for counter, earlier, now in zip(self._counters, before, self.read(), strict=True):
            restarted = counter.range_joules is not None and now < earlier
            used += now - earlier + (counter.range_joules or 0.0) * restarted
        return used


def _processor(powercap: Path) -> list[Counter]:
    """The packages and their memory. Other zones are parts of a package or (``psys``) the whole of it again."""
    counters: list[Counter] = []
    for zone in sorted(powercap.glob("intel-rapl:*")):  # AMD processors report under this name too
        try:
            name = (zone / "name").read_text().strip()
            if not (name.startswith("package") or name == "dram"):
                continue
            range_joules = _joules(zone / "max_energy_range_uj")
            counter = Counter(partial(_joules, zone / "energy_uj"), range_joules)
            counter.joules()
        except (OSError, ValueError):  # not ours to read
            continue
        counters.append(counter)
    return counters


def _joules(microjoules: Path) -> float:
    return int(microjoules.read_text()) / 1e6


def _accelerator() -> list[Counter]:
    """The first visible NVIDIA card, where the package nvidia-ml-py is there to ask it."""
    if importlib.util.find_spec("pynvml") is None or device() != "cuda":
        return []
    nvml = importlib.import_module("pynvml")
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    try:
        nvml.nvmlInit()
        card = nvml.nvmlDeviceGetHandleByIndex(int(first) if first.isdigit() else 0)
        counter = Counter(lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(card)) / 1e3, None)
        counter.joules()
    except nvml.NVMLError:  # no driver, or a card before Volta, which does not count
        return []
    return [counter]
