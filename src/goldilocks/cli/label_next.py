"""``goldilocks label-next``: which rows to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.data.annotation_files import AnnotationForm
from goldilocks.settings import Strategy


def label_next(
    source: Annotated[Path, typer.Argument(metavar="RUN_OR_BUNDLE", help="Folder of a run or of a bundle.")],
    pool: Annotated[
        Path,
        typer.Argument(
            help="Rows without labels: lines of text, .jsonl, a table, or an export of Label Studio or doccano."
        ),
    ],
    count: Annotated[int, typer.Option(min=1, help="Number of rows to choose.")] = 50,
    strategy: Annotated[
        Strategy,
        typer.Option(
            help="entropy, margin: the least certain predictions. badge: uncertain, diverse rows. core-set: rows that "
            "represent the whole pool. value: rows whose labels could save the most error cost. random: a baseline."
        ),
    ] = Strategy.BADGE,
    labelled: Annotated[
        Path | None,
        typer.Option(help="Rows that are labelled already, such as the training file; they are not chosen again."),
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("to_label.csv"),
    form: Annotated[
        AnnotationForm, typer.Option("--format", help="csv, or an import file for Label Studio or doccano.")
    ] = AnnotationForm.CSV,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed, for badge and random.")] = 0,
) -> None:
    """Choose the rows of POOL that are most worth labelling next (active learning), for an annotation tool.

    The model's predictions are included as suggestions. When the rows are labelled, every command that takes labelled
    data reads the tool's export, or the CSV with a label column filled in.

    Example: goldilocks label-next run archive.txt --count 100 --strategy value --format label-studio --out tasks.json

    Example: goldilocks label-next run/bundle archive.csv --labelled train.csv
    """
    from goldilocks import label_next as labelling
    from goldilocks.cli.console import say
    from goldilocks.data.annotation_files import AnnotationRow, write_annotation_file
    from goldilocks.support.files import check_apart

    check_apart(out, pool, labelled)
    chosen = labelling.label_next(source, pool, count=count, strategy=strategy, labelled=labelled, seed=seed)
    rows = [AnnotationRow(row.number, row.item, row.suggestion, row.score) for row in chosen.rows]
    write_annotation_file(out, form, rows, chosen.columns, chosen.output)
    left_out = f"; {chosen.skipped:,} unusable, repeated or labelled rows left out" if chosen.skipped else ""
    say(f"{len(rows):,} of {chosen.pool:,} rows chosen by {strategy.value}{left_out}")
    if chosen.worth is not None:
        say(f"labelling them could save up to {chosen.worth:,.2f} {chosen.currency} of expected error cost per month")
    say(f"rows to label: {out}")
