"""Right answers that are programs with tests, in the one text that a right answer may hold, and a program from them.

``with_tests`` puts what stands before the answer and what checks it into one text, a harness; ``program`` puts an
answer into it. A harness goes beside the solution as if it were a second reference: no answer is ever equal to it.
"""

from __future__ import annotations

import ast
import re
import warnings

MARK = "# --- the answer stands here ---"
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_OWN_START = re.compile(r"\s*\n|[ \t]|(?:async |def |class |import |from |@|#)")
_MOST_LINES = 200


def with_tests(before: str, tests: str) -> str:
    """A harness: ``before``, room for an answer, ``tests``."""
    return f"{before}\n{MARK}\n{tests}"


def is_harness(text: str) -> bool:
    """Whether ``with_tests`` made the text."""
    return MARK in text


def begins(item: str, harness: str) -> bool:
    """Whether the answer is put right behind ``item``: the item begins the program, and the answer is its rest."""
    before, mark, _ = harness.partition(f"\n{MARK}\n")
    return bool(mark) and bool(item.strip()) and before.endswith(item)


def program(harness: str, answer: str) -> str:
    """The program that runs ``answer`` against the tests of ``harness``.

    The answer may be a whole program or, where the harness begins one, the rest of it. Of text with a block between
    ``three backticks`` the block is taken. What a model writes on after the program is cut: the most lines that can be
    parsed are kept.
    """
    before, _, tests = harness.partition(f"\n{MARK}\n")
    block = _FENCED.search(answer)
    code = block.group(1) if block else answer
    ways = [code, f"    {code.lstrip()}"]  # the first line of a rest may have lost its indentation on the way
    kept = [longest_parsed(before, way) for way in (ways if _OWN_START.match(code) else reversed(ways))]
    return f"{before}\n{max(kept, key=lambda one: one.count(chr(10)) + bool(one)) or code}\n\n{tests}"


def longest_parsed(before: str, code: str) -> str:
    """The most first lines of ``code`` that make a program behind ``before``; empty where not even one line does.

    Source:
        As the sanitizer of EvalPlus (Liu et al. 2023) does.
    """
    lines = code.splitlines()[:_MOST_LINES]
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
