"""Commands as Typer knows them, with the option ``--lang``, and help and mistakes in the language of the user."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from goldilocks.support.control_characters import visible
from goldilocks.support.text.translation import N_, _, chosen_language, keep_paths, localised, use_language

_Function = TypeVar("_Function", bound=Callable[..., None])

LangOption = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="LANGUAGE",
        help="Language of messages, help and report: en or zh. Default: that of the environment.",
    ),
]
"""Options of every command, accepted before it too; ``_LocalisedGroup.parse_args`` takes the value."""

_USAGE_PIECES = (N_("[OPTIONS]"), N_("COMMAND [ARGS]..."))
_MISTAKES = (
    N_("No such option: {0}"),
    N_("No such option: {0} (Possible options: {1})"),
    N_("No such option: {0} Did you mean {1}?"),
    N_("No such command {0}."),
    N_("Missing command."),
    N_("Missing argument {0}."),
    N_("Missing argument {0}. Choose from: {1}"),
    N_("Missing option {0}."),
    N_("Option {0} requires an argument."),
    N_("Option {0} does not take a value."),
    N_("Got unexpected extra argument(s) ({0})"),
    N_("Got unexpected extra argument ({0})"),
    N_("Got unexpected extra arguments ({0})"),
    N_("Invalid value for {0}: {1}"),
    N_("Value error, {0}"),
    N_("{0} is not one of {1}."),
    N_("{0} is not a valid integer."),
    N_("{0} is not a valid float."),
    N_("{0} is not in the range {1}."),
    N_("Input should be a valid integer"),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be a valid number"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("Input should be a finite number"),
    N_("Input should be greater than or equal to {0}"),
    N_("Input should be less than or equal to {0}"),
)
"""What Typer, Click and pydantic say about a command line; ``localised`` finds them in the catalogue."""


# ------------------------------------------------------------------------------------------------------------ commands


class ReaderGoneError(Exception):
    """The reader of standard output has exited, as in ``| head``; click itself turns a broken pipe into exit code 1."""


def command_group(help: str, example: str | None = None) -> typer.Typer:
    """A command that has commands, such as ``goldilocks keys``; ``example`` is a command line for its help."""
    page = help if example is None else f"{help}\n\nExample: {example}"
    group = typer.Typer(cls=_LocalisedGroup, help=page, no_args_is_help=True, pretty_exceptions_enable=False)

    @group.callback()
    def _callback(lang: LangOption = None) -> None: ...

    return group


def command(group: typer.Typer, name: str | None = None) -> Callable[[_Function], _Function]:
    """Adds a function to a group as a command, with the option --lang; the docstring is its help."""

    def added(function: _Function) -> _Function:
        group.command(name, cls=_LocalisedCommand, help=inspect.cleandoc(function.__doc__ or ""))(_called(function))
        return function

    return added


def _called(function: Callable[..., None]) -> Callable[..., None]:
    """The function with the option --lang, and with a broken pipe turned into an exception of our own."""

    @functools.wraps(function)
    def called(*args: Any, lang: str | None = None, **options: Any) -> None:  # noqa: ARG001 (see LangOption)
        keep_paths(map(str, _paths_among((*args, *options.values()))))
        try:
            function(*args, **options)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    # Resolved here: the names in the annotations are those of the function's own module.
    signature = inspect.signature(function, eval_str=True)
    option = inspect.Parameter("lang", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=LangOption)
    called.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    called.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()} | {
        "lang": LangOption
    }
    return called


def _paths_among(values: Sequence[Any]) -> Iterator[Path]:
    for value in values:
        if isinstance(value, Path):
            yield value
        elif isinstance(value, list | tuple):
            yield from _paths_among(value)


class _LocalisedCommand(TyperCommand):
    """A command whose help is translated when it is printed."""

    # Any, here and below: whether these are classes of click or of Typer's own copy depends on the version of Typer.
    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        _print_help(self, ctx)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        _write_usage(self, ctx, formatter)


class _LocalisedGroup(TyperGroup):
    """A group whose help is translated when it is printed; the outermost one sets the language."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # Before anything is parsed, because help and mistakes, which end the parsing, are in that language too.
        if ctx.parent is None and not ctx.resilient_parsing and (lang := _lang_among(args)) is not None:
            use_language(chosen_language(lang, os.environ))
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        _print_help(self, ctx)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        _write_usage(self, ctx, formatter)


def _print_help(command: Any, ctx: Any) -> None:
    from goldilocks.cli.help_page import print_help  # here: a command that runs needs no page

    print_help(command, ctx)


def _lang_among(args: Sequence[str]) -> str | None:
    """The value of the last ``--lang`` of a command line."""
    options = args[: args.index("--")] if "--" in args else args
    given = None
    for place, option in enumerate(options):
        if option == "--lang" and place + 1 < len(options):
            given = options[place + 1]
        elif option.startswith("--lang="):
            given = option.removeprefix("--lang=")
    return given


def _write_usage(command: Any, ctx: Any, formatter: Any) -> None:
    pieces = (_(piece) if piece in _USAGE_PIECES else piece for piece in command.collect_usage_pieces(ctx))
    formatter.write_usage(ctx.command_path, " ".join(pieces), prefix=_("Usage: "))


# ------------------------------------------------------------------------------------------------------------ mistakes


_PYDANTIC = re.compile(r": (?:Input should|Value error,) ")


def _without_pydantic(match: re.Match[str]) -> str:
    """In English, what pydantic begins its messages with, in the words of a command line."""
    return ": must " if match[0].startswith(": Input") else ": "


def mistake(error: Any) -> str:
    """What is wrong with a command line, after the usage of the command and where its help is.

    Args:
        error: An exception of Typer or Click that has ``format_message``, and may have a ``ctx``. One without a message
            has printed the help in its place.
    """
    message = localised(" ".join(visible(error.format_message()).split()))
    if not message:
        return ""
    shown = _("error: {message}").format(message=_PYDANTIC.sub(_without_pydantic, message))
    context = getattr(error, "ctx", None)
    if context is None:
        return shown
    hint = _("Try '{command} --help' for help.").format(command=context.command_path)
    return f"{context.get_usage()}\n{hint}\n\n{shown}"
