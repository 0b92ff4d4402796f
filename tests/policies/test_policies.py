"""What each policy buys, on a small race whose state is in sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from goldilocks import plugins

RUNGS = (0.1, 0.3, 1.0)


@dataclass
class FakeRace:
    """``protocols.Race`` with everything set by hand."""

    losses_of: dict[str, dict[int, float]]
    values: dict[str, float] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    hurdle_per_second: float = 0.0
    seconds_left: float = 100.0
    seed: int = 0
    rungs: Sequence[float] = RUNGS

    @property
    def candidates(self) -> Sequence[str]:
        return list(self.losses_of)

    def bought(self, candidate: str) -> int:
        return max((rung + 1 for rung in self.losses_of[candidate]), default=0)

    def losses(self, candidate: str) -> Mapping[int, float]:
        return self.losses_of[candidate]

    def forecast(self, candidate: str) -> tuple[float, float]:
        return 0.5, 0.1

    def price(self, candidate: str, rung: int) -> float:
        return self.prices.get(candidate, 10.0) * (
            RUNGS[rung] - (RUNGS[self.bought(candidate) - 1] if self.bought(candidate) else 0)
        )

    def hurdle(self, seconds: float) -> float:
        return self.hurdle_per_second * seconds

    def value(self, candidate: str) -> float:
        return self.values.get(candidate, 0.0)


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


def test_random_follows_its_seed_and_visits_everybody() -> None:
    policy = plugins.load("policies", "random")
    names = [f"c{i}" for i in range(8)]

    def order(seed: int) -> list[str]:
        race = FakeRace({name: {} for name in names}, seed=seed)
        found = []
        while (chosen := policy.choose(race)) is not None:
            race.losses_of[chosen[0]] = dict(DONE)
            found.append(chosen[0])
        return found

    assert sorted(order(1)) == names
    assert order(1) == order(1) != order(2)


def test_value_begins_with_the_cheapest() -> None:
    chosen = plugins.load("policies", "value").choose(FakeRace({"a": {}, "b": {}}, prices={"a": 5.0, "b": 0.1}))
    assert chosen is not None
    assert chosen[:2] == ("b", 2)


def test_value_buys_the_most_saving_first_though_it_takes_longer() -> None:
    # a saves 10 for 10 s, b 30 for 60 s
    race = FakeRace({"a": {}, "b": {}, "c": DONE}, values={"a": 10.0, "b": 30.0}, prices={"a": 10.0, "b": 60.0})
    chosen = plugins.load("policies", "value").choose(race)
    assert chosen is not None
    assert chosen[0] == "b"


def test_value_buys_what_can_be_finished_within_the_budget_first() -> None:
    race = FakeRace({"a": {}, "b": {}, "c": DONE}, values={"a": 10.0, "b": 30.0}, prices={"a": 10.0, "b": 60.0})
    race.seconds_left = 50.0
    chosen = plugins.load("policies", "value").choose(race)
    assert chosen is not None
    assert chosen[0] == "a"


def test_value_passes_over_rungs_that_are_too_near() -> None:
    def rung(price: float) -> int:
        race = FakeRace({"a": {}, "c": DONE}, values={"a": 10.0}, prices={"a": price})
        chosen = plugins.load("policies", "value").choose(race)
        assert chosen is not None
        return chosen[1]

    # rungs at .1, .3 and 1: the first that is at least five seconds away
    assert [rung(price) for price in (100.0, 40.0, 10.0, 1.0)] == [0, 1, 2, 2]


def test_value_buys_all_where_a_look_costs_most_of_it() -> None:
    class Frozen(FakeRace):
        """b's layers are frozen: they run once, before its first rung."""

        def price(self, candidate: str, rung: int) -> float:
            return 80 + 20 * RUNGS[rung] if candidate == "b" else super().price(candidate, rung)

    race = Frozen({"a": DONE, "b": {}}, values={"b": 100.0}, seconds_left=1000)
    bought = plugins.load("policies", "value").choose(race)
    assert bought is not None
    assert bought[:2] == ("b", 2)


def test_value_runs_what_costs_next_to_nothing_though_it_saves_nothing() -> None:
    race = FakeRace({"a": {}, "c": DONE}, values={"a": 0.0}, prices={"a": 0.5}, hurdle_per_second=1.0)
    chosen = plugins.load("policies", "value").choose(race)
    assert chosen is not None
    assert chosen[:2] == ("a", 2)


def test_value_stops_when_no_saving_is_worth_chasing() -> None:
    race = FakeRace({"a": {}, "c": DONE}, values={"a": 0.4}, hurdle_per_second=0.05)  # 10 s at .05 each
    assert plugins.load("policies", "value").choose(race) is None
