"""``goldilocks clean``: free disk space that a finished run no longer needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say


def clean(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report how much would be freed.")] = False,
) -> None:
    """Remove the checkpoints and candidate models of a finished run.

    Report, records, validation predictions and bundle stay; the run can no longer be resumed. Exit code 0: done; 2: the
    folder is not a finished run.

    Example: goldilocks clean run --dry-run
    """
    from goldilocks.selection.clean import clean as clean_run

    freed = clean_run(run, dry_run=dry_run)
    size = f"{freed / 1e6:,.1f} MB"
    say(f"{run}: {size} would be freed" if dry_run else f"{run}: {size} were freed")
