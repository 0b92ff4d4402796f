"""What each policy buys, on a small race whose state is in sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from goldilocks import plugins
from goldilocks.protocols import ExplainsStopping, Policy, Purchases, Race, Repeats

RUNGS = (0.1, 0.3, 1.0)


def stopped(policy: Policy, race: Race) -> str:
    """Why the policy stops."""
    assert isinstance(policy, ExplainsStopping)
    return policy.stopped(race)


@dataclass
class FakeRace:
    """``protocols.Race`` with everything set by hand."""

    losses_of: dict[str, dict[int, float]]
    values: dict[str, float] = field(default_factory=dict)
    """Money that every rung of a candidate is expected to save."""
    prices: dict[str, float] = field(default_factory=dict)
    promising: float = 0.0
    again: dict[str, float] = field(default_factory=dict)
    """Finished candidate -> what another seed of it is expected to save."""
    time_error: float = 0.01
    second_price: float = 0.0
    seconds_left: float = 100.0
    restart_seconds: float = 0.0
    reserved: str | None = None
    indifference: float = 0.0
    horizon_months: float = 1.0
    currency: str = "USD"
    seed: int = 0
    rungs: Sequence[float] = RUNGS

    @property
    def candidates(self) -> Sequence[str]:
        return list(self.losses_of)

    def bought(self, candidate: str) -> int:
        return max((rung + 1 for rung in self.losses_of[candidate]), default=0)

    def losses(self, candidate: str) -> Mapping[int, float]:
        return self.losses_of[candidate]

    def parameters(self, candidate: str) -> int:
        return ord(candidate[0])

    def forecast(self, candidate: str) -> tuple[float, float]:
        return 0.5, 0.1

    def price(self, candidate: str, rung: int) -> float:
        return self.prices.get(candidate, 10.0) * max(
            RUNGS[rung] - (RUNGS[self.bought(candidate) - 1] if self.bought(candidate) else 0), 0.0
        )

    @property
    def best(self) -> str | None:
        return next((name for name in self.losses_of if self.bought(name) == len(RUNGS)), None)

    def purchases(self) -> Purchases:
        names = [name for name in self.losses_of if self.bought(name) < len(RUNGS)]
        shape = (len(names), len(RUNGS))
        return Purchases(
            candidates=tuple(names),
            seconds=np.array([[self.price(name, rung) for rung in range(len(RUNGS))] for name in names]).reshape(shape),
            whole=np.array([self.price(name, len(RUNGS) - 1) for name in names]),
            time_error=np.full(len(names), self.time_error),
            savings=np.array([[self.values.get(name, 0.0)] * len(RUNGS) for name in names]).reshape(shape),
            promising=np.full(shape, self.promising),
        )

    def repeats(self) -> Repeats:
        names = tuple(self.again)
        seconds = np.array([self.prices.get(name, 10.0) for name in names])
        return Repeats(names, seconds, np.array([self.again[name] for name in names]))

    def saving_of_all(self, candidates: Sequence[str]) -> float:
        return max((self.values.get(name, 0.0) for name in candidates), default=0.0)


DONE = {0: 0.5, 1: 0.4, 2: 0.3}


def test_halving_takes_the_next_score_of_one_that_was_run_past_a_rung() -> None:
    # Only a third of three goes on: b, whose single score (at the end) is the lowest.
    race = FakeRace({"a": {0: 0.5}, "b": {2: 0.1}, "c": {0: 0.6}})
    assert plugins.load("policies", "halving").choose(race) is None
    assert plugins.load("policies", "halving").choose(FakeRace({"a": {0: 0.2}, "b": {2: 0.3}, "c": {0: 0.6}})) == (
        "a",
        1,
        "rung 2: 1 candidates take part",
    )


def test_exhaustive_buys_every_rung_in_order_and_then_stops() -> None:
    policy = plugins.load("policies", "exhaustive")
    first = policy.choose(FakeRace({"a": DONE, "b": {0: 0.9}}))
    assert first is not None
    assert first[:2] == ("b", 1)
    assert policy.choose(FakeRace({"a": DONE, "b": DONE})) is None


def test_halving_promotes_only_the_better_third() -> None:
    policy = plugins.load("policies", "halving")
    rung_0 = {name: {0: loss} for name, loss in zip("abcdef", (0.6, 0.2, 0.9, 0.4, 0.8, 0.7), strict=True)}
    chosen = policy.choose(FakeRace(rung_0))
    assert chosen is not None
    assert chosen[:2] == ("b", 1)  # six candidates: b and d go on

    rung_0["b"][1] = 0.2
    chosen = policy.choose(FakeRace(rung_0))
    assert chosen is not None
    assert chosen[:2] == ("d", 1)


def test_halving_ends_with_one_finished() -> None:
    policy = plugins.load("policies", "halving")
    assert policy.choose(FakeRace({"a": DONE, "b": {0: 0.9}, "c": {0: 0.8}})) is None


def test_random_follows_its_seed_and_visits_every_candidate() -> None:
    policy = plugins.load("policies", "random")
    names = [f"c{i}" for i in range(8)]

    def order(seed: int) -> list[str]:
        race = FakeRace({name: {} for name in names}, seed=seed)
        result = []
        while (chosen := policy.choose(race)) is not None:
            race.losses_of[chosen[0]] = dict(DONE)
            result.append(chosen[0])
        return result

    assert sorted(order(1)) == names
    assert order(1) == order(1) != order(2)


def test_smallest_first_follows_the_parameters_to_the_last() -> None:
    policy = plugins.load("policies", "smallest_first")
    race = FakeRace({"c": {}, "a": {0: 0.5}, "b": {}})
    order = []
    while (chosen := policy.choose(race)) is not None:
        assert chosen[1] == 2
        race.losses_of[chosen[0]] = dict(DONE)
        order.append(chosen[0])
    assert order == ["a", "b", "c"]


def test_value_begins_with_the_cheapest() -> None:
    chosen = plugins.load("policies", "value").choose(FakeRace({"a": {}, "b": {}}, prices={"a": 5.0, "b": 0.1}))
    assert chosen is not None
    assert chosen[:2] == ("b", 2)


def bought(race: FakeRace) -> tuple[str, int]:
    chosen = plugins.load("policies", "value").choose(race)
    assert chosen is not None
    return chosen[:2]


def test_value_buys_the_most_saving_per_second_first() -> None:
    # a saves 10 in 10 s, b 30 in 60 s; both fit into the budget.
    race = FakeRace({"a": {}, "b": {}, "c": DONE}, values={"a": 10.0, "b": 30.0}, prices={"a": 10.0, "b": 60.0})
    race.promising = 1.0
    race.seconds_left = 100.0
    assert bought(race)[0] == "a"


def test_value_buys_the_single_best_run_where_it_does_not_fit_behind_the_cheap_ones() -> None:
    # Alone b fits into 65 s, behind a it does not.
    race = FakeRace({"a": {}, "b": {}, "c": DONE}, values={"a": 10.0, "b": 30.0}, prices={"a": 10.0, "b": 60.0})
    race.promising, race.seconds_left = 1.0, 65.0
    assert bought(race)[0] == "b"
    race.values["a"] = 31.0
    assert bought(race)[0] == "a"


def test_value_buys_only_what_fits_into_the_budget() -> None:
    race = FakeRace({"a": {}, "b": {}, "c": DONE}, values={"a": 10.0, "b": 3000.0}, prices={"a": 10.0, "b": 60.0})
    race.seconds_left = 50.0
    assert bought(race)[0] == "a"


def test_value_counts_a_saving_as_far_as_its_run_probably_fits() -> None:
    # b saves a little more per second, but a run of 60 s in a budget of 62 may well be cut short.
    race = FakeRace({"a": {}, "b": {}, "c": DONE}, values={"a": 36.0, "b": 66.0}, prices={"a": 35.0, "b": 60.0})
    race.promising, race.seconds_left = 1.0, 62.0
    assert bought(race)[0] == "b"
    race.time_error = 0.4
    assert bought(race)[0] == "a"


def test_value_buys_the_reserved_run_first_once_it_takes_half_of_what_is_left() -> None:
    losses: dict[str, dict[int, float]] = {"a": {}, "b": {}, "c": DONE}
    race = FakeRace(
        losses, prices={"a": 10.0, "b": 50.0}, values={"a": 900.0, "b": 1_000.0}, reserved="b", promising=1.0
    )
    value = plugins.load("policies", "value")
    race.seconds_left = 200.0
    plenty = value.choose(race)
    race.seconds_left = 90.0
    tight = value.choose(race)
    assert plenty is not None
    assert tight is not None
    assert (plenty[0], tight[0]) == ("a", "b")  # ninety dollars a second before twenty, while there is time for both


def test_value_keeps_the_time_that_is_reserved() -> None:
    race = FakeRace({"a": {}, "b": {}, "c": DONE}, values={"a": 1000.0, "b": 1.0}, prices={"a": 50.0, "b": 60.0})
    race.seconds_left = 100.0
    assert bought(race)[0] == "a"
    race.reserved = "b"
    assert bought(race)[0] == "b"


def test_value_passes_over_rungs_that_are_too_near() -> None:
    def rung(price: float) -> int:
        return bought(FakeRace({"a": {}, "c": DONE}, values={"a": 10.0}, prices={"a": price}, seconds_left=1e3))[1]

    # rungs at .1, .3 and 1: the first that is at least five seconds away
    assert [rung(price) for price in (100.0, 40.0, 10.0, 1.1)] == [0, 1, 2, 2]


def test_value_runs_to_the_end_at_once_what_will_be_finished_anyway() -> None:
    race = FakeRace({"a": {}, "c": DONE}, values={"a": 10.0}, prices={"a": 80.0}, seconds_left=1e3)
    race.promising = 1.0
    assert bought(race) == ("a", 2)
    race.promising = 0.1
    assert bought(race) == ("a", 0)


def test_value_runs_what_costs_next_to_nothing_though_it_saves_nothing() -> None:
    race = FakeRace({"a": {}, "c": DONE}, values={"a": 0.0}, prices={"a": 0.5}, second_price=1.0)
    assert bought(race) == ("a", 2)


def test_value_stops_when_no_saving_is_worth_the_wait() -> None:
    value = plugins.load("policies", "value")
    race = FakeRace({"a": {}, "c": DONE}, values={"a": 0.4}, second_price=0.05, promising=1.0)  # 10 s at .05 each
    assert value.choose(race) is None
    assert stopped(value, race) == (
        "the best remaining training run is expected to save 0.4 USD, less than the 0.5 USD that waiting 10 s costs"
    )


def test_second_seed_is_bought_where_it_saves_more_per_second_than_anything_else() -> None:
    race = FakeRace({"a": {}, "b": DONE, "c": DONE}, values={"a": 10.0}, again={"b": 5.0, "c": 20.0})
    assert bought(race) == ("c", 2)  # 20 in 10 s against 10 in 10 s
    race.again = {"b": 5.0, "c": 4.0}
    assert bought(race)[0] == "a"


def test_second_seed_must_be_worth_the_wait_and_fit_beside_the_reserved_run() -> None:
    value = plugins.load("policies", "value")
    race = FakeRace({"a": {}, "b": DONE}, again={"b": 30.0}, second_price=2.0, prices={"a": 50.0})
    assert bought(race) == ("b", 2)  # 3 a second
    race.second_price = 4.0
    assert value.choose(race) is None
    race.second_price, race.seconds_left, race.reserved = 2.0, 55.0, "a"  # 50 of the 55 s are kept for a
    assert value.choose(race) is None


def test_second_seed_is_bought_when_nothing_else_is_left() -> None:
    assert bought(FakeRace({"a": DONE, "b": DONE}, again={"b": 1.0})) == ("b", 2)


def test_second_seed_below_the_indifference_is_not_bought() -> None:
    value = plugins.load("policies", "value")
    race = FakeRace({"a": DONE, "b": DONE}, again={"b": 1.0}, indifference=2.0)
    assert value.choose(race) is None


def test_value_says_how_much_more_time_would_finish_the_next() -> None:
    value = plugins.load("policies", "value")
    race = FakeRace({"a": {}, "b": {}, "c": DONE}, prices={"a": 230.0, "b": 900.0}, seconds_left=50.0)
    assert value.choose(race) is None
    assert (
        stopped(value, race)
        == "2 candidates do not fit into the remaining budget; about 3 min more would finish the next"
    )


def test_value_stops_when_nothing_is_left() -> None:
    assert stopped(plugins.load("policies", "value"), FakeRace({"a": DONE})) == (
        "every remaining candidate has been trained to the end"
    )


def test_halving_says_why_it_stops() -> None:
    halving = plugins.load("policies", "halving")
    assert stopped(halving, FakeRace({"a": DONE})) == "every remaining candidate has been trained to the end"
    assert stopped(halving, FakeRace({"a": DONE, "b": {0: 0.9}})) == "every promoted candidate is finished"
