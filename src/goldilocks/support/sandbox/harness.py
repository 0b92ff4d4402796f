"""Gold answers that are programs with tests, in the one text that a gold answer may hold, and a program from them.

``with_tests`` puts what precedes the answer and what checks it into one text, a harness; ``judged`` takes it apart
again for an answer. A harness joins the solution as if it were a second reference: no answer is ever equal to it.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MARK = "# --- the answer stands here ---"
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_OWN_START = re.compile(r"\s*\n|[ \t]|(?:async |def |class |import |from |@|#)")
_MAX_LINES = 200


def with_tests(before: str, tests: str) -> str:
    """A harness: ``before``, room for an answer, ``tests``."""
    return f"{before}\n{MARK}\n{tests}"


def is_harness(text: str) -> bool:
    """Whether ``with_tests`` made the text."""
    return MARK in text


def begins(item: str, harness: str) -> bool:
    """Whether the answer is put right after ``item``: the item begins the program, and the answer is its rest."""
    before, mark, _ = harness.partition(f"\n{MARK}\n")
    return bool(mark) and bool(item.strip()) and before.endswith(item)


@dataclass(frozen=True, slots=True)
class ProgramWithTests:
    """A program, and the tests that judge it from another process."""

    program: str
    """What precedes the answer, and the answer."""
    tests: str = ""
    context: str = ""
    """What precedes the answer and is complete without it: run for the tests too, so that no answer replaces it."""
    subjects: tuple[str, ...] | None = None
    """Names that the program may answer for; ``None``: all that are not Python's own."""

    def settings(self) -> dict[str, Any]:
        """What the process of the tests is given."""
        return {"tests": self.tests, "context": self.context, "subjects": self.subjects}


def judged(harness: str, answer: str, solution: str = "") -> ProgramWithTests:
    """The program that ``answer`` makes, with the tests of ``harness``.

    The answer may be a whole program or, where the harness begins one, the rest of it. Of text with a block between
    ``three backticks`` the block is taken. What a model writes on after the program is cut: the most lines that can be
    parsed are kept.

    Args:
        harness: As ``with_tests`` made it.
        answer: What the model wrote.
        solution: A gold answer. It tells which names a program has to define: for no others does an answer count.
    """
    before, _, tests = harness.partition(f"\n{MARK}\n")
    block = _FENCED.search(answer)
    code = block.group(1) if block else answer
    ways = [code, f"    {code.lstrip()}"]  # the first line of a rest may have lost its indentation on the way
    kept = [longest_parsed(before, way) for way in (ways if _OWN_START.match(code) else reversed(ways))]
    longest = max(kept, key=lambda part: part.count(chr(10)) + bool(part))
    context, subjects = _trusted(before, solution)
    return ProgramWithTests(f"{before}\n{longest or code}\n", tests, context, subjects)


@lru_cache(maxsize=10_000)
def _trusted(before: str, solution: str) -> tuple[str, tuple[str, ...] | None]:
    """What the tests may have of their own, and the names they ask the program for.

    A statement of ``before`` is whole if it is the same without the solution after it and the solution does not define
    its names again. The solution's imports are repeated for the tests; its other names are the program's.
    """
    start = parsed(longest_parsed("", before))
    whole = next(
        (tree for way in (solution, f"    {solution.lstrip()}") if (tree := parsed(f"{before}\n{way}\n"))), None
    )
    first = start.body if start else []
    if whole is None or not solution.strip():
        own = [statement for statement in first if not _is_stub(statement)]
        return _source(own), None
    shared = 0
    while shared < min(len(first), len(whole.body)) and ast.dump(first[shared]) == ast.dump(whole.body[shared]):
        shared += 1
    later = {name for statement in whole.body[shared:] for name in _bound(statement)}
    own = [statement for statement in whole.body[:shared] if not later & set(_bound(statement))]
    imports = [statement for statement in whole.body[shared:] if isinstance(statement, ast.Import | ast.ImportFrom)]
    given = {name for statement in (*own, *imports) for name in _bound(statement)}
    every = {name for statement in whole.body for name in _bound(statement)}
    return _source([*own, *imports]), tuple(sorted(every - given))


def _source(statements: Sequence[ast.stmt]) -> str:
    return ast.unparse(ast.Module(list(statements), []))


def _is_stub(statement: ast.stmt) -> bool:
    """A function without more than its description."""
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return all(
        isinstance(inner, ast.Pass) or (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant))
        for inner in statement.body
    )


def _bound(statement: ast.stmt) -> list[str]:
    """Names that a statement of a module binds there."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(name.asname or name.name).split(".")[0] for name in statement.names]
    inner = [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]
    names = [name for node in inner for name in _bound(node)]
    return names + [
        node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def longest_parsed(before: str, code: str) -> str:
    """The most first lines of ``code`` that make a program after ``before``; empty where not even one line does.

    Source:
        As the sanitizer of EvalPlus (Liu et al. 2023) does.
    """
    lines = code.splitlines()[:_MAX_LINES]
    for end in range(len(lines), 0, -1):
        kept = "\n".join(lines[:end])
        if kept.strip() and _compiles(f"{before}\n{kept}\n"):
            return kept
    return ""


def _compiles(code: str) -> bool:
    """Whether it is a program; parsing alone would let a ``return`` outside of functions pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in what a model wrote
        try:
            compile(code, "<answer>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def parsed(code: str) -> ast.Module | None:
    """The syntax tree of a program; ``None`` where it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
