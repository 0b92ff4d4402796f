"""Foreign text on a terminal as it is: no markup, and no characters that rule a terminal.

Labels, file names and error messages come from data. Rich would take ``[/b]`` in them for markup, and the terminal
would obey their escape sequences.
"""

from __future__ import annotations

from typing import IO, Any

from rich.console import Console
from rich.text import Text

from goldilocks.support.control_characters import visible


class PlainConsole(Console):
    """A Rich console that takes strings as text, not as markup; style with ``rich.text.Text``."""

    def __init__(self, *, stderr: bool = False, width: int | None = None, file: IO[str] | None = None) -> None:
        """As ``rich.console.Console``."""
        super().__init__(stderr=stderr, width=width, file=file, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every string that is printed, also in the cells of a table, becomes text here."""
        return super().render_str(visible(text), **(options | {"markup": False, "emoji": False}))


def plain(text: object, style: str = "") -> Text:
    """Foreign text with a style."""
    return Text(visible(str(text)), style=style)
