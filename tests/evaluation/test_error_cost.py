"""What one error is by kind of output, the matrix of costs, and reviews."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.answers import of_labels, of_values
from goldilocks.errors import InputError
from goldilocks.evaluation.error_cost import LossRule, loss_rule
from goldilocks.records import Goal, Objective, Output

ACCURACY = plugins.load("metrics", "accuracy")


def rule_of(task: str, gold: Sequence[Any], objective: Objective, *labels: str, metric: str = "") -> LossRule:
    plugin = plugins.load("tasks", task)
    goal = Goal(plugin.OUTPUT, labels, plugin.SEVERAL)
    return loss_rule(objective, plugin, goal, plugins.load("metrics", metric or plugin.METRICS[0]), gold)


def losses(task: str, gold: Sequence[Any], predicted: Sequence[Any], *labels: str) -> list[float]:
    return list(map(float, rule_of(task, gold, Objective(), *labels).item_losses(gold, predicted)))


def test_error_of_a_label_is_a_wrong_one_and_of_several_a_set_that_is_not_right() -> None:
    assert losses("text_classification", ["a", "b"], ["a", "a"], "a", "b") == [0.0, 1.0]
    several = losses("multi_label_classification", [("a", "b"), ("a",), ()], [("b", "a"), ("a", "b"), ()], "a", "b")
    assert several == [0.0, 1.0, 0.0]


def test_errors_of_tags_are_missed_and_spurious_entities_and_of_parts_of_speech_wrong_tokens() -> None:
    gold, predicted = [("B-PER", "I-PER", "O", "B-LOC")], [("B-PER", "I-PER", "B-LOC", "B-ORG")]
    # LOC 3-4 is missed; LOC 2-3 and ORG 3-4 are spurious.
    assert losses("ner", gold, predicted) == [3.0]
    assert losses("pos_tagging", gold, predicted) == [2.0]


def test_error_of_a_span_is_no_exact_match_and_of_a_ranking_a_first_item_that_is_not_relevant() -> None:
    assert losses("extractive_qa", [((0, "The Rhine"),), ()], ["rhine.", "Bonn"]) == [0.0, 1.0]
    ranked = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 1.0, 0.0)]
    assert losses("matching", ranked, [(0.9, 0.1, 0.0), (0.9, 0.1, 0.0), (0.5, 0.5, 0.0)]) == [0.0, 1.0, 0.5]


def test_text_is_priced_by_the_points_of_its_metric() -> None:
    rule = rule_of("translation", ["a b c d"], Objective(point_cost=0.002), metric="chrf")
    assert rule.count is None
    # A hundredth costs .002, so all 100 cost .2 in each of 1,000 requests.
    assert Objective(point_cost=0.002, requests_per_month=1_000).alpha == pytest.approx(200)
    assert rule.loss(["a b c d"], of_values(["a b c d"])) == pytest.approx(0.0)
    assert Objective(error_cost=0.05, requests_per_month=1_000).alpha == pytest.approx(50)


COSTS = Objective(error_cost=1.0, error_costs={"fraud": {"legit": 9.0}})


def test_answers_minimise_the_expected_cost_of_errors() -> None:
    rule = rule_of("text_classification", ["fraud"], COSTS, "fraud", "legit")
    given = of_labels(np.array([[0.2, 0.8], [0.05, 0.95]]), ("fraud", "legit"))

    answers = rule.answers(given)

    # "legit" is expected to cost .2 · 9 = 1.8 and "fraud" .8 · 1; then .45 against .95.
    assert answers.values == ("fraud", "legit")
    assert answers.scores.tolist() == pytest.approx([0.2, 0.95])
    # One dearest error of 9: all of it and a ninth of it.
    assert rule.item_losses(["fraud", "legit"], ["legit", "fraud"]).tolist() == pytest.approx([1.0, 1 / 9])
    assert COSTS.unit_cost == 9.0


def test_item_without_an_answer_costs_the_dearest_error_of_its_label() -> None:
    rule = rule_of("text_classification", ["fraud"], COSTS, "fraud", "legit")
    assert rule.item_losses(["fraud"], ["(no label)"]).tolist() == [1.0]


def test_threshold_of_review_has_the_lowest_cost_and_the_loss_is_cross_fitted() -> None:
    gold = ["a"] * 100
    wrong = ["b" if i % 5 == 0 else "a" for i in range(100)]
    sure = np.array([0.4 if i % 5 == 0 else 0.9 for i in range(100)])
    rule = rule_of("text_classification", gold, Objective(error_cost=1.0, review_cost=0.25), "a", "b")

    got = rule.reviewed(rule.item_losses(gold, wrong), sure)

    # The 20 unsure ones are all wrong: a review costs a quarter of an error.
    assert got.below == pytest.approx(0.65)
    assert got.share == pytest.approx(0.2)
    assert got.losses.mean() == pytest.approx(0.2 * 0.25)


def test_review_dearer_than_an_error_is_never_asked_for() -> None:
    rule = rule_of("text_classification", ["a"], Objective(error_cost=1.0, review_cost=1.5), "a", "b")
    got = rule.reviewed(np.ones(20), np.linspace(0, 1, 20))
    assert got.below is None
    assert got.losses.mean() == 1.0


def test_cross_fitted_loss_is_not_below_that_of_noise() -> None:
    rng = np.random.default_rng(0)
    rule = rule_of("text_classification", ["a"], Objective(error_cost=1.0, review_cost=0.5), "a", "b")
    means = [rule.reviewed(rng.integers(0, 2, 60).astype(float), rng.random(60)).losses.mean() for _ in range(400)]
    # Certainty says nothing, and both an answer and a review cost .5: nothing can be gained.
    assert np.mean(means) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("task", "objective", "words"),
    [
        ("text_classification", Objective(error_costs={"frud": {"legit": 5.0}}), "'frud'.*Did you mean 'fraud'"),
        ("text_classification", Objective(error_costs={"fraud": {"legitt": 5.0}}), "'legitt'.*Did you mean 'legit'"),
        ("text_classification", Objective(point_cost=0.1), "here an error is a wrong label: write error_cost"),
        ("multi_label_classification", Objective(error_costs={"fraud": {"legit": 5.0}}), "is for single labels"),
        ("translation", Objective(error_costs={"fraud": {"legit": 5.0}}), "error_costs needs errors to count"),
        ("translation", Objective(review_cost=1.0), "review_cost needs errors to count"),
    ],
)
def test_prices_that_do_not_fit_the_task_are_refused(task: str, objective: Objective, words: str) -> None:
    with pytest.raises(InputError, match=words):
        rule_of(task, ["x"], objective, "fraud", "legit")


def test_output_of_scores_is_a_ranking_only_where_there_are_lists() -> None:
    assert plugins.load("tasks", "similarity").OUTPUT is Output.SCORE
    assert rule_of("similarity", [0.5, 1.0], Objective()).count is None
