"""The first test that a program fails: the asserts of a harness, run one by one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from goldilocks.support.sandbox.harness import MARK, judged, parsed, with_tests
from goldilocks.support.sandbox.sandbox import judge

_MAX_TESTS = 12


def failing_test(harness: str, answer: str, solution: str = "") -> tuple[str, str] | None:
    """The first assert that fails, and the reason; ``None`` where each passes on its own or there are none.

    Args:
        harness: As ``harness.with_tests`` made it.
        answer: What the model wrote.
        solution: A gold answer.
    """
    before, _mark, tests = harness.partition(f"\n{MARK}\n")
    tests_alone = list(_single_tests(tests))[:_MAX_TESTS]
    programs = [judged(with_tests(before, test), answer, solution) for _statement, test in tests_alone]
    for (statement, _test), outcome in zip(tests_alone, judge(programs), strict=True):
        if not outcome.passed:
            return statement, outcome.reason
    return None


def _single_tests(tests: str) -> Iterator[tuple[str, str]]:
    """Each assert as text, and the tests with this assert only: those of the module, or of its function ``check``."""
    module = parsed(tests)
    if module is None:
        return
    for place, statement in enumerate(module.body):
        if isinstance(statement, ast.Assert):
            kept = [other for other in module.body[:place] if not isinstance(other, ast.Assert)]
            yield ast.unparse(statement), _source([*kept, statement])
        elif isinstance(statement, ast.FunctionDef) and statement.name == "check":
            for inner, own in enumerate(statement.body):
                if not isinstance(own, ast.Assert):
                    continue
                kept = [other for other in statement.body[:inner] if not isinstance(other, ast.Assert)]
                only = ast.FunctionDef(**{**dict(ast.iter_fields(statement)), "body": [*kept, own]})
                yield ast.unparse(own), _source([*module.body[:place], only, *module.body[place + 1 :]])


def _source(statements: list[ast.stmt]) -> str:
    return ast.unparse(ast.fix_missing_locations(ast.Module(statements, [])))
