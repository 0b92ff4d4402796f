from __future__ import annotations

import numpy as np
import pytest

from goldilocks.support.scoring.permutation import selected_p


def test_p_value_is_that_of_all_sign_patterns() -> None:
    # 8 items, better on 7 and worse on 1: of 256 patterns 1 has a sum of 8 and 8 have a sum of 6, so 9 / 256.
    gains = np.array([[1.0]] * 7 + [[-1.0]])
    assert selected_p(gains, 0, draws=20_000) == pytest.approx(9 / 256, abs=0.004)


def test_the_same_gain_proves_less_where_it_was_selected_among_many() -> None:
    rng = np.random.default_rng(0)
    gains = rng.choice([-1.0, 0.0, 1.0], size=(100, 50))
    best = int(np.argmax(gains.sum(axis=0)))

    alone = selected_p(gains[:, [best]], 0)

    assert alone < 0.05
    assert selected_p(gains, best) > 3 * alone


def test_candidate_that_answers_like_the_baseline_or_worse_is_not_better() -> None:
    assert selected_p(np.zeros((30, 2)), 0) == 1.0
    assert selected_p(-np.ones((30, 1)), 0) == 1.0


def test_same_seed_gives_the_same_p_value() -> None:
    gains = np.random.default_rng(1).normal(0.1, 1.0, (60, 3))
    assert selected_p(gains, 1, seed=4) == selected_p(gains, 1, seed=4)
