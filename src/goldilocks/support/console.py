"""Foreign text on a terminal as it is: no markup, and no characters that control a terminal.

Labels, file names and error messages come from data. Rich would take ``[/b]`` in them for markup, and the terminal
would obey their escape sequences. Rich also breaks lines at spaces only: it would cut off what does not fit into a
table's cell of a Chinese sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.containers import Lines
from rich.measure import Measurement
from rich.text import Text

from goldilocks.support.control_characters import visible
from goldilocks.support.line_breaks import break_offsets, has_wide, unbreakable


class PlainConsole(Console):
    """A Rich console that takes strings as text, not as markup; style with ``rich.text.Text``."""

    def __init__(self, *, stderr: bool = False, width: int | None = None, file: IO[str] | None = None) -> None:
        """As ``rich.console.Console``."""
        super().__init__(stderr=stderr, width=width, file=file, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every string that is printed, also in the cells of a table, becomes text here."""
        shown = super().render_str(visible(text), **(options | {"markup": False, "emoji": False}))
        return BreakableText.of(shown)

    def print(self, *objects: Any, **options: Any) -> None:
        """As ``rich.console.Console.print``, which would make plain ``Text`` of a text of ours."""
        if len(objects) == 1 and isinstance(objects[0], (str, Text)) and "end" not in options:
            text = objects[0] if isinstance(objects[0], Text) else self.render_str(objects[0])
            objects = (_Alone(BreakableText.of(text)),) if has_wide(text.plain) else objects
        super().print(*objects, **options)


class BreakableText(Text):
    """Text whose lines also end between Chinese, Japanese and Korean characters."""

    @classmethod
    def of(cls, text: Text) -> BreakableText:
        """The same text."""
        return cls(
            text.plain,
            style=text.style,
            justify=text.justify,
            overflow=text.overflow,
            no_wrap=text.no_wrap,
            end=text.end,
            tab_size=text.tab_size,
            spans=list(text.spans),
        )

    def wrap(self, console: Console, width: int, **options: Any) -> Lines:
        """Lines of at most ``width`` cells."""
        kept = options.get("no_wrap") or self.no_wrap or options.get("overflow") == "ignore" or "\t" in self.plain
        if kept or not has_wide(self.plain):
            return super().wrap(console, width, **options)
        lines = Lines()
        for line in self.split(allow_blank=True):
            parts = line.divide(break_offsets(line.plain, width))
            for part in parts:
                if spaces := len(part.plain) - len(part.plain.rstrip(" ")):
                    part.right_crop(spaces)
            if justify := options.get("justify") or self.justify:
                parts.justify(console, width, justify=justify, overflow="fold")
            lines.extend(parts)
        return lines

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As narrow as its widest part without a place to break."""
        if not has_wide(self.plain):
            return super().__rich_measure__(console, options)
        lines = self.plain.splitlines() or [""]
        narrowest = max((cell_len(part.rstrip()) for line in lines for part in unbreakable(line)), default=0)
        return Measurement(narrowest, max(cell_len(line) for line in lines))


@dataclass(frozen=True, slots=True)
class _Alone:
    """A text that Rich does not join with others."""

    text: BreakableText

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.text


def plain(text: object, style: str = "") -> Text:
    """Foreign text with a style."""
    return BreakableText(visible(str(text)), style=style)
