from __future__ import annotations

import pytest

from goldilocks.answers import of_values
from goldilocks.cli.tables import evaluation_tables
from goldilocks.errors import InputError
from goldilocks.evaluation.evaluation import ErrorAnalysis, evaluate
from goldilocks.evaluation.score import score
from goldilocks.metrics import pass_at_k
from goldilocks.records import Goal, Output, Part
from goldilocks.support.sandbox.harness import with_tests
from goldilocks.support.sandbox.sandbox import protection

_HARNESS = with_tests("def double(x):\n    '''Twice x.'''", "assert double(4) == 8")


def test_rest_of_a_program_passes_however_it_is_handed_over() -> None:
    right = ("    return 2 * x", _HARNESS)
    answers = [
        "    return 2 * x",
        "return 2 * x",
        "    return 2 * x\n\n\ndef other(",  # stopped in the middle
        "def double(x):\n    return x + x\n",
        "Here it is:\n```python\ndef double(x):\n    return x * 2\n```\nIt doubles x.",
    ]
    assert pass_at_k.items([right] * 5, answers)[:, 0].tolist() == [1.0] * 5


def test_wrong_silent_and_escaping_programs_fail() -> None:
    right = ("    return 2 * x", _HARNESS)
    answers = ["    return 3 * x", "", "    import os\n    os._exit(0)", "    raise SystemExit(0)", "I do not know."]
    assert pass_at_k.items([right] * 5, answers)[:, 0].tolist() == [0.0] * 5


def test_first_line_may_have_lost_its_indentation() -> None:
    right = ("", with_tests("def half(x):\n    '''Half of x.'''", "assert half(4) == 2 and half(5) is None"))
    stripped = "import math\n    if x % 2:\n        return None\n    return x // 2"
    assert pass_at_k.items([right], [stripped])[0, 0] == 1


def test_several_samples_count_with_the_share_that_pass() -> None:
    samples = ("    return 2 * x", "    return x", "    return x + x", "    return 0")
    assert score(pass_at_k, [("", _HARNESS)], [samples]) == 0.5


def test_without_tests_the_same_program_in_other_words_passes() -> None:
    gold = ["os.kill(os.getpid(), signal.SIGUSR1)", "x = 'a'", "x = 1"]
    answers = ["os.kill( os.getpid(), signal.SIGUSR1 )  # now", 'x = "a"', "x = "]
    assert pass_at_k.items(gold, answers)[:, 0].tolist() == [1.0, 1.0, 0.0]


def test_programs_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gold, answers = [("x = 5", with_tests("", "assert x == 5"))], ["x = 5 * 1"]
    assert score(pass_at_k, gold, answers) == 1
    monkeypatch.setattr(pass_at_k, "judge", lambda programs: [] if not programs else pytest.fail("run again"))
    assert score(pass_at_k, gold, answers) == 1


def test_estimate_of_larger_k_is_the_share_of_draws_with_a_right_one() -> None:
    # 2 of 4 right; of the 6 pairs one has none.
    assert pass_at_k.estimate(4, 2, 2) == pytest.approx(5 / 6)
    with pytest.raises(InputError, match="draw at least 3 samples"):
        pass_at_k.estimate(2, 1, 3)
    with pytest.raises(InputError, match="1 gold and 2 predicted"):
        pass_at_k.items(["a"], ["a", "b"])


def test_k_tries_at_an_item_are_worth_what_chen_et_al_estimate() -> None:
    # Four samples, one right: of the 6 pairs 3 have it.
    samples = ("x = 1", "x = 2", "x = 3", "x = 4")

    assert score(pass_at_k.at(1), ["x = 1"], [samples]) == pytest.approx(1 / 4)
    assert score(pass_at_k.at(2), ["x = 1"], [samples]) == pytest.approx(1 / 2)
    assert score(pass_at_k.at(2), ["x = 1", "y"], [samples, samples]) == pytest.approx(1 / 4)


def test_evaluation_says_how_programs_were_kept_in() -> None:
    part = Part(("Write x.",), (("x = 5", with_tests("", "assert x == 5")),), (1,))
    got = evaluate(
        of_values(["x = 5"]),
        part,
        Goal(Output.TEXT),
        ["pass_at_k", "exact_match"],
        source=("test", "f"),
        analysis=ErrorAnalysis(lambda text: "en"),
    )
    assert got.conditions == {"pass_at_k": f"programs were run in the sandbox ({protection()})"}
    shown = [evaluation_table for evaluation_table in evaluation_tables(got) if isinstance(evaluation_table, str)]
    assert f"pass_at_k: {got.conditions['pass_at_k']}" in shown
