"""What commands print: foreign text as it is, without markup, and without characters that rule a terminal.

Labels, file names and error messages come from data. Rich would take ``[/b]`` in them for markup, and the terminal
would obey their escape sequences. Everything that commands show goes through here.
"""

from __future__ import annotations

from typing import IO, Any

import typer
from rich.console import Console
from rich.text import Text

from goldilocks.support.control_characters import json_visible, visible


class PlainConsole(Console):
    """A Rich console that takes strings as text, not as markup; style with ``rich.text.Text``."""

    def __init__(self, *, stderr: bool = False, width: int | None = None, file: IO[str] | None = None) -> None:
        """As ``rich.console.Console``."""
        super().__init__(stderr=stderr, width=width, file=file, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every string that is printed, also in the cells of a table, becomes text here."""
        return super().render_str(visible(text), **(options | {"markup": False, "emoji": False}))


def console() -> PlainConsole:
    """Standard output; as wide as the terminal, and 150 columns into a file or a pipe."""
    out = PlainConsole()
    return out if out.is_terminal else PlainConsole(width=150)


def plain(text: object, style: str = "") -> Text:
    """Foreign text with a style."""
    return Text(visible(str(text)), style=style)


def say(text: str, *, error: bool = False) -> None:
    """One line of plain text to standard output, or to standard error."""
    typer.echo(visible(text), err=error)


def say_json(text: str) -> None:
    """JSON to standard output; control characters in its strings are escaped."""
    typer.echo(json_visible(text))
