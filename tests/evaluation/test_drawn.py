from __future__ import annotations

import pytest

from goldilocks.evaluation.drawn import drawn_scores
from goldilocks.metrics import pass_at_k


def test_each_k_there_are_samples_for_is_reported_with_its_interval() -> None:
    # Of six samples of the first item two are right, of the second none.
    samples = [["x = 1", "no"], ["x = 2", "no"], ["x = 1", "no"], ["", "no"], ["", "no"], ["", "no"]]

    result = drawn_scores("pass_at_k", pass_at_k, ["x = 1", "y = 2"], samples)

    assert list(result) == ["pass_at_1", "pass_at_5", "pass_at_6"]
    # One try: 2/6. Five tries leave out one sample, so that a right one is always among them.
    assert result["pass_at_1"].value == pytest.approx((2 / 6 + 0) / 2)
    assert result["pass_at_5"].value == pytest.approx((1 + 0) / 2)
    assert result["pass_at_6"].value == pytest.approx((1 + 0) / 2)
    # Two items, one solved: Wilson's interval of 1 of 2.
    assert (result["pass_at_5"].low, result["pass_at_5"].high) == pytest.approx((0.0945, 0.9055), abs=1e-4)
