"""What commands print; see ``support/console.py`` for what becomes of foreign text."""

from __future__ import annotations

import typer

from goldilocks.support.console import PlainConsole
from goldilocks.support.control_characters import json_visible, visible
from goldilocks.support.text.translation import localised

_WIDTH = 80


def console() -> PlainConsole:
    """Standard output; as wide as the terminal, and 80 columns into a file or a pipe."""
    out = PlainConsole()
    return out if out.is_terminal else PlainConsole(width=_WIDTH)


def say(text: str, *, error: bool = False) -> None:
    """A message in the language of the user, to standard output or to standard error."""
    typer.echo(visible(localised(text)), err=error)


def say_json(text: str) -> None:
    """JSON to standard output; control characters in its strings are escaped."""
    typer.echo(json_visible(text))
