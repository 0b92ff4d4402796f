"""``goldilocks experience``: what earlier searches showed of candidates, kept on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.command_line import command, command_group

app = command_group(
    "Keep the results of your own searches, so that later ones start from them (`select --experience local`).",
    example="goldilocks experience import run",
)


@command(app, "import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="Run folders, or CSV files in the format of `replay`.")],
    name: Annotated[
        str | None,
        typer.Option(help="Name for the data set of a run. Default: the task's name and the data fingerprint."),
    ] = None,
) -> None:
    """Add the results of runs or tables. Only candidate names, scores and times are kept, in the cache folder.

    Example: goldilocks experience import run other-run

    Example: goldilocks experience import team-results.csv
    """
    from goldilocks.cli.console import say
    from goldilocks.selection.experience_store import ExperienceStore
    from goldilocks.selection.race_table import read_rows
    from goldilocks.selection.recorded_run import rows_of_folder

    store = ExperienceStore()
    for source in sources:
        rows = rows_of_folder(source, name) if source.is_dir() else read_rows(source)
        say(f"{source}: {store.add(rows, where=str(source)):,} rungs added to {store.path}")


@command(app)
def show() -> None:
    """List the stored data sets, with the number of candidates and of rungs (scores recorded on the way) of each.

    Example: goldilocks experience show
    """
    from goldilocks.cli.console import console, say
    from goldilocks.cli.tables import races_table
    from goldilocks.selection.experience_store import ExperienceStore

    store = ExperienceStore()
    races = store.races()
    if not races:
        say(f"{store.path}: no experience yet; add runs with `goldilocks experience import RUN`.")
        return
    console().print(races_table(races))
    say(f"{store.path}, SHA-256 {store.digest()[:16]}…")


@command(app)
def export(out: Annotated[Path, typer.Argument(help="CSV file to write.")]) -> None:
    """Write the store as a CSV file, for `goldilocks replay` and for others to import.

    Example: goldilocks experience export team-results.csv
    """
    from goldilocks.cli.console import say
    from goldilocks.selection.experience_store import ExperienceStore, write_rows

    rows = ExperienceStore().rows()
    write_rows(out, rows)
    say(f"{out}: {len(rows):,} rungs written")


@command(app)
def forget(
    dataset: Annotated[str | None, typer.Argument(help="Data set to delete. Default: everything.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before everything is deleted.")] = False,
) -> None:
    """Delete one data set from the store, or everything.

    Example: goldilocks experience forget tickets-1f2e3d4c
    """
    from goldilocks.cli.console import say
    from goldilocks.errors import InputError
    from goldilocks.selection.experience_store import ExperienceStore
    from goldilocks.support.text.translation import localised

    store = ExperienceStore()
    if dataset is None and not yes:
        try:
            confirmed = typer.confirm(localised(f"Delete all experience in {store.path}?"))
        except typer.Abort as error:  # no terminal to ask at, or Ctrl-C
            raise InputError("nothing was deleted; pass --yes to delete everything without being asked.") from error
        if not confirmed:
            say("Nothing was deleted.")
            return
    say(f"{store.forget(dataset):,} rungs deleted")
