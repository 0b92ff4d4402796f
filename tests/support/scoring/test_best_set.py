from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from goldilocks.support.scoring.best_set import best_set, paired_errors, selection_error
from goldilocks.support.scoring.shrinkage import shrink


def normal_noise(k: int, draws: int = 4000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((draws, k)).astype(np.float32)


def test_candidate_far_behind_is_excluded_and_a_close_one_is_not() -> None:
    got = best_set(np.array([5.0, 5.5, 12.0]), normal_noise(3))
    assert got.members.tolist() == [True, True, False]
    assert got.statistic == pytest.approx([0, 0.5 / 2**0.5, 7 / 2**0.5], rel=0.05)


def test_critical_value_grows_with_the_number_of_candidates_as_dunnetts_does() -> None:
    # Dunnett's one-sided test against one of k: for independent errors of equal size the largest of k - 1 differences,
    # which are correlated one half. Quantiles at 1 - .035 by scipy's multivariate normal distribution.
    for k in (2, 5):
        noise = normal_noise(k, 40_000)
        result = best_set(np.zeros(k), noise).critical
        covariance = 0.5 * np.eye(k - 1) + 0.5

        def miss(z: float, covariance: np.ndarray = covariance, k: int = k) -> float:
            return float(stats.multivariate_normal(cov=covariance).cdf(np.full(k - 1, z))) - 0.965

        grid = np.linspace(1.5, 3, 301)
        exact = grid[np.argmin([abs(miss(z)) for z in grid])]
        assert result == pytest.approx(exact, abs=0.05)


def test_equal_candidates_are_all_in_the_best_set_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    noise = normal_noise(30, 1000)
    kept = [best_set(rng.standard_normal(30), noise).members[0] for _ in range(400)]
    # Level 3.5 %; the share of 400 is known to ± 2 points.
    assert np.mean(kept) >= 0.94


def test_identical_answers_are_never_distinguished_but_by_their_value() -> None:
    noise = np.repeat(normal_noise(1), 3, axis=1)
    got = best_set(np.array([1.0, 1.0, 1.1]), noise)
    assert got.members.tolist() == [True, True, False]
    assert got.p_values[2] < 0.001


def test_paired_errors_are_those_of_the_differences() -> None:
    noise = normal_noise(2)
    noise = np.concatenate([noise, noise[:, :1]], axis=1)
    assert paired_errors(noise) == pytest.approx(
        np.array([[0, 2**0.5, 0], [2**0.5, 0, 2**0.5], [0, 2**0.5, 0]]), rel=0.05
    )


def test_posterior_means_move_together_by_at_most_half_a_standard_error() -> None:
    rng = np.random.default_rng(2)
    estimates = rng.standard_normal(50)  # all differences are noise
    got = shrink(estimates, normal_noise(50))
    assert np.abs(got.mean - estimates).max() == pytest.approx(0.5, rel=0.1)
    assert np.ptp(got.mean) < np.ptp(estimates)
    assert np.ptp(got.truth) < 0.6 * np.ptp(estimates)
    two = np.array([0.0, 1.0])
    assert shrink(two, normal_noise(2)).mean.tolist() == two.tolist()


def test_differences_far_above_the_noise_are_kept() -> None:
    estimates = np.arange(10.0) * 100
    got = shrink(estimates, normal_noise(10))
    assert got.mean == pytest.approx(estimates, abs=0.1)
    drawn = got.draws(np.random.default_rng(0))
    assert drawn.mean(axis=0) == pytest.approx(estimates, abs=0.2)
    assert drawn.std(axis=0) == pytest.approx(np.ones(10), rel=0.1)


def test_without_a_selection_the_winners_interval_is_the_usual_one() -> None:
    noise = normal_noise(3)
    far = shrink(np.array([0.0, 1000.0, 2000.0]), noise)
    assert selection_error(noise, far, np.zeros(3)) == pytest.approx(1.96, abs=0.12)


def test_best_of_forty_equal_candidates_is_corrected_for_the_selection() -> None:
    noise = normal_noise(40)
    equal = shrink(np.zeros(40), noise)
    # The lowest of 40 standard normal variables lies further below 0 than this in 2.5 %: 1 - .975**(1/40) = .00063.
    assert selection_error(noise, equal, np.zeros(40)) == pytest.approx(stats.norm.isf(1 - 0.975 ** (1 / 40)), abs=0.15)
