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
        str, typer.Option(help="Labelled rows that neither trained the model nor test it: a file, or pypi://….")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the compressed bundle.")],
    max_loss: Annotated[
        float, typer.Option(help="The most the metric may lose, in its own unit, at 95 % confidence.")
    ] = 0.01,
    prefer: Annotated[str, typer.Option(help="What to minimise among what passes: size or latency.")] = "size",
    only: Annotated[
        list[str] | None, typer.Option(help="Try this compressor only; may be given several times.")
    ] = None,
    texts: Annotated[
        str | None,
        typer.Option(
            help="A file of texts like those the model will see, such as its training rows; labels in it are ignored. "
            "Compressors that measure importance or train are tried only with it."
        ),
    ] = None,
    student: Annotated[
        list[str] | None,
        typer.Option(
            help="A pretrained encoder to distil into: a name of the catalogue, org/name in the Hub's cache or a "
            "folder; may be given several times. Else the smaller ones on this machine."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed of the training of pruned and distilled networks.")
    ] = 0,
    domain: Annotated[
        str | None,
        typer.Option(help="Domain to compress, for a bundle with adapters per domain; DATA must be of this domain."),
    ] = None,
    field: FieldOption = None,
    sentences: Annotated[
        int | None, typer.Option(min=1, help="Tagging bundles: consecutive rows that form one item.")
    ] = None,
) -> None:
    """Distil, prune and quantise a bundle's model, step by step, and write the result as a bundle.

    Each step is measured on DATA: size, latency, throughput and memory in a process of its own, the change of the
    metric paired with the original, changed answers, calibration. A step is kept only if the one-sided 95 % bound of
    the metric's loss is at most --max-loss. OUT.compression.json and OUT.compression.md get all trials.

    Exit code 0: written; 2: bad input; 3: nothing passes and improves on the original.

    Example: goldilocks compress run/bundle --data dev.csv --texts train.csv --out small
    """
    from goldilocks.bundle.compression_table import line
    from goldilocks.compress import CompressionSettings, compress_bundle

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
