from dataclasses import replace

import numpy as np
import pytest
from race_records import candidate

from goldilocks.selection.experience import Experience, Rung
from goldilocks.selection.loss_posterior import Observation, Posterior

PLAIN = Experience(
    level={"*": 0.0},
    between_data=1.0,
    within_family=0.5,
    within_group=0.0,
    own=0.5,
    base=-1.0,
    rungs={"*": {"0.1": Rung(0.5, 0.5), "0.3": Rung(0.2, 0.2)}},
    probe=Rung(0.0, 0.5),
    spread_freedom=1e6,  # the scale of the spreads is 1 for sure: a plain Gaussian
)
POOL = [candidate("recurrent/lstm/scratch"), candidate("recurrent/gru/scratch"), candidate("cnn/textcnn/scratch")]
LSTM, GRU, CNN = (member.name for member in POOL)


def dense(
    shared: np.ndarray, observations: list[tuple[int, float, float, int | None]]
) -> tuple[np.ndarray, np.ndarray]:
    """The conditional Gaussian by linear algebra: (candidate, y less its bias, own variance, rung or ``None``).

    ``shared`` is the covariance of what candidates share at the rungs.
    """
    same_family = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    prior = 1.0 + 0.25 * same_family + 0.25 * np.eye(3)
    rows = np.array([np.eye(3)[place] for place, *_ in observations])
    rungs = [rung for *_, rung in observations]
    of_rungs = np.array([[0.0 if a is None or b is None else shared[a, b] for b in rungs] for a in rungs])
    total = rows @ prior @ rows.T + of_rungs + np.diag([noise for _, _, noise, _ in observations])
    gain = prior @ rows.T @ np.linalg.inv(total)
    y = np.array([value for _, value, *_ in observations])
    mean = -1.0 + gain @ (y + 1.0)
    return mean, np.sqrt(np.diag(prior - gain @ rows @ prior))


def test_updates_one_by_one_are_the_conditional_gaussian_by_linear_algebra() -> None:
    posterior = Posterior(POOL, replace(PLAIN, shared={"0.1": 0.7, "0.3": 0.3}), 10**9)
    for name, loss, share in ((LSTM, 0.6, 0.1), (CNN, 0.5, 0.1), (CNN, 0.2, 1.0)):
        posterior.observe(Observation(name, loss, share))

    # Counting noise is 1e-3 with so many items; the bias of the first rung is .5, its own spread .5.
    rung = 0.25 + 1e-6
    expected = dense(
        np.diag([0.49]),
        [(0, np.log(0.6) - 0.5, rung, 0), (2, np.log(0.5) - 0.5, rung, 0), (2, np.log(0.2), 1e-6, None)],
    )
    got = posterior.moments()
    assert got[0] == pytest.approx(expected[0], abs=1e-6)
    assert got[1] == pytest.approx(expected[1], abs=1e-6)


def test_rungs_of_a_run_are_off_together() -> None:
    correlated = replace(PLAIN, shared={"0.1": 0.7, "0.3": 0.3}, rung_correlation=0.8)
    posterior = Posterior(POOL, correlated, 10**9)
    for name, loss, share in ((LSTM, 0.6, 0.1), (LSTM, 0.2, 0.3), (CNN, 0.5, 0.1)):
        posterior.observe(Observation(name, loss, share))

    covariance = np.array([[0.49, 0.8 * 0.7 * 0.3], [0.8 * 0.7 * 0.3, 0.09]])
    first, second = 0.25 + 1e-6, 0.04 + 1e-6
    seen: list[tuple[int, float, float, int | None]] = [
        (0, np.log(0.6) - 0.5, first, 0),
        (0, np.log(0.2) - 0.2, second, 1),
        (2, np.log(0.5) - 0.5, first, 0),
    ]
    got, expected = posterior.moments(), dense(covariance, seen)
    assert got[0] == pytest.approx(expected[0], abs=1e-6)
    assert got[1] == pytest.approx(expected[1], abs=1e-6)


def test_steep_start_promises_more_than_where_rungs_are_independent() -> None:
    # A loss that falls by two thirds from a tenth to three tenths of the run, where the bias says by a quarter.
    seen = [
        Observation(LSTM, 0.6, 0.1),
        Observation(LSTM, 0.2, 0.3),
        Observation(GRU, 0.6, 0.1),
        Observation(GRU, 0.2, 0.3),
    ]
    shared = replace(PLAIN, shared={"0.1": 0.7, "0.3": 0.3})
    independent, _ = Posterior(POOL, shared, 1000).given(seen)
    correlated, _ = Posterior(POOL, replace(shared, rung_correlation=0.9), 1000).given(seen)
    assert correlated[0] < independent[0] - 0.05


