from __future__ import annotations

import sys

import pytest

from goldilocks.support.sandbox.failing_test import failing_test
from goldilocks.support.sandbox.harness import with_tests

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of what Linux offers")

CHECK = """
def check(candidate):
    size = 2
    assert candidate(1) == size
    assert candidate(2) == 2 * size
check(double)
"""


def test_assert_inside_a_check_function_is_run_with_what_comes_before_it() -> None:
    solution = "def double(n):\n    return 2 * n"

    # 1 -> 2 is right, 2 -> 3 is not.
    result = failing_test(with_tests("", CHECK), "def double(n):\n    return n + 1", solution)

    assert result is not None
    assert result[0] == "assert candidate(2) == 2 * size"
    assert failing_test(with_tests("", CHECK), solution, solution) is None


def test_program_that_cannot_run_fails_the_first_test_with_its_reason() -> None:
    result = failing_test(with_tests("", "assert f() == 1\nassert f() == 2"), "def f():\n    return unknown")

    assert result is not None
    assert result[0] == "assert f() == 1"
    assert "NameError" in result[1]


def test_tests_without_asserts_show_nothing() -> None:
    assert failing_test(with_tests("", "f()"), "def f():\n    raise ValueError") is None
