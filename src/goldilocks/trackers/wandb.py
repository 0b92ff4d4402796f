"""Weights & Biases, offline: files in the run folder, which `wandb sync` uploads. With `--online` they are sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldilocks.protocols import TrackedRun


def start(folder: Path, name: str, settings: Mapping[str, str], *, offline: bool) -> TrackedRun:
    """See ``protocols.Tracker``."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    run = wandb.init(
        mode="offline" if offline else "online",
        dir=str(folder),
        project="goldilocks",
        name=name,
        config=dict(settings),
        reinit="create_new",  # candidates are tracked side by side
        settings=wandb.Settings(silent=True, disable_git=True, save_code=False, console="off", init_timeout=20),
    )
    return _Run(run)


class _Run:
    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See ``protocols.TrackedRun``."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """See ``protocols.TrackedRun``."""
        self._run.finish()
