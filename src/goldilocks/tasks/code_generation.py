"""A Python program for a description: judged by running tests in a sandbox, or by comparing where there are none.

Three kinds of rows are read: a prompt that begins the program, with an ``entry_point`` and a test that defines
``check`` (HumanEval); a description with a list of ``assert`` lines, which are shown to the model too because they tell
the name of the function (MBPP); a description and a solution without tests (CoNaLa; set ``metric: exact_match``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output
from goldilocks.support.cells import empty, list_of, text_problem
from goldilocks.support.programs import parsed, with_tests

OUTPUT = Output.TEXT
SEVERAL = False
FIELDS = {
    "prompt": "what the program should do, or how it begins",
    "solution": "a right program (or the rest of it)",
    "tests": "Python that fails where the program is wrong: a text, or a list of asserts",
    "entry_point": "the function that the tests call, where the prompt begins the program",
    "setup": "Python that stands before the program",
}
READS = ("prompt", "tests", "entry_point")
OPTIONAL = frozenset({"tests", "entry_point", "setup"})
METRICS = ("pass_at_k", "exact_match")
INSTRUCTION = "Write the Python program."


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    wrong = text_problem("prompt", row.get("prompt")) or text_problem("solution", row.get("solution"))
    if wrong is None and not empty(row.get("tests")) and parsed(_tests(row)) is None:
        return "tests is not Python"
    return wrong


def item(row: Mapping[str, Any]) -> str:
    """The prompt, and asserts where they are a list."""
    asserts = None if empty(row.get("tests")) else list_of(row.get("tests"))
    if not asserts:
        return str(row["prompt"])
    return "\n".join((str(row["prompt"]), "Your code should pass these tests:", *map(str, asserts)))


def gold(row: Mapping[str, Any]) -> str | tuple[str, str]:
    """The solution, and where there are tests what runs them (see ``support/programs.py``)."""
    solution = str(row["solution"])
    if empty(row.get("tests")):
        return solution
    before = [] if empty(row.get("setup")) else [str(row["setup"])]
    before += [] if empty(row.get("entry_point")) else [str(row["prompt"])]
    return solution, with_tests("\n".join(before), _tests(row))


def _tests(row: Mapping[str, Any]) -> str:
    cell, entry = row.get("tests"), row.get("entry_point")
    asserts = list_of(cell)
    tests = str(cell) if asserts is None else "\n".join(map(str, asserts))
    return tests if empty(entry) else f"{tests}\ncheck({entry})\n"