def test_few_errors_do_not_count_for_more_than_the_many_that_were_expected() -> None:
    # 2 of 300 wrong or 50 of 300 wrong, where about 10 are expected: both are as far off in logarithms.
    few = Posterior(POOL, replace(PLAIN, base=float(np.log(10 / 300)), between_data=0.1), 300)
    before, _ = few.given([])
    after = [few.given([Observation(LSTM, loss, 1.0)])[0][0] - before[0] for loss in (2 / 300, 50 / 300)]
    # At their own counts the noise would be .50 and .09 and 50 would move the mean nearly to itself.
    weights = [abs(move) / np.log(5) for move in after]
    variance = 0.01 + 0.25 + 0.25  # data set, family and own
    noise = [(1 - p) / (300 * p) / 2 for p in (20**0.5 / 300, 500**0.5 / 300)]
    assert weights == pytest.approx([variance / (variance + sampling) for sampling in noise], rel=1e-3)


def test_finished_run_is_known_and_related_candidates_move_more_than_others() -> None:
    before, _ = Posterior(POOL, PLAIN, 10**7).given([])
    after, spread = Posterior(POOL, PLAIN, 10**7).given([Observation(LSTM, 0.8, 1.0)])

    assert after[0] == pytest.approx(np.log(0.8), abs=1e-3)
    assert spread[0] < 0.01
    assert after[1] - before[1] > after[2] - before[2] > 0


def test_kind_that_is_near_its_end_at_a_rung_is_not_moved_by_what_the_others_share() -> None:
    rungs = {"*": {"0.1": Rung(0.0, 0.1), "0.3": Rung(0.0, 0.1)}, "cnn/scratch": {"0.1": Rung(0.0, 0.1, loading=0.0)}}
    seen = [Observation(LSTM, 0.5, 0.1), Observation(CNN, 0.5, 0.1), Observation(LSTM, 0.1, 1.0)]
    mean, _ = Posterior(POOL, replace(PLAIN, shared={"0.1": 1.0}, rungs=rungs), 10**6).given(seen)

    # The LSTM ended far below its early loss; the CNN, whose loading is 0, is still expected near its own.
    assert mean[2] == pytest.approx(np.log(0.5), abs=0.05)


def test_finished_candidate_tells_for_the_others_how_far_their_rung_is_off() -> None:
    rungs = [Observation(LSTM, 0.5, 0.1), Observation(CNN, 0.5, 0.1)]
    shared = replace(PLAIN, shared={"0.1": 1.0}, rungs={"*": {"0.1": Rung(0.0, 0.1), "0.3": Rung(0.0, 0.1)}})
    before, _ = Posterior(POOL, shared, 10**6).given(rungs)
    after, _ = Posterior(POOL, shared, 10**6).given([*rungs, Observation(LSTM, 0.1, 1.0)])

    # The LSTM ended with a fifth of its early loss; where rungs are off together, so nearly will the CNN.
    assert after[2] < before[2] - 0.7
    independent, _ = Posterior(POOL, replace(shared, shared={}), 10**6).given([*rungs, Observation(LSTM, 0.1, 1.0)])
    assert after[2] < independent[2] - 0.5


def test_one_finished_model_tells_how_far_the_probe_is_off_for_the_others() -> None:
    shared = replace(PLAIN, probe_shared=1.0, probe=Rung(0.0, 0.1))
    pool = [candidate("static/t/head_only"), candidate("encoder/m/head_only")]
    probes = [Observation(member.name, 0.4, 0.0) for member in pool]
    finished = [*probes, Observation(pool[0].name, 0.1, 1.0)]
    before, _ = Posterior(pool, shared, 1000).given(probes)
    after, _ = Posterior(pool, shared, 1000).given(finished)
    unshared, _ = Posterior(pool, replace(shared, probe_shared=0.0), 1000).given(finished)

    assert after[1] < before[1] - 0.5
    assert after[1] < unshared[1] - 0.5


def test_spread_between_models_is_learnt_in_the_run() -> None:
    # Seven unrelated models whose log losses lie far apart, or close together, and one that has not run.
    pool = [candidate(f"f{i}/m/scratch") for i in range(8)]
    tailed = replace(PLAIN, spread_freedom=4.0)

    def spread_of_last(step: float) -> float:
        losses = np.exp(-2.0 + step * np.array([-3, -2, -1, 0, 1, 2, 3]))
        seen = [Observation(member.name, loss, 1.0) for member, loss in zip(pool, losses.tolist(), strict=False)]
        return float(Posterior(pool, tailed, 10**6).given(seen)[1][-1])

    assert spread_of_last(0.6) > 2 * spread_of_last(0.1)
    gaussian = Posterior(pool, PLAIN, 10**6)
    assert spread_of_last(0.6) > 1.5 * float(gaussian.given([Observation(m.name, 0.1, 1.0) for m in pool[:-1]])[1][-1])


