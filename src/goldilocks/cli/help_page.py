"""What ``--help`` prints, in the language of the user.

Typer's own page is in English and breaks lines at spaces only. This one has the same parts: usage, what the command
does, arguments, options and commands. It is translated when it is printed, so that a command that runs pays nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from goldilocks.cli.console import console
from goldilocks.support.console import PlainConsole, plain
from goldilocks.support.text.translation import N_, _

_EXAMPLE = "Example: "
_OPTION = r"(?<![\w/-])--?[a-z][\w-]*"
_FACTS = (N_("default: {0}"), N_("env var: {0}"))
_WIDEST_NAME = 34
"""Cells of the column of names; a longer list of choices goes on in the next line."""


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a docstring, each on one line: the messages that a catalogue has of it."""
    return [" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n")]


def print_help(command: Any, ctx: Any) -> None:
    """Print the help of a command of Typer.

    Args:
        command: With ``help``, ``get_params`` and, if it has commands, ``commands``.
        ctx: Its context. (Whether these are of click or of Typer's own copy depends on the version of Typer.)
    """
    out = console()
    out.print(Padding(plain(command.get_usage(ctx), style="bold"), (1, 1)))
    for paragraph in paragraphs(command.help or ""):
        out.print(Padding(_text(_paragraph(paragraph)), (0, 1, 1, 1)))
    rows: dict[str, list[tuple[str, Text]]] = {"argument": [], "option": []}
    for param in command.get_params(ctx):
        if (row := _row(param, ctx)) is not None:
            rows[param.param_type_name].append(row)
    _panel(out, _("Arguments"), rows["argument"])
    _panel(out, _("Options"), rows["option"])
    commands = getattr(command, "commands", {})
    _panel(out, _("Commands"), [(name, _text(_summary(of))) for name, of in commands.items() if not of.hidden])


def _paragraph(text: str) -> str:
    if text.startswith(_EXAMPLE):
        return _("Example: {0}").format(text.removeprefix(_EXAMPLE))
    return _(text) if text else ""


def _summary(command: Any) -> str:
    return _paragraph(paragraphs(command.help or "")[0])


def _row(param: Any, ctx: Any) -> tuple[str, Text] | None:
    """The name and type of a parameter, and its help with its default and range; ``None`` if it is hidden."""
    record = param.get_help_record(ctx)
    if record is None:
        return None
    names, shown = record
    given = param.help or ""
    facts = shown.removeprefix(given).strip().removeprefix("[").removesuffix("]")  # [default: 10; x>=1; required]
    text = _text(" ".join(_paragraph(part) for part in paragraphs(given)))
    if facts:
        text.append("".join(f" [{_fact(fact)}]" for fact in facts.split("; ")), style="dim")
    return names, text


def _fact(text: str) -> str:
    """``default: …``, ``env var: …``, ``required`` or a range, as Typer writes them."""
    for words in _FACTS:
        if text.startswith(beginning := words.removesuffix("{0}")):
            return _(words).format(text.removeprefix(beginning))
    return _("required") if text == "required" else text


def _text(text: str) -> Text:
    shown = plain(text)
    shown.highlight_regex(_OPTION, style="cyan")
    return shown


def _panel(out: PlainConsole, title: str, rows: Sequence[tuple[str, Text]]) -> None:
    if not rows:
        return
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(overflow="fold", max_width=_WIDEST_NAME)
    table.add_column(overflow="fold", ratio=1)
    for names, text in rows:
        table.add_row(plain(names, style="bold cyan"), text)
    out.print(Panel(table, title=title, title_align="left", border_style="dim"))
