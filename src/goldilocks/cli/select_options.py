"""The options of ``goldilocks select`` besides those of its task: how long, where and how to search."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Preset(StrEnum):
    """Named budgets; nothing else differs."""

    FAST = "fast"
    BALANCED = "balanced"
    THOROUGH = "thorough"


class ExperienceSource(StrEnum):
    """Where the race's expectations come from."""

    SHIPPED = "shipped"
    LOCAL = "local"


OutOption = Annotated[Path, typer.Option("--out", help="Folder for the run: records, report, bundle.")]
BudgetOption = Annotated[
    str | None, typer.Option("--budget", help="Time limit of the search (wall clock), e.g. 90s, 20m, 1h.")
]
PresetOption = Annotated[
    Preset | None, typer.Option("--preset", help="A named budget: fast 2 min, balanced 10 min, thorough 60 min.")
]
SeedOption = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**32 - 1, help="Random seed of the split and of training."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")]
PolicyOption = Annotated[str, typer.Option("--policy", help="Search policy; see `goldilocks list policies`.")]
ExecutorOption = Annotated[
    str,
    typer.Option(
        "--executor", help="Where candidates are trained: local (this process) or ray (tasks on a Ray cluster)."
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Address of the Ray cluster, e.g. 10.0.0.5:6379 or auto; default: RAY_ADDRESS, else this machine.",
    ),
]
ExperienceOption = Annotated[
    ExperienceSource,
    typer.Option(
        "--experience",
        help="Results of earlier searches from which scores and times are predicted: shipped with Goldilocks, or local "
        "(your own; see `goldilocks experience`).",
    ),
]
ThreadsOption = Annotated[int, typer.Option("--threads", min=0, help="Compute threads; 0: one per core.")]
MaxDiskOption = Annotated[
    float | None,
    typer.Option("--max-disk", min=1, help="Maximum size of OUT in MB; checked before each training run."),
]
CompressOption = Annotated[
    bool,
    typer.Option(
        "--compress",
        help="Compress the winner, and candidates that lost on cost alone, before the test set is opened; at most "
        "0.01 of the metric may be lost, or what the task file sets as compress.max_loss.",
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check the data and list the candidates; train and write nothing.")
]
