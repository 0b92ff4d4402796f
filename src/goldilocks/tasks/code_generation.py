"""A Python program for a description: judged by running tests in a sandbox, or by comparing where there are none.

Three kinds of rows are read: a prompt that begins the program, with an ``entry_point`` and a test that defines
``check`` (HumanEval); a description with a list of ``assert`` lines, which are part of the prompt because they name
the name of the function (MBPP); a description and a solution without tests (CoNaLa; set ``metric: exact_match``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from goldilocks.errors import MissingError
from goldilocks.records import DataIssue, Output, Part, Severity
from goldilocks.support.sandbox.harness import parsed, with_tests
from goldilocks.support.sandbox.sandbox import protection, safe
from goldilocks.support.text.cells import empty, list_of, text_problem

OUTPUT = Output.TEXT
SEVERAL = False
FIELDS = {
    "prompt": "what the program should do, or how it begins",
    "solution": "a right program (or the rest of it)",
    "tests": "Python that fails where the program is wrong: a text, or a list of asserts",
    "entry_point": "the function that the tests call, where the prompt begins the program",
    "setup": "Python that precedes the program",
}
READS = ("prompt", "tests", "entry_point")
OPTIONAL = frozenset({"tests", "entry_point", "setup"})
LINE = ("prompt",)
ITEM = ("prompt", "prompts")
METRICS = ("pass_at_k", "exact_match")
TRIVIAL_BASELINES = ("nearest",)
"""A constant program and the prompt itself pass nothing; running them would tell nothing."""
FLOORS = {"pass_at_k": 0.0}
"""A model none of whose programs passes is of no use."""
INSTRUCTION = "Write the Python program."
INSTRUCTION_ZH = "写出这个 Python 程序。"
_ENTRY = re.compile(r"\ncheck\((\w+)\)\n\Z")


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    asserts = None if empty(row.get("tests")) else list_of(row["tests"])
    wrong = (text_problem(f"test {number}", statement) for number, statement in enumerate(asserts or (), start=1))
    return text_problem("prompt", row.get("prompt")) or next(filter(None, wrong), None)


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    wrong = item_problem(row) or text_problem("solution", row.get("solution"))
    if wrong is None and not empty(row.get("setup")):
        wrong = text_problem("setup", row["setup"])
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
    """The solution, and where there are tests what runs them (see ``support/sandbox/harness.py``)."""
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


def _undefined(solution: str, harness: str) -> bool:
    """Whether the tests end with a call of ``check`` on a name that nothing in the program makes."""
    entry = _ENTRY.search(harness)
    definition = rf"\b(?:def|class|import|as)\s+{entry[1]}\b|\b{entry[1]}\s*(?::[^=\n]+)?=[^=]" if entry else ""
    return entry is not None and not re.search(definition, f"{harness}\n{solution}")


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    return {"with tests": sum(isinstance(answer, tuple) for answer in part.gold)}


def issues(part: Part) -> Iterator[DataIssue]:
    """Rows without tests, and what keeps the programs in that the others run."""
    bare = tuple(place for place, answer in enumerate(part.gold) if not isinstance(answer, tuple))
    if bare:
        yield DataIssue(
            "without_tests",
            Severity.NOTE,
            f"{len(bare):,} of {len(part):,} rows have no tests",
            "There an answer passes only where it is the same program as the solution but for spaces, quotes and "
            "comments; the metric exact_match asks for even more.",
            bare,
        )
    if len(bare) == len(part):
        return
    undefined = tuple(
        place for place, answer in enumerate(part.gold) if isinstance(answer, tuple) and _undefined(*answer)
    )
    if undefined:
        yield DataIssue(
            "undefined_entry_point",
            Severity.WARNING,
            f"{len(undefined):,} of {len(part):,} rows have an entry_point that neither prompt nor solution defines",
            "The tests call a function that is not there, so that even the right answer fails; correct its name.",
            undefined,
        )
    try:
        kept_in, severity = protection(), Severity.NOTE if safe() else Severity.WARNING
    except MissingError as error:
        kept_in, severity = str(error), Severity.WARNING
    yield DataIssue(
        "sandbox",
        severity,
        f"programs are run in the sandbox ({kept_in})",
        "Generated programs are executed on this machine to be scored; each has limits on time, memory and files.",
    )
