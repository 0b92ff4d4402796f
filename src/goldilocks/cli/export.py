"""``goldilocks export``: a bundle in a format that other software runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say


def export(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder. It does not change.")],
    out: Annotated[Path, typer.Option(help="An empty folder to write to.")],
    to: Annotated[str, typer.Option(help="The format; `goldilocks list exporters` lists them.")] = "onnx",
    precision: Annotated[
        str, typer.Option(help="Precision of the weights, for gguf: f16, q8_0 or q4_0. Default: f16.")
    ] = "",
    domain: Annotated[str | None, typer.Option(help="Domain to export, for a bundle with adapters per domain.")] = None,
) -> None:
    """Write a bundle's model in a format that runs without Goldilocks, with a model card that says how.

    The exported model predicts as the bundle does; if a format cannot express the model, the command says why and
    writes nothing.

    Exit code 0: written; 2: this bundle cannot be exported to this format.

    Example: goldilocks export run/bundle --to onnx --out exported

    Example: goldilocks export run/bundle --to gguf --precision q8_0 --out exported
    """
    from goldilocks.bundle_export import export_bundle

    exported = export_bundle(bundle, to, out, precision, domain=domain)
    say(f"exported: {out}" + (f"; try: {exported.command}" if exported.command else f"; see {out / 'README.md'}"))
