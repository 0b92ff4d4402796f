"""Posterior draws of many losses on the same items."""

import numpy as np
import pytest

from goldilocks.support.scoring.shrinkage import shrink
from goldilocks.support.scoring.statistics import bootstrap_weights

N, DRAWS = 300, 400
WEIGHTS = bootstrap_weights(N, DRAWS, seed=0).astype(np.float32)


def p_best(errors: np.ndarray) -> np.ndarray:
    """P(lowest loss) of each column of ``errors``, ``(n_items, n_candidates)``."""
    losses = errors.mean(axis=0)
    noise = (WEIGHTS @ errors / N - losses).astype(np.float32)
    drawn = shrink(losses, noise, n_items=N).draws(np.random.default_rng(0))
    return np.bincount(drawn.argmin(axis=1), minlength=len(losses)) / len(drawn)


def test_candidate_without_an_error_is_not_sure_to_be_the_best() -> None:
    # One of 15 made no error in 300 items, the others 2 to 9: without noise of its own it would be sure to win.
    errors = np.zeros((N, 15))
    for column in range(1, 15):
        errors[np.random.default_rng(column).permutation(N)[: 2 + column // 2], column] = 1
    probabilities = p_best(errors)
    assert probabilities.argmax() == 0
    assert probabilities[0] < 0.7
    assert (probabilities[1:4] > 0.02).all()


def test_stated_probabilities_are_those_of_repeated_draws() -> None:
    rng = np.random.default_rng(0)
    stated, best = [], []
    for _ in range(250):
        losses = 0.03 * np.exp(0.4 * rng.standard_normal(12))
        stated.append(p_best((rng.random((N, 12)) < losses).astype(float)))
        best.append(np.arange(12) == losses.argmin())
    p, hit = np.concatenate(stated), np.concatenate(best)
    for low, high in ((0.1, 0.3), (0.3, 0.6), (0.6, 1.01)):
        chosen = (p >= low) & (p < high)
        error = (p[chosen].mean() * (1 - p[chosen].mean()) / chosen.sum()) ** 0.5
        assert hit[chosen].mean() == pytest.approx(p[chosen].mean(), abs=3 * error)


def test_noise_is_that_of_the_posterior_mean_and_half_an_item() -> None:
    rng = np.random.default_rng(1)
    errors = (rng.random((N, 30)) < 0.1).astype(float)
    losses = errors.mean(axis=0)
    noise = (WEIGHTS @ errors / N - losses).astype(np.float32)

    got = shrink(losses, noise, n_items=N)

    # All true losses are equal, so the noise of the luckiest is that of the mean, not of its own share.
    luckiest = losses.argmin()
    wanted = (losses.mean() * (1 - losses.mean()) / N + (0.5 / N) ** 2) ** 0.5
    assert got.noise[:, luckiest].std() == pytest.approx(wanted, rel=0.1)
    assert noise[:, luckiest].std() < 0.85 * wanted


def test_one_candidate_without_errors_has_an_interval() -> None:
    got = shrink(np.zeros(1), np.zeros((DRAWS, 1), np.float32), n_items=N)
    assert got.draws(np.random.default_rng(0)).std() == pytest.approx(
        (0.5 / N * (1 - 0.5 / N) / N + (0.5 / N) ** 2) ** 0.5, rel=0.1
    )


def test_values_that_are_no_shares_keep_the_noise_they_are_given() -> None:
    noise = np.random.default_rng(0).standard_normal((DRAWS, 3)).astype(np.float32)
    assert shrink(np.array([1.0, 2.0, 5.0]), noise).noise is noise
