"""The ``goldilocks`` command: all subcommands. Exit codes are those of ``errors.py``; 130 is an interruption."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from goldilocks.cli.candidates import candidates
from goldilocks.cli.catalog import app as catalog
from goldilocks.cli.check import check
from goldilocks.cli.clean import clean
from goldilocks.cli.command_line import LangOption, ReaderGoneError, command, command_group, mistake
from goldilocks.cli.compress import compress
from goldilocks.cli.console import say
from goldilocks.cli.decide import decide
from goldilocks.cli.demo import demo
from goldilocks.cli.deploy import deploy
from goldilocks.cli.evaluate import evaluate
from goldilocks.cli.experience import app as experience
from goldilocks.cli.export import export
from goldilocks.cli.keys import app as keys
from goldilocks.cli.label_next import label_next
from goldilocks.cli.list import list_plugins
from goldilocks.cli.predict import predict
from goldilocks.cli.pretrain import pretrain
from goldilocks.cli.promote import promote, rollback
from goldilocks.cli.replay import replay
from goldilocks.cli.report import report
from goldilocks.cli.select import select
from goldilocks.cli.serve import serve
from goldilocks.cli.tune import tune
from goldilocks.cli.verify import verify
from goldilocks.errors import GoldilocksError, ProcessError
from goldilocks.support.control_characters import visible
from goldilocks.support.machine.out_of_memory import out_of_memory
from goldilocks.support.machine.processes import LAUNCHED
from goldilocks.support.text.translation import _, chosen_language, localised, use_language

app = command_group(
    "Find the language model that is just right for your task, fine-tuned and ready to serve.",
    example="goldilocks select tickets.csv --field text=body --field label=topic --preset fast",
)

_COMMANDS = (
    check,
    candidates,
    select,
    decide,
    tune,
    evaluate,
    predict,
    compress,
    export,
    report,
    pretrain,
    verify,
    serve,
    promote,
    rollback,
    deploy,
    clean,
    replay,
    demo,
)
for _function in _COMMANDS:
    command(app)(_function)
command(app, "label-next")(label_next)
command(app, "list")(list_plugins)
app.add_typer(keys, name="keys")
app.add_typer(experience, name="experience")
app.add_typer(catalog, name="catalog")

_INTERRUPTED = 130
_MAX_CHARACTERS = 2_000
"""Characters of an error that are printed; of a longer one the middle is left out."""
_shown = {"traceback": False}


@app.callback(invoke_without_command=True)
def _global(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    lang: LangOption = None,  # noqa: ARG001 (taken when the line is parsed)
) -> None:
    _shown["traceback"] = verbose
    if version:
        from goldilocks import __version__

        typer.echo(f"goldilocks-lm {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def run() -> None:
    """The console script: run a command; turn exceptions into one line and an exit code."""
    use_language(chosen_language(None, os.environ))
    try:
        code = app(standalone_mode=False)
        if code == _INTERRUPTED:  # typer turns Ctrl-C into this code silently
            _interrupted()
    except KeyboardInterrupt:
        code = _interrupted()
    except ProcessError as error:  # the process that started this one says which of them has ended
        code = error.EXIT_CODE if LAUNCHED in os.environ else _failed(str(error), error.EXIT_CODE)
    except GoldilocksError as error:
        code = _failed(str(error), error.EXIT_CODE)
    except (ReaderGoneError, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        code = _failed(
            f"{where}{error.strerror or error}; free space, fix the permissions, or choose another --out.", 2
        )
    except Exception as error:
        if out_of_memory(error):
            message = "out of memory; exclude the larger candidates (candidates.exclude) or use a larger machine."
            code = _failed(message, 2)
        elif hasattr(error, "exit_code") and hasattr(error, "show"):  # a mistake in the command line
            typer.echo(mistake(error), err=True)
            code = error.exit_code
        else:
            raise
    sys.exit(code if isinstance(code, int) else 0)


def _failed(message: str, code: int) -> int:
    if _shown["traceback"]:
        traceback.print_exc()
    one_line = " ".join(visible(message).split())
    if len(one_line) > _MAX_CHARACTERS:  # a value of someone's file
        one_line = f"{one_line[: _MAX_CHARACTERS // 2]} … {one_line[-_MAX_CHARACTERS // 2 :]}"
    typer.echo(visible(_("error: {message}").format(message=localised(one_line))), err=True)
    return code


def _interrupted() -> int:
    say("interrupted: finished work is kept; run the same command with --resume to continue.", error=True)
    return _INTERRUPTED
