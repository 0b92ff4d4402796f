"""TensorBoard: event files, one folder for each candidate (`tensorboard --logdir RUN/tracking`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from goldilocks.protocols import TrackedRun


def start(folder: Path, name: str, settings: Mapping[str, str], *, offline: bool) -> TrackedRun:  # noqa: ARG001
    """See ``protocols.Tracker``."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard" / name.replace("/", "--")))
    writer.add_text("settings", "\n".join(f"- {key}: {value}" for key, value in settings.items()))
    return _Run(writer)


class _Run:
    def __init__(self, writer: object) -> None:
        self._writer = writer

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See ``protocols.TrackedRun``."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)  # type: ignore[attr-defined]

    def close(self) -> None:
        """See ``protocols.TrackedRun``."""
        self._writer.close()  # type: ignore[attr-defined]
