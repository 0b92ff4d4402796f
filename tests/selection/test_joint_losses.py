import numpy as np
import pytest

from goldilocks.selection.joint_losses import LossPrior, MeasuredLosses, contenders, joint_draws
from goldilocks.selection.seeds import SeedSpread

N_ITEMS = 1_000_000  # so many that a log loss is measured with next to no error


def prior(means: list[float], covariance: list[list[float]]) -> LossPrior:
    names = tuple(f"m{place}" for place in range(len(means)))
    return LossPrior(names, np.zeros(1), np.array([means]), np.array([covariance]))


def measured(
    losses: list[float],
    *,
    n_items: int = N_ITEMS,
    correlation: float = 0.0,
    seed_spread: float = 0.0,
    freedom: float = 1e6,
) -> MeasuredLosses:
    """Of the first candidates of the prior, with the errors of counting."""
    n, rng = len(losses), np.random.default_rng(0)
    values = np.array(losses)
    shared, own = rng.standard_normal((4_000, 1)), rng.standard_normal((4_000, n))
    size = np.sqrt(values * (1 - values) / n_items)
    noise = size * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
    seeds, spread = np.full(n, int(seed_spread > 0)), SeedSpread(seed_spread, freedom)
    return MeasuredLosses(np.arange(n), values, noise, seeds, spread, n_items, bounded=True)


def logs(prior: LossPrior, measured: MeasuredLosses) -> np.ndarray:
    return np.log(joint_draws(prior, measured, 4_000, np.random.default_rng(1)))


def test_unfinished_candidate_moves_with_a_finished_one_as_far_as_they_covary() -> None:
    drawn = logs(prior([np.log(0.2), np.log(0.2)], [[0.3, 0.2], [0.2, 0.3]]), measured([0.1]))

    # Gaussian conditioning: log .2 + .2 / .3 * (log .1 - log .2), variance .3 - .2**2 / .3.
    assert drawn[:, 0].mean() == pytest.approx(np.log(0.1), abs=0.01)
    assert drawn[:, 1].mean() == pytest.approx(np.log(0.2) - 2 / 3 * np.log(2), abs=0.02)
    assert drawn[:, 1].std() == pytest.approx(np.sqrt(0.3 - 0.04 / 0.3), rel=0.05)


def test_error_by_the_training_seed_draws_a_run_towards_its_prior() -> None:
    drawn = logs(prior([np.log(0.2)], [[0.04]]), measured([0.1], seed_spread=0.2))

    assert drawn[:, 0].mean() == pytest.approx((np.log(0.1) + np.log(0.2)) / 2, abs=0.01)  # both weigh the same
    assert drawn[:, 0].std() == pytest.approx(np.sqrt(0.02), rel=0.05)


def test_same_luck_on_the_same_items_leaves_no_doubt_about_the_order() -> None:
    wide = prior([np.log(0.1)] * 2, [[1.0, 0.0], [0.0, 1.0]])

    alone = logs(wide, measured([0.10, 0.12], n_items=300))
    together = logs(wide, measured([0.10, 0.12], n_items=300, correlation=0.98))

    # sd of a log loss of .11 on 300 items is .16; the difference of .18 is .8 or 5.8 standard errors.
    assert (alone[:, 0] < alone[:, 1]).mean() == pytest.approx(0.79, abs=0.05)
    assert (together[:, 0] < together[:, 1]).mean() > 0.97


def test_no_error_in_few_items_is_no_evidence_of_none_in_many() -> None:
    drawn = np.exp(logs(prior([np.log(0.02)], [[0.25]]), measured([0.0], n_items=50)))

    # An error was expected once in 50 items: none halves the loss at most.
    assert 0.01 < np.median(drawn) < 0.02


def test_lead_is_less_sure_where_the_spread_by_the_seed_is_not_known_well() -> None:
    apart = prior([np.log(0.1)] * 2, [[1.0, 0.0], [0.0, 1.0]])

    known = logs(apart, measured([0.10, 0.12], seed_spread=0.06))
    vague = logs(apart, measured([0.10, 0.12], seed_spread=0.06, freedom=1.0))

    # A lead of .18 is 2.1 standard deviations of the difference of two seeds; the spread may be twice as large.
    assert (known[:, 0] < known[:, 1]).mean() == pytest.approx(0.984, abs=0.01)
    assert 0.9 < (vague[:, 0] < vague[:, 1]).mean() < 0.97


def test_scale_that_explains_the_losses_gets_the_weight() -> None:
    narrow, wide = 0.01 * np.eye(4), np.eye(4)
    both = LossPrior(tuple("abcd"), np.zeros(2), np.full((2, 4), np.log(0.1)), np.stack([narrow, wide]))

    far = np.log(joint_draws(both, measured([0.02, 0.3, 0.05]), 2_000, np.random.default_rng(0)))
    near = np.log(joint_draws(both, measured([0.1, 0.101, 0.099]), 2_000, np.random.default_rng(0)))

    assert far[:, 3].std() == pytest.approx(1.0, rel=0.1)  # of the one that was not measured
    assert near[:, 3].std() == pytest.approx(0.1, rel=0.2)


def test_contenders_are_the_lowest_in_order_of_position() -> None:
    assert contenders([3.0, 1.0, 2.0, 5.0], 2).tolist() == [1, 2]
