"""``goldilocks report``: rewrite the report of a finished run from its records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say


def report(run: Annotated[Path, typer.Argument(help="Folder of a finished run.")]) -> None:
    """Rewrite RUN/report.html from the records in RUN. Nothing is trained or scored.

    Example: goldilocks report run
    """
    from goldilocks.flow import rewrite_report

    say(f"report: {rewrite_report(run)}")
