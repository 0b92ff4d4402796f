from __future__ import annotations

import numpy as np
import pytest

from goldilocks.errors import InputError
from goldilocks.selection.combinations import check_kinds, escalation


def test_threshold_is_between_unsure_errors_and_sure_answers() -> None:
    wrong = np.array([1.0] * 10 + [0.0] * 10)
    escalated = escalation(wrong, np.zeros(20), np.array([0.2] * 10 + [0.9] * 10), 0.3)
    assert 0.2 < escalated.below < 0.9
    assert escalated.asked.tolist() == [True] * 10 + [False] * 10


def test_nothing_is_escalated_where_asking_costs_more_than_it_saves() -> None:
    wrong = np.array([1.0] * 10 + [0.0] * 10)
    escalated = escalation(wrong, np.zeros(20), np.array([0.2] * 10 + [0.9] * 10), 1.5)
    assert not np.isfinite(escalated.below)
    assert not escalated.asked.any()


def test_items_are_judged_under_thresholds_that_others_chose() -> None:
    """One item that alone would be worth escalating does not choose its own threshold."""
    first = np.zeros(50)
    first[7] = 1.0
    sure = np.linspace(0.5, 0.9, 50)
    sure[7] = 0.1
    escalated = escalation(first, np.zeros(50), sure, 0.5)
    assert escalated.below < 0.5
    assert escalated.below > 0.1  # with the item itself: worth it
    assert not escalated.asked[7]  # the other folds have no error to save


def test_unknown_kind_is_refused_with_the_nearest() -> None:
    check_kinds(("ensemble", "soup", "cascade"))
    with pytest.raises(InputError, match=r"combine names 'soups'\. Did you mean 'soup'"):
        check_kinds(("soups",))
