from dataclasses import replace

import numpy as np
import pytest
from race_records import candidate, curve, network, standings, trial

from goldilocks.records import Trial
from goldilocks.selection.seeds import SeedPair, depends_on_seed, learnt_spread, movement, pairs_of, saved_by_seed


def repeated(name: str, loss: float, repeat: int = 1) -> Trial:
    return replace(trial(name, 2, loss, 100.0), repeat=repeat)


def test_only_models_trained_by_gradient_descent_depend_on_the_seed() -> None:
    assert depends_on_seed(network("encoder/m/full"))
    assert depends_on_seed(network("encoder/m/head_only"))
    assert not depends_on_seed(network("encoder/m/cosine"))
    assert not depends_on_seed(network("decoder/m/in_context"))
    assert not depends_on_seed(candidate("tfidf_linear/word/scratch"))


def test_spread_of_seeds_is_found_again_with_the_noise_of_the_items_taken_out() -> None:
    rng = np.random.default_rng(0)
    n, true = 2_000, 0.1
    pairs = []
    for _ in range(400):
        rates = 0.2 * np.exp(true * rng.normal(size=2))
        hard = rng.random(n)  # the same items are hard for both seeds
        errors = [(hard < rate).astype(float) for rate in rates]
        errors = [
            np.where(rng.random(n) < 0.1, rng.random(n) < rate, own) for own, rate in zip(errors, rates, strict=True)
        ]
        pairs += pairs_of([float(own.mean()) for own in errors], errors)

    # Without the correction: .1**2 and the counting of the tenth that differs; with it .1 alone.
    assert learnt_spread(0.057, pairs).relative == pytest.approx(true, abs=0.012)
    uncorrected = [SeedPair(pair.first, pair.second, 0.0) for pair in pairs]
    assert learnt_spread(0.057, uncorrected).relative > learnt_spread(0.057, pairs).relative


def test_saving_of_a_seed_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(0)
    expected, moved = np.array([100.0, 104.0, 130.0]), np.array([6.0, 5.0, 5.0])

    saved = saved_by_seed(expected, moved, 0)

    for place in range(3):
        drawn = np.tile(expected, (400_000, 1))
        drawn[:, place] += moved[place] * rng.standard_normal(len(drawn))
        # What is gained over keeping the present choice, whose expectation is unchanged or moves with the draw.
        kept = drawn[:, 0]
        assert saved[place] == pytest.approx(float((kept - drawn.min(axis=1)).mean()), abs=0.02)


def test_another_seed_moves_a_mean_less_the_more_there_are() -> None:
    first, second = movement(0.1, 1e6, np.array([1, 2]))
    # From one run to the mean of two: .1 / root 2; from two to three: .1 * root(1/2 - 1/3).
    assert (first, second) == (pytest.approx(0.1 / 2**0.5), pytest.approx(0.1 * (1 / 2 - 1 / 3) ** 0.5))


def test_close_candidates_are_worth_a_seed_and_distant_ones_are_not() -> None:
    def saving(losses: tuple[float, float]) -> float:
        names = ("encoder/m/full", "encoder/n/full")
        race = standings(
            dict.fromkeys(names, 100.0), [trial(n, 2, x, 100.0) for n, x in zip(names, losses, strict=True)]
        )
        race.seeds = dict.fromkeys(names, 2)
        return float(race.repeats().savings.max())

    assert saving((0.100, 0.101)) > 10 * saving((0.100, 0.140)) > 0


def test_mean_over_the_seeds_takes_the_place_of_the_first_run() -> None:
    names = {"encoder/m/full": 100.0, "encoder/n/full": 100.0}
    lucky = [
        *curve("encoder/m/full", [0.3, 0.2, 0.08], [10, 20, 70]),
        *curve("encoder/n/full", [0.3, 0.2, 0.1], [10, 20, 70]),
    ]
    race = standings(names, lucky)
    race.seeds = dict.fromkeys(names, 2)
    assert race.best == "encoder/m/full"
    assert race.repeats().candidates == ("encoder/m/full", "encoder/n/full")

    race.trials.append(repeated("encoder/m/full", 0.16))

    assert race.losses("encoder/m/full")[2] == pytest.approx(0.12)
    assert race.best == "encoder/n/full"
    assert race.repeats().candidates == ("encoder/n/full",)  # of the other both seeds are bought
    # .057 by prior; the pair adds (.08**2 - items) / (2 * .12**2)
    items = 2 * 0.25 * 0.12 * 0.88 / 400
    assert race.seed_spread.relative == pytest.approx(((0.057**2 + (0.08**2 - items) / (2 * 0.12**2)) / 2) ** 0.5)
    race.trials.pop()
    assert race.best == "encoder/m/full"


def test_seed_that_failed_is_not_offered_again() -> None:
    race = standings(
        {"encoder/m/full": 1.0, "encoder/n/full": 1.0},
        [trial("encoder/m/full", 2, 0.1, 1.0), trial("encoder/n/full", 2, 0.1, 1.0)],
    )
    race.seeds = {"encoder/m/full": 2, "encoder/n/full": 2}
    race.excluded = {"encoder/m/full (seed 2)"}
    assert race.repeats().candidates == ("encoder/n/full",)
