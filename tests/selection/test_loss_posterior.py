from dataclasses import replace

import numpy as np
import pytest
from race_records import candidate

from goldilocks.selection.loss_posterior import Experience, Observation, Posterior, Rung, improvement

PLAIN = Experience(
    level={"*": 0.0},
    between_data=1.0,
    within_family=0.5,
    within_group=0.0,
    own=0.5,
    base=-1.0,
    rungs={"*": {"0.1": Rung(0.5, 0.5), "0.3": Rung(0.2, 0.2)}},
    probe=Rung(0.0, 0.5),
)
POOL = [candidate("recurrent/lstm/scratch"), candidate("recurrent/gru/scratch"), candidate("cnn/textcnn/scratch")]


def test_finished_run_is_known_and_its_relatives_move_more_than_strangers() -> None:
    before, _ = Posterior(POOL, PLAIN, 10**7).given([])
    after, spread = Posterior(POOL, PLAIN, 10**7).given([Observation(POOL[0].name, 0.8, 1.0)])

    assert after[0] == pytest.approx(np.log(0.8), abs=1e-3)
    assert spread[0] < 0.01
    assert after[1] - before[1] > after[2] - before[2] > 0


def test_posterior_is_the_conditional_gaussian_by_hand() -> None:
    pair = POOL[:1] + POOL[2:]
    mean, spread = Posterior(pair, PLAIN, 10**9).given([Observation(pair[0].name, 0.5, 1.0)])

    # prior: variance 1 + .25 + .25 = 1.5 each, covariance 1 (the data set); noise 1e-6
    gain = 1.0 / 1.5
    assert mean[1] == pytest.approx(-1 + gain * (np.log(0.5) + 1), abs=1e-4)
    assert spread[1] ** 2 == pytest.approx(1.5 - gain, abs=1e-4)


def test_later_rung_replaces_earlier_one() -> None:
    name = POOL[0].name
    only_late = Posterior(POOL, PLAIN, 1000).given([Observation(name, 0.3, 0.3)])
    both = Posterior(POOL, PLAIN, 1000).given([Observation(name, 0.9, 0.1), Observation(name, 0.3, 0.3)])

    assert np.allclose(only_late[0], both[0])


def test_one_finished_model_tells_how_far_the_probe_is_off_for_the_others() -> None:
    shared = replace(PLAIN, probe_shared=1.0, probe=Rung(0.0, 0.1))
    pool = [candidate("static/t/head_only"), candidate("encoder/m/head_only")]
    probes = [Observation(one.name, 0.4, 0.0) for one in pool]
    before, _ = Posterior(pool, shared, 1000).given(probes)
    after, _ = Posterior(pool, shared, 1000).given([*probes, Observation(pool[0].name, 0.1, 1.0)])
    unshared, _ = Posterior(pool, replace(shared, probe_shared=0.0), 1000).given(
        [*probes, Observation(pool[0].name, 0.1, 1.0)]
    )

    # The table ended with a quarter of its probe's loss; so, nearly, will the encoder, if they share that bias.
    assert after[1] < before[1] - 0.5
    assert after[1] < unshared[1] - 0.5


def test_loss_of_nothing_wrong_counts_as_half_an_item() -> None:
    assert Posterior(POOL, PLAIN, 200).log(0.0) == pytest.approx(np.log(0.5 / 200))


def test_improvement_is_the_mean_saving_beyond_the_resolution() -> None:
    rng = np.random.default_rng(0)
    draws = np.exp(-2 + 0.4 * rng.standard_normal(400_000))
    by_simulation = np.maximum(1000 * (0.2 - draws - 0.01) - 3.0, 0).mean()

    got = improvement(-2, 0.4, incumbent=0.2, resolution=0.01, alpha=1000, saving=0.0, cost_gap=3.0)

    assert got == pytest.approx(by_simulation, rel=0.02)


def test_certain_tie_is_worth_only_what_the_cheaper_one_saves() -> None:
    got = improvement(np.log(0.2), 1e-6, incumbent=0.2, resolution=0.01, alpha=1000, saving=5.0, cost_gap=-5.0)

    assert got == pytest.approx(5.0)
