"""``goldilocks experience``: what earlier searches showed of candidates, kept on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Keep the results of your own searches, so that later ones start from them (`select --experience local`).",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="Run folders, or CSV files in the format of `replay`.")],
    name: Annotated[
        str | None, typer.Option(help="What to call the data set of a run. Default: its task and data fingerprint.")
    ] = None,
) -> None:
    """Add runs or tables. Only names of candidates, scores and seconds are kept, in a file of the cache folder.

    Example: goldilocks experience import run other-run

    Example: goldilocks experience import team-results.csv
    """
    from goldilocks.selection.experience_store import ExperienceStore
    from goldilocks.selection.race_table import read_rows
    from goldilocks.selection.recorded_run import rows_of_folder

    store = ExperienceStore()
    for source in sources:
        rows = rows_of_folder(source, name) if source.is_dir() else read_rows(source)
        typer.echo(f"{source}: {store.add(rows):,} rungs added to {store.path}")


@app.command()
def show() -> None:
    """List the data sets of the store, with the number of candidates and rungs.

    Example: goldilocks experience show
    """
    from goldilocks.cli.console import console
    from goldilocks.cli.tables import races_table
    from goldilocks.selection.experience_store import ExperienceStore

    store = ExperienceStore()
    races = store.races()
    if not races:
        typer.echo(f"{store.path}: no experience yet; add runs with `goldilocks experience import RUN`.")
        return
    console().print(races_table(races))
    typer.echo(f"{store.path}, SHA-256 {store.digest()[:16]}…")


@app.command()
def export(out: Annotated[Path, typer.Argument(help="CSV file to write.")]) -> None:
    """Write the store as a CSV file, for `goldilocks replay` and for others to import.

    Example: goldilocks experience export team-results.csv
    """
    from goldilocks.selection.experience_store import ExperienceStore, write_rows

    rows = ExperienceStore().rows()
    write_rows(out, rows)
    typer.echo(f"{out}: {len(rows):,} rungs")


@app.command()
def forget(
    dataset: Annotated[str | None, typer.Argument(help="Data set to delete. Default: everything.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before everything is deleted.")] = False,
) -> None:
    """Delete one data set from the store, or everything.

    Example: goldilocks experience forget tickets-1f2e3d4c
    """
    from goldilocks.selection.experience_store import ExperienceStore

    store = ExperienceStore()
    if dataset is None and not yes:
        typer.confirm(f"Delete all experience in {store.path}?", abort=True)
    typer.echo(f"{store.forget(dataset):,} rungs deleted")
