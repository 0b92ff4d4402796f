"""No function takes more than seven parameters; past that, what belongs together is a record."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import goldilocks

PACKAGE = Path(goldilocks.__file__).parent
MAX_PARAMETERS = 7
# Keyword arguments with defaults that users type, under the same names in all three (docs/design.md).
EXCEPTIONS = {"api.py select", "api.py tune", "api.py continue_tuning"}


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = function.args
    named = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return named[1:] if named[:1] in (["self"], ["cls"]) else named


def functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_outside_the_command_line_takes_more_than_seven_parameters() -> None:
    long = {
        f"{path.relative_to(PACKAGE).as_posix()} {function.name}"
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE / "cli"  # there a parameter is an option
        for function in functions(path.read_text(encoding="utf-8"))
        if len(parameters(function)) > MAX_PARAMETERS
    }
    assert long == EXCEPTIONS


def test_receiver_is_not_counted_and_keyword_arguments_are() -> None:
    (method,) = functions("class A:\n    async def f(self, a, /, b, *, c=1): ...")
    assert parameters(method) == ["a", "b", "c"]
