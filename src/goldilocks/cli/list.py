"""``goldilocks list``: the installed plug-ins."""

from __future__ import annotations

from typing import Annotated

import typer


def list_plugins(
    shelf: Annotated[
        str | None,
        typer.Argument(
            help="Kind of plug-in: tasks, families, methods, metrics, estimators, policies, compressors, engines, "
            "exporters, augmenters, demonstrations, trackers or strategies. Default: all."
        ),
    ] = None,
) -> None:
    """List the installed plug-ins with a one-line description each.

    Example: goldilocks list

    Example: goldilocks list methods
    """
    from rich.table import Table

    from goldilocks import plugins
    from goldilocks.cli.console import console
    from goldilocks.errors import InputError
    from goldilocks.support.console import plain
    from goldilocks.support.suggest import suggest

    shelves = list(plugins.PROTOCOLS)
    if shelf is not None and shelf not in shelves:
        raise InputError(
            f"No shelf is named {shelf!r}.{suggest(shelf, list(shelves))} There are: {', '.join(shelves)}."
        )
    out = console()
    for listed in shelves:
        if shelf in (None, listed):
            table = Table(title=listed, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
            for name in plugins.names(listed):
                table.add_row(plain(name, style="bold"), plugins.summary(listed, name))
            out.print(table)
