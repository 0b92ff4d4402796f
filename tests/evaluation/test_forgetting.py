"""Average score, forgetting and backward transfer, worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.evaluation.forgetting import (
    DomainAnswers,
    average_score,
    backward_transfer,
    forgetting,
    forgetting_of,
)
from goldilocks.metrics import accuracy, entity_f1, macro_f1, mae, micro_f1, relation_macro_f1, token_macro_f1
from goldilocks.records import Output

TABLE = np.array([[0.9, 0.5, 0.4], [0.7, 0.8, 0.5], [0.8, 0.6, 0.7]])


def test_measures_of_a_sequence_are_those_of_the_papers() -> None:
    assert average_score(TABLE) == pytest.approx((0.8 + 0.6 + 0.7) / 3)
    # Chaudhry et al. 2018: max(0.9, 0.7) - 0.8 and 0.8 - 0.6. Lopez-Paz & Ranzato 2017: 0.8 - 0.9 and 0.6 - 0.8.
    assert forgetting(TABLE) == pytest.approx((0.1 + 0.2) / 2)
    assert backward_transfer(TABLE) == pytest.approx((-0.1 - 0.2) / 2)


def test_a_score_from_before_a_data_set_was_learnt_is_not_forgotten() -> None:
    assert forgetting(np.array([[0.9, 0.95, 0.0], [0.9, 0.8, 0.0], [0.9, 0.8, 0.7]])) == 0


def test_one_data_set_alone_has_nothing_to_forget() -> None:
    assert forgetting(np.array([[0.9]])) == backward_transfer(np.array([[0.9]])) == 0


def test_table_that_is_not_square_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(1, 2\)"):
        average_score(np.array([[0.9, 0.8]]))


def answers(right: int, rows: int) -> list[str]:
    return ["a"] * right + ["b"] * (rows - right)


def test_update_is_compared_on_the_same_rows() -> None:
    gold = ["a"] * 100
    old = DomainAnswers("april", True, gold, answers(90, 100), answers(80, 100))
    new = DomainAnswers("may", False, gold[:50], answers(25, 50), answers(45, 50))

    result = forgetting_of(accuracy, "test", [old, new])

    assert [domain.name for domain in result.domains] == ["april", "may"]
    assert result.domains[0].change.value == pytest.approx(-0.1)
    assert result.domains[1].change.value == pytest.approx(0.4)
    assert result.average.value == pytest.approx((0.8 + 0.9) / 2)
    assert result.forgetting is not None
    assert result.forgetting.value == pytest.approx(0.1)
    # 10 of 100 rows are lost and none is gained: the standard error is 0.03, and Student's t about 2.
    assert 0.03 < result.forgetting.low < 0.06
    assert 0.14 < result.forgetting.high < 0.18


def test_interval_of_a_difference_stays_within_the_range_of_differences() -> None:
    old = DomainAnswers("april", True, ["a"] * 12, answers(0, 12), answers(11, 12))
    (domain,) = forgetting_of(accuracy, "test", [old]).domains
    assert domain.change.value == pytest.approx(11 / 12)
    assert domain.change.high == 1


def test_without_old_data_forgetting_is_unknown() -> None:
    new = DomainAnswers("may", False, ["a"] * 20, answers(10, 20), answers(20, 20))
    assert forgetting_of(accuracy, "test", [new]).forgetting is None


def test_an_update_that_changes_no_answer_has_an_interval_all_the_same() -> None:
    same = DomainAnswers("april", True, ["a"] * 40, answers(30, 40), answers(30, 40))
    lost = forgetting_of(accuracy, "test", [same]).forgetting
    assert lost is not None
    assert lost.value == 0
    assert lost.low < -0.05 < 0.05 < lost.high


def test_of_an_error_measure_a_rise_is_forgotten() -> None:
    old = DomainAnswers("april", True, [0.0] * 30, [0.1] * 30, [0.3] * 30)
    lost = forgetting_of(mae, "test", [old]).forgetting
    assert lost is not None
    assert lost.value == pytest.approx(0.2)


def test_a_new_label_is_wrong_for_old_rows_but_no_class_of_theirs() -> None:
    gold = ["a"] * 50 + ["b"] * 50
    after = ["weather", *gold[1:]]
    old = DomainAnswers("april", True, gold, gold, after, labels=("a", "b"))
    lost = forgetting_of(macro_f1, "test", [old]).forgetting
    assert lost is not None
    # Not (1 - 98 / 99 + 1) / 3: "weather" is not a class.
    assert lost.value == pytest.approx((1 - 2 * 49 / (49 + 50)) / 2)
    (domain,) = forgetting_of(accuracy, "test", [old]).domains
    assert domain.after.value == pytest.approx(0.99)


def test_a_new_label_beside_the_right_one_is_an_error_too() -> None:
    gold = [("a",), ("a", "b")]
    old = DomainAnswers("april", True, gold, gold, [("a", "weather"), ("a", "b")], labels=("a", "b"))
    assert forgetting_of(macro_f1, "test", [old]).domains[0].after.value == 1  # both classes are right
    assert forgetting_of(micro_f1, "test", [old]).domains[0].after.value == pytest.approx(2 * 3 / (4 + 3))


def test_a_new_tag_is_wrong_for_old_words_but_no_tag_of_theirs() -> None:
    gold = [("B-PER", "O")] * 50
    after = [("B-DRUG", "O"), *gold[1:]]
    old = DomainAnswers("april", True, gold, gold, after, labels=("B-PER", "O"))
    lost = forgetting_of(token_macro_f1, "test", [old]).forgetting
    assert lost is not None
    assert lost.value == pytest.approx((1 - 2 * 49 / (49 + 50)) / 2)  # B-PER lost one word, O none
    (domain,) = forgetting_of(entity_f1, "test", [old]).domains
    assert domain.after.value == pytest.approx(2 * 49 / (50 + 50))  # an entity too many, as everywhere


def test_a_known_relation_in_the_other_direction_still_counts_for_that_relation() -> None:
    gold = ["A(e1,e2)"] * 3 + ["Other"]
    after = ["A(e1,e2)", "A(e2,e1)", "New(e1,e2)", "Other"]
    old = DomainAnswers("april", True, gold, gold, after, labels=("A(e1,e2)", "Other"))
    (domain,) = forgetting_of(relation_macro_f1, "test", [old]).domains
    assert domain.after.value == pytest.approx(
        2 * 1 / (2 + 3)
    )  # one hit; two predicted, the wrong direction among them


@pytest.mark.parametrize(
    "name",
    [name for name in plugins.names("metrics") if plugins.load("metrics", name).OUTPUTS & {Output.LABEL, Output.TAGS}],
)
def test_one_foreign_answer_costs_no_metric_more_than_that_answer(name: str) -> None:
    metric = plugins.load("metrics", name)
    tags = Output.TAGS in metric.OUTPUTS
    gold: list[Any] = [("B-a", "O") if tags else "a"] * 50 + [("B-b", "O") if tags else "b"] * 50
    after = [("B-new", "O") if tags else "new", *gold[1:]]
    labels = ("B-a", "B-b", "O") if tags else ("a", "b")
    lost = forgetting_of(metric, "test", [DomainAnswers("april", True, gold, gold, after, labels=labels)]).forgetting
    assert lost is not None
    assert 0 < lost.value < 0.03
