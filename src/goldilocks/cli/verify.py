"""``goldilocks verify``: check a bundle's files and its stored predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")]) -> None:
    """Check every file's SHA-256 and repeat the stored predictions.

    Exit code 0: intact, same predictions; 2: damaged, or other predictions.

    Example: goldilocks verify run/bundle
    """
    from goldilocks.bundle.verify import verify as verify_bundle
    from goldilocks.errors import IntegrityError

    found = verify_bundle(bundle)
    if not found.ok:
        raise IntegrityError(f"{bundle}: {found.message}; write the bundle again.")
    typer.echo(f"{bundle}: {found.message}")
