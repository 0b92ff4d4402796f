import numpy as np
import pytest

from goldilocks.selection.savings import chance_below, expected_best, expected_loss, shortfall

DRAWS = np.random.default_rng(0).standard_normal(400_000)


@pytest.mark.parametrize(("bar", "location", "spread"), [(0.2, -2.0, 0.4), (0.05, -2.0, 1.0), (1.3, -0.5, 0.8)])
def test_shortfall_is_the_mean_over_draws(bar: float, location: float, spread: float) -> None:
    losses = np.exp(location + spread * DRAWS)
    # Above 1 the bar counts on losses never to exceed 1.
    by_simulation = np.maximum(bar - np.minimum(losses, 1.0), 0).mean()

    assert shortfall(np.array(bar), np.array(location), np.array(spread)) == pytest.approx(by_simulation, rel=0.02)


def test_nothing_is_saved_against_a_bar_of_nothing() -> None:
    assert shortfall(np.array([0.0, -1.0]), np.array(-2.0), np.array(1.0)) == pytest.approx([0.0, 0.0])


def test_chance_below_is_the_share_of_draws() -> None:
    share = float((np.exp(-2 + 0.5 * DRAWS) < 0.1).mean())
    assert chance_below(np.array(0.1), np.array(-2.0), np.array(0.5)) == pytest.approx(share, abs=0.005)
    assert chance_below(np.array([0.0, 1.0]), np.array(-2.0), np.array(0.5)) == pytest.approx([0.0, 1.0])


def test_expected_loss_never_exceeds_one() -> None:
    by_simulation = np.minimum(np.exp(-0.2 + 1.5 * DRAWS), 1.0).mean()
    assert expected_loss(np.array(-0.2), np.array(1.5**2)) == pytest.approx(by_simulation, rel=0.01)


def test_expected_best_is_the_mean_saving_of_the_best_of_several() -> None:
    rng = np.random.default_rng(1)
    costs, mean, spread = np.array([0.0, 5.0, 40.0]), np.log([0.3, 0.2, 0.1]), np.array([0.1, 0.6, 0.3])
    drawn = costs + 100 * np.exp(mean + spread * rng.standard_normal((400_000, 3)))
    by_simulation = np.maximum(28.0 - drawn.min(axis=1), 0).mean()

    assert expected_best(28.0, costs, 100.0, mean, spread) == pytest.approx(by_simulation, rel=0.02)
    assert expected_best(28.0, costs[:0], 100.0, mean[:0], spread[:0]) == 0.0