def test_rung_at_chance_does_not_lower_the_hope_in_others() -> None:
    # The majority answer errs on half of 100 items: its standard error is .05, so .41 is within two of it, .39 is not.
    posterior = Posterior(POOL, PLAIN, 100, chance=0.5)
    before = posterior.moments()

    assert not posterior.observe(Observation(LSTM, 0.41, 0.1))
    assert np.array_equal(posterior.moments(), before)
    assert posterior.observe(Observation(LSTM, 0.39, 0.1))
    assert posterior.moments()[0][1] != before[0][1]


def test_finished_run_at_chance_is_known_but_no_evidence_about_others() -> None:
    posterior = Posterior(POOL, PLAIN, 100, chance=0.5)
    before = posterior.moments()

    posterior.observe(Observation(LSTM, 0.5, 1.0))

    mean, spread = posterior.moments()
    assert mean[0] == pytest.approx(np.log(0.5))
    # counted on 100 items: sqrt(.5 / (.5 * 100)) = .1, of whose variance others share half
    assert spread[0] == pytest.approx(0.1 * 0.5**0.5)
    assert mean[1:] == pytest.approx(before[0][1:])


def test_foresight_is_how_far_the_mean_moves_over_what_may_be_seen() -> None:
    posterior = Posterior(POOL, replace(PLAIN, shared={"0.1": 0.7}), 10**9)
    # y = z + u + noise: covariance with z is its variance 1.5, the variance of y 1.5 + .49 + .25.
    assert posterior.foresight(0.1)[1] == pytest.approx(1.5 / 2.24**0.5, rel=1e-3)
    assert posterior.foresight(1.0)[1] == pytest.approx(1.5**0.5, rel=1e-3)


def test_observation_of_a_candidate_that_is_not_in_the_pool_is_ignored() -> None:
    posterior = Posterior(POOL, PLAIN, 100)
    assert not posterior.observe(Observation("encoder/m/full", 0.1, 1.0))


def test_loss_of_nothing_wrong_counts_as_half_an_item() -> None:
    assert Posterior(POOL, PLAIN, 200).log(0.0) == pytest.approx(np.log(0.5 / 200))


def test_rung_of_a_finished_candidate_tells_of_the_rung_and_not_of_the_candidate() -> None:
    posterior = Posterior(POOL, replace(PLAIN, shared={"0.1": 0.7, "0.3": 0.3}), 10**9)
    before = posterior.moments()

    assert posterior.observe_gap(Observation(LSTM, 0.6, 0.1), 0.2)

    assert np.array(posterior.moments()) == pytest.approx(np.array(before))
    # log 3 above its end where .5 was expected: u moves by .49 / (.49 + .25) of the difference.
    usual, at = 1, len(POOL) + 3  # the scale 1; the first rung of candidates fitted to a share of the rows
    assert posterior.mean[usual, at] == pytest.approx(0.49 / 0.74 * (np.log(3) - 0.5), abs=1e-4)
    posterior.observe(Observation(CNN, 0.6, 0.1))
    left = 0.49 - 0.49**2 / 0.74
    gain = 1.5 / (1.5 + left + 0.25)
    mean = -1.0 + gain * (np.log(0.6) - 0.5 - 0.49 / 0.74 * (np.log(3) - 0.5) + 1.0)
    assert posterior.moments()[0][2] == pytest.approx(mean, abs=1e-4)


def test_joint_prior_holds_the_covariances_of_the_posterior() -> None:
    posterior = Posterior(POOL, replace(PLAIN, shared={"0.1": 0.7, "0.3": 0.3}), 10**9)
    posterior.observe(Observation(LSTM, 0.6, 0.1))

    joint = posterior.joint([CNN, LSTM])

    means, variances = posterior.by_scale()
    assert joint.names == (CNN, LSTM)
    assert joint.means == pytest.approx(means[:, [2, 0]])
    assert joint.covariances[:, [0, 1], [0, 1]] == pytest.approx(variances[:, [2, 0]])
    # 1.0 is shared by all data; the observation of variance 1.5 + .49 + .25 takes 1.0 * 1.5 / 2.24 of it.
    assert joint.covariances[1, 0, 1] == pytest.approx(1.0 - 1.5 / 2.24, abs=1e-4)
