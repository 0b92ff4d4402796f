"""``goldilocks verify``: is the bundle whole, and does it still answer as it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say


def verify(bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")]) -> None:
    """Check every file's sha256 and make the stored predictions again.

    Exit code 0: whole, and the same answers; 2: damaged, or other answers.

    Example: goldilocks verify run/bundle
    """
    from goldilocks.bundle.verify import verify as verify_bundle
    from goldilocks.errors import IntegrityError

    found = verify_bundle(bundle)
    if not found.ok:
        raise IntegrityError(f"{bundle}: {found.message}; write the bundle again.")
    say(f"{bundle}: {found.message}")
