"""Whether a winner is of any use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from race_records import SPEC, candidate, trial
from test_decide import ACCURACY, GOLD, finished, footprint

from goldilocks import plugins
from goldilocks.evaluation.error_cost import loss_rule
from goldilocks.evaluation.trivial_baselines import BaselineAnswers
from goldilocks.records import Answer, Cost, Goal, Objective, Output, Verdict
from goldilocks.selection.decide import decide
from goldilocks.selection.loss_table import Finished
from goldilocks.selection.verdict import VerdictContext, headline, verdict_on

TASK = plugins.load("tasks", "text_classification")
GOAL = Goal(Output.LABEL, ("a", "b"))
BASELINES = BaselineAnswers(
    {"constant": ("a",) * len(GOLD)}, values=("a", "b"), shares=(0.5, 0.5), random=True, notes={}
)


def verdict(
    members: Sequence[Finished], baselines: BaselineAnswers = BASELINES, objective: Objective = SPEC.objective
) -> Verdict:
    rule = loss_rule(objective, TASK, GOAL, ACCURACY, GOLD)
    spec = replace(SPEC, objective=objective)
    choice = decide(members, GOLD, ACCURACY, spec, rule=rule)
    return verdict_on(choice, members, VerdictContext(TASK, "accuracy", GOLD, rule, objective, baselines))


def with_incumbent(answers: Sequence[Answer]) -> BaselineAnswers:
    return replace(BASELINES, answers={**BASELINES.answers, "incumbent": tuple(answers)})


def test_winner_that_is_right_far_more_often_than_a_constant_answer_is_useful() -> None:
    got = verdict([finished("encoder/m/full", range(60), cost=1)])
    assert got.useful
    assert got.needs == ()
    # The constant and random answers are wrong half of the time; the strongest is named.
    assert {comparison.baseline: comparison.loss for comparison in got.comparisons} == {
        "constant": 0.5,
        "random": pytest.approx(0.5, abs=0.01),
    }
    assert got.comparisons[0].winner_loss == pytest.approx(0.15)
    assert headline(got) == ""


def test_winner_that_answers_like_the_constant_is_of_no_use_and_the_headline_says_what_is_needed() -> None:
    got = verdict([finished("majority/m/scratch", range(1, 400, 2), cost=0)])  # every "b" is answered "a"
    assert not got.useful
    assert got.against == "constant"
    assert "0.500 errors per request (a wrong label) against 0.500 by always answering 'a'" in got.reason
    assert headline(got).startswith("No candidate is better than the baseline (constant): 0.500")
    assert "labels:" in headline(got)


def test_gain_that_luck_explains_names_the_rows_that_would_show_it() -> None:
    # 190 wrong against 200 that a constant gets wrong: less than one standard error.
    got = verdict([finished("encoder/m/full", range(190), cost=1)])
    assert not got.useful
    assert "which chance explains" in got.reason
    assert any("validation rows would show a difference this large" in need for need in got.needs)


def test_incumbent_that_is_as_good_is_kept() -> None:
    incumbent = [{"a": "b", "b": "a"}[gold] if i < 62 else gold for i, gold in enumerate(GOLD)]
    got = verdict([finished("encoder/m/full", range(60), cost=1)], with_incumbent(incumbent))
    assert not got.useful
    assert got.against == "incumbent"
    assert headline(got).startswith("Keep the incumbent, no candidate is better: 0.150")
    assert headline(got).lower().count("keep the incumbent") == 1


@pytest.mark.parametrize(("wrong", "learning_helps"), [(0, False), (40, True)])
def test_more_training_rows_are_needed_only_where_the_winner_errs(wrong: int, learning_helps: bool) -> None:
    got = verdict([finished("encoder/m/full", range(wrong), cost=1)], with_incumbent(list(GOLD)))
    assert not got.useful
    assert any("check that the input determines them" in need for need in got.needs) is learning_helps


def test_incumbent_that_is_clearly_worse_is_replaced() -> None:
    incumbent = [{"a": "b", "b": "a"}[gold] if i < 150 else gold for i, gold in enumerate(GOLD)]
    got = verdict([finished("encoder/m/full", range(60), cost=1)], with_incumbent(incumbent))
    assert got.useful
    assert got.against == "incumbent"  # the strongest of the baselines


def test_with_a_matrix_the_constant_is_the_answer_that_costs_least() -> None:
    objective = Objective(error_cost=1.0, error_costs={"b": {"a": 9.0}})
    got = verdict([finished("encoder/m/full", range(4), cost=1)], objective=objective)
    constant = next(comparison for comparison in got.comparisons if comparison.baseline == "constant")
    # Always "b": half of the items cost 1 of at most 9.
    assert constant.answers == "always answering 'b'"
    assert constant.loss == pytest.approx(0.5 / 9)


def test_reviewing_everything_is_a_baseline_where_reviews_have_a_price() -> None:
    objective = Objective(error_cost=1.0, review_cost=0.1)
    member = replace(finished("encoder/m/full", range(200), cost=1), certainty=np.full(400, 0.5))
    got = verdict([member], objective=objective)
    # Half of the answers are wrong and none is surer than another: all are reviewed, which takes no model.
    assert not got.useful
    assert got.against == "review"


def test_program_writer_that_passes_nothing_is_of_no_use() -> None:
    task = plugins.load("tasks", "code_generation")
    metric = plugins.load("metrics", "pass_at_k")
    gold = ["x = 1"] * 30
    goal = Goal(Output.TEXT)
    spec = replace(SPEC, task="code_generation")
    rule = loss_rule(spec.objective, task, goal, metric, gold)
    member = Finished(
        candidate("ngram/m/scratch"),
        trial("ngram/m/scratch", 2, 1.0, 10.0, n=30),
        ("y = 2",) * 30,
        10.0,
        footprint(),
        Cost(1, 0, 0, 0, 0),
    )
    choice = decide([member], gold, metric, spec, rule=rule)
    context = VerdictContext(task, "pass_at_k", gold, rule, spec.objective, BaselineAnswers({}))
    got = verdict_on(choice, [member], context)
    assert not got.useful
    assert got.against == "floor"
    assert got.reason == "its pass_at_k is 0.000, and a useful model must be better than 0"
    assert headline(got).startswith("No candidate is of use: its pass_at_k is 0.000")


def test_text_is_compared_by_its_metric_with_copying() -> None:
    task, metric = plugins.load("tasks", "translation"), plugins.load("metrics", "chrf")
    gold = [f"the house number {i} is green" for i in range(40)]
    copies = tuple(f"das Haus Nummer {i} ist rot" for i in range(40))
    rule = loss_rule(SPEC.objective, task, Goal(Output.TEXT), metric, gold)

    def judged(answers: tuple[str, ...]) -> Verdict:
        member = replace(finished("seq2seq/m/full", range(1), cost=1), answers=answers)
        choice = decide([member], gold, metric, SPEC, rule=rule)
        context = VerdictContext(task, "chrf", gold, rule, SPEC.objective, BaselineAnswers({"copy": copies}))
        return verdict_on(choice, [member], context)

    assert judged(tuple(gold)).useful
    echo = judged(copies)
    assert not echo.useful
    assert echo.against == "copy"
