"""Every command that the READMEs and the documentation show exists, with the options that it is shown with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from goldilocks.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
OTHERS = {"--no-deps", "--constraint", "--durations"}
"""Options of pip and pytest that stand alone somewhere."""
PROGRAM = get_command(app)
_CALL = re.compile(r"(?:^|[|;&]\s*|\$\s+)goldilocks\s+(.*)")


def snippets(page: str) -> Iterator[str]:
    """Lines of code blocks, and what stands in backticks elsewhere."""
    for block in re.findall(r"```\w*\n(.*?)```", page, flags=re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    rest = re.sub(r"```\w*\n.*?```", "", page, flags=re.DOTALL)
    yield from (code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", rest))


def options_of(command: Any) -> set[str]:
    return {"--help"} | {name for option in command.params for name in (*option.opts, *option.secondary_opts)}


def problems(line: str) -> Iterator[str]:
    """Commands and options of a line that there are not."""
    for call in _CALL.finditer(line):
        command: Any = PROGRAM
        options = options_of(command)
        for word in shlex.split(re.split(r"\s\|\s|\s#|&&|;", call[1])[0]):
            name = word.strip("[]").partition("=")[0]
            if name.startswith("--"):
                if name not in options:
                    yield f"{line}: {command.name} has no {name}"
            elif isinstance(command, TyperGroup) and "…" not in word and not word.startswith("-"):
                named = [command.commands.get(each) for each in word.split("|")]  # export|import: one of several
                if None in named:
                    yield f"{line}: there is no command {word}"
                    break
                command = next(each for each in named if each is not None)
                options |= options_of(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist_with_their_options(page: Path) -> None:
    lines = [line for line in snippets(page.read_text(encoding="utf-8")) if "goldilocks" in line]
    assert [problem for line in lines for problem in problems(line)] == []


def all_options(command: Any) -> set[str]:
    inner = command.commands.values() if isinstance(command, TyperGroup) else ()
    return options_of(command).union(*(all_options(each) for each in inner))


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=lambda path: path.name)
def test_options_that_stand_alone_exist_in_some_command(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {name for code in snippets(text) for name in re.findall(r"(?<![\w-])--[a-z][\w-]+", code)}
    assert len(named) > 20
    assert named - all_options(PROGRAM) <= OTHERS


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("goldilocks selct task.yaml", "no command selct"),
        ("goldilocks select task.yaml --budgt 3m", "select has no --budgt"),
        ("echo x | goldilocks predict run/bundle --foo=1", "predict has no --foo"),
        ("goldilocks keys add|lst", "no command add|lst"),
    ],
)
def test_wrong_command_or_option_is_found(line: str, problem: str) -> None:
    (message,) = problems(line)
    assert problem in message
