"""``goldilocks export``: a bundle in a format that runs without Goldilocks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say


def export(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    out: Annotated[Path, typer.Option(help="An empty folder to write to.")],
    to: Annotated[str, typer.Option(help="The format: onnx.")] = "onnx",
) -> None:
    """Write a classifier as one ONNX graph with its tokenizer and a script.

    The folder holds model.onnx, model.json, tokenizer.json and predict.py, which needs numpy, onnxruntime and
    tokenizers only. Its probabilities agree with the bundle's to 1e-5. For BERT-shaped encoders and static embeddings.

    Exit code 0: written; 2: this bundle cannot be exported.

    Example: goldilocks export run/bundle --to onnx --out exported
    """
    from goldilocks.export import export_bundle

    folder = export_bundle(bundle, to, out)
    say(f'exported: {folder}; try: python {folder / "predict.py"} "a text"')
