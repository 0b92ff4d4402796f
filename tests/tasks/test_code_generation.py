from __future__ import annotations

from goldilocks.metrics import pass_at_k
from goldilocks.tasks import code_generation as task


def test_prompt_that_begins_the_program_is_put_in_front_of_the_answer() -> None:
    row = {
        "prompt": "def inc(x):\n    '''Add one.'''\n",
        "solution": "    return x + 1\n",
        "tests": "def check(candidate):\n    assert candidate(1) == 2\n",
        "entry_point": "inc",
    }
    assert task.problem(row) is None
    assert task.item(row) == row["prompt"]
    assert pass_at_k.items([task.gold(row)] * 2, ["    return x + 1", "    return x"])[:, 0].tolist() == [1, 0]


def test_asserts_are_shown_and_the_setup_stands_before_the_program() -> None:
    row = {
        "prompt": "Write inc.",
        "solution": "def inc(x): return x + ONE",
        "tests": ["assert inc(1) == 2"],
        "setup": "ONE = 1",
    }
    assert task.problem(row) is None
    assert task.item(row) == "Write inc.\nYour code should pass these tests:\nassert inc(1) == 2"
    assert pass_at_k.items([task.gold(row)], [str(row["solution"])])[0, 0] == 1


def test_row_without_tests_is_its_solution() -> None:
    row = {"prompt": "sort a list", "solution": "a.sort()"}
    assert (task.problem(row), task.item(row), task.gold(row)) == (None, "sort a list", "a.sort()")


def test_tests_that_are_no_python_are_a_problem() -> None:
    assert task.problem({"prompt": "p", "solution": "s", "tests": "assert ("}) == "tests is not Python"
    assert task.problem({"prompt": "p", "solution": " "}) == "solution is empty"


def test_half_a_character_in_the_setup_is_a_problem() -> None:
    row = {"prompt": "Sum.", "solution": "x = 1", "tests": "assert x", "setup": "y = '\ud800'"}
    assert task.problem(row) == "setup holds half a character (a lone surrogate)"
