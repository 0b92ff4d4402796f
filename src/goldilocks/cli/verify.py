"""``goldilocks verify``: check a bundle's checksums and its stored predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say


def verify(bundle: Annotated[Path, typer.Argument(help="The folder of a bundle, or of a finished run.")]) -> None:
    """Check the SHA-256 of every file of a bundle, and that it still makes its stored predictions.

    For a run, the inputs of its decision are compared with the digests in decision.json, then its bundle is verified.

    Exit code 0: intact, same predictions; 2: damaged, or different predictions.

    Example: goldilocks verify run/bundle

    Example: goldilocks verify run
    """
    from goldilocks.bundle.verify import verify as verify_bundle
    from goldilocks.errors import IntegrityError

    if (bundle / "decision.json").is_file() and not (bundle / "bundle.json").exists():
        from goldilocks.selection.digests import verify_run

        say(f"{bundle}: {verify_run(bundle)}")
        bundle /= "bundle"
    outcome = verify_bundle(bundle)
    if not outcome.ok:
        raise IntegrityError(f"{bundle}: {outcome.message}; write the bundle again.")
    say(f"{bundle}: {outcome.message}")
