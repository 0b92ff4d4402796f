"""``goldilocks verify``: check a bundle's files and its stored predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say


def verify(bundle: Annotated[Path, typer.Argument(help="The folder of a bundle, or of a finished run.")]) -> None:
    """Check every file's SHA-256 and repeat the stored predictions.

    Of a run, what its decision was made from is compared with the digests in decision.json, then its bundle is
    verified.

    Exit code 0: intact, same predictions; 2: damaged, or other predictions.

    Example: goldilocks verify run/bundle
    """
    from goldilocks.bundle.verify import verify as verify_bundle
    from goldilocks.errors import IntegrityError

    if (bundle / "decision.json").is_file() and not (bundle / "bundle.json").exists():
        from goldilocks.selection.digests import verify_run

        say(f"{bundle}: {verify_run(bundle)}")
        bundle /= "bundle"
    found = verify_bundle(bundle)
    if not found.ok:
        raise IntegrityError(f"{bundle}: {found.message}; write the bundle again.")
    say(f"{bundle}: {found.message}")
