from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from race_records import SPEC, network, standings, trial
from test_race import FakeRun, setting

from goldilocks.policies import value
from goldilocks.protocols import Policy, Race
from goldilocks.records import Candidate, ShortSchedule
from goldilocks.selection.race import race
from goldilocks.selection.shorter_finish import RunTimes, can_be_shortened, finishes, train_to_end
from goldilocks.selection.standings import Standings
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock

LEADER, CHEAP, WEAK = "encoder/m/full", "naive_bayes/word/scratch", "cnn/t/scratch"


def one(done: float, fixed: float, full: float, left: float, error: float = 0.1) -> tuple[float, float]:
    """Share of the schedule, and seconds, with which a candidate would be finished."""
    times = RunTimes(*(np.array([number]) for number in (done, fixed, full)))
    ends = finishes(times, np.array([5.0]), left, np.array([error]), np.array([True]))
    return float(ends.shares[0]), float(ends.seconds[0])


def test_a_run_that_lacks_seconds_is_given_the_schedule_that_fits() -> None:
    # 70 s would finish it; 55 s are left: 55 / 1.1 - 5 = 45 s of training, which are 45 % of the run beyond .3.
    share, seconds = one(done=0.3, fixed=0.0, full=70.0, left=55.0)
    assert [share, seconds] == pytest.approx([0.75, 45.0])


def test_a_run_that_fits_with_room_to_spare_keeps_its_schedule() -> None:
    assert one(done=0.3, fixed=0.0, full=70.0, left=83.0) == (1.0, 70.0)  # 75 * 1.1 = 82.5


def test_a_run_that_has_not_begun_is_only_shortened_where_it_would_not_fit() -> None:
    assert one(done=0.0, fixed=0.0, full=100.0, left=106.0, error=0.4) == (1.0, 100.0)
    # 88 / 1.1 - 5 = 75 s; frozen layers take 30 of the 100 s, and 45 of the other 70 s are trained.
    share, seconds = one(done=0.0, fixed=30.0, full=100.0, left=88.0, error=0.4)
    assert [share, seconds] == pytest.approx([45 / 70, 75.0])


def test_no_shorter_schedule_is_offered_below_the_shortest() -> None:
    assert one(done=0.3, fixed=0.0, full=70.0, left=14.0) == (1.0, 70.0)  # .377 of it would fit, .4 is the least
    assert one(done=0.0, fixed=0.0, full=100.0, left=59.0, error=0.4) == (1.0, 100.0)  # .486; not begun: .5


def race_with(left: float, *, leader_loss: float = 0.12) -> Standings:
    """A leader at .3 of a run of 100 s, and a weak candidate of 20 s that always fits."""
    seconds = {CHEAP: 0.5, LEADER: 100.0, WEAK: 20.0}
    trials = [
        trial(CHEAP, 2, 0.2, 0.5),
        trial(LEADER, 0, 0.2, 10.0),
        trial(LEADER, 1, leader_loss, 20.0),
        trial(WEAK, 0, 0.49, 2.0),
        trial(WEAK, 1, 0.47, 4.0),
    ]
    made = standings(seconds, trials)
    made.left, made.shortenable = left, {LEADER}
    return made


def test_the_leader_is_finished_with_a_shorter_schedule_before_weak_ones_are_bought() -> None:
    bought = value.choose(race_with(60.0))
    assert bought is not None
    assert bought[:2] == (LEADER, 2)
    assert bought[2].endswith("% of its schedule")

    without = race_with(60.0)
    without.shortenable = ()
    assert (value.choose(without) or ("", 0, ""))[0] != LEADER


def test_a_shorter_schedule_saves_less_and_is_priced_as_what_it_takes() -> None:
    short, whole = race_with(60.0), race_with(1e6)
    share = short.schedule_share(LEADER)
    assert 0.4 < share < 1
    assert whole.schedule_share(LEADER) == 1
    # 30 s less 0.8 s for 800 answers were .3 of the run; at its end there are 400 more.
    assert short.price(LEADER, 2) == pytest.approx(29.2 / 0.3 * (share - 0.3) + 0.4)
    assert 0 < short.value(LEADER) < whole.value(LEADER)
    offered = short.purchases()
    place = offered.candidates.index(LEADER)
    assert offered.savings[place, 2] == pytest.approx(12 * short.value(LEADER))
    assert offered.schedules is not None
    assert offered.schedules.least_savings[place] < offered.savings[place, 2]


def test_a_schedule_that_was_planned_short_is_shortened_again_only_once_begun() -> None:
    made = race_with(60.0)
    made.short_schedules = {LEADER: ShortSchedule(2.0, 3.0, 150.0)}
    assert made.schedule_share(LEADER) < 1
    fresh = standings({LEADER: 100.0})
    fresh.left, fresh.shortenable = 90.0, {LEADER}
    assert fresh.schedule_share(LEADER) < 1
    fresh.short_schedules = made.short_schedules
    assert fresh.schedule_share(LEADER) == 1


def test_what_a_shorter_run_lacks_lies_between_nothing_and_its_rung() -> None:
    made = race_with(60.0)
    places = np.array([1, 1, 1, 1])
    lacking = made.evidence.posterior.remaining(places, np.array([0.1, 0.3, 0.6, 1.0]))
    assert lacking[0] > lacking[1] > lacking[2] > lacking[3] == 0


def test_a_shorter_finish_tells_the_speed_and_is_not_bought_again() -> None:
    made = race_with(60.0)
    made.seeds = {LEADER: 3}
    made.trials.append(replace(trial(LEADER, 2, 0.1, 30.0), schedule_share=0.6))
    assert LEADER not in made.purchases().candidates
    assert made.best == LEADER
    assert LEADER not in made.repeats().candidates  # a second seed would have another schedule
    assert made.evidence.spent[1] == pytest.approx((60 - 1.2) / 0.6)  # 60 s, answers in them, for .6 of the run


@pytest.mark.parametrize(
    ("name", "can"),
    [
        ("encoder/m/full", True),
        ("encoder/m/head_only", True),
        ("decoder/m/zero_shot", False),
    ],
)
def test_only_what_gradient_descent_trains_can_be_shortened(name: str, can: bool) -> None:
    assert can_be_shortened(network(name)) is can


# ---------------------------------------------------------------------------------------------------- under way


class Ticking:
    """A run whose steps each take a second on a clock of its own."""

    def __init__(self, steps: int) -> None:
        self.steps, self.done, self.end, self.now = steps, 0, float(steps), 0.0

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.end)

    @property
    def schedule_share(self) -> float:
        return self.end / self.steps

    def shorten(self, share: float) -> None:
        assert self.done < share * self.steps < self.end
        self.end = share * self.steps

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        while self.share < share and not (stop and stop()):
            self.done, self.now = self.done + 1, self.now + 1.0
            if on_step:
                on_step(self.share)


def trained(steps: int, seconds: float, monkeypatch: pytest.MonkeyPatch, planned: float = 1.0) -> Ticking:
    run = Ticking(steps)
    monkeypatch.setattr(time, "monotonic", lambda: run.now)
    train_to_end(run, planned, lambda: seconds - run.now, lambda _share: None)
    return run


def test_a_run_in_time_has_all_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trained(100, 101.0, monkeypatch).done == 100
    assert trained(100, 1e9, monkeypatch, planned=0.5).done == 50


def test_a_run_that_is_too_slow_ends_in_time_with_fewer_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(100, 60.0, monkeypatch)
    assert run.share == 1
    # After 30 s 30 steps are done: 90 % of the other 30 s are planned to be used.
    assert run.done == pytest.approx(57, abs=1)
    assert run.now <= 60


def test_a_run_that_is_hopelessly_slow_is_left_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(1000, 60.0, monkeypatch)
    assert run.share < 1
    assert run.now == 60


def test_without_a_budget_a_run_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trained(10, float("inf"), monkeypatch).done == 10


# -------------------------------------------------------------------------------------------------------- in a race


class Shortened(FakeRun):
    schedule_share = 1.0

    def shorten(self, share: float) -> None:
        self.log.append((f"{self.name} shortened", share))
        self.schedule_share = share


def test_the_race_records_the_share_of_the_schedule(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    plain = setting(tmp_path, log, Clock(budget_seconds=200.0))
    pool = replace(
        plain.pool,
        candidates=(*plain.pool.candidates[:2], network(LEADER)),
        forecasts={**plain.pool.forecasts, LEADER: replace(plain.pool.forecasts[LEADER], seconds=200.0)},
    )

    class Finish:
        SOURCE = ""

        def choose(self, race_: Race) -> tuple[str, int, str] | None:
            return None if race_.bought(LEADER) > 2 else (LEADER, 2, "")

    def start(contender: Candidate) -> FakeRun:
        return Shortened(0.9, log, contender.name)

    policy: Policy = Finish()
    (bought,), _ = race(replace(plain, pool=pool, start=start), policy)

    assert 0.7 < bought.schedule_share < 0.9  # (200 less the reserve) / 1.1 of 200 s
    assert log[0] == (f"{LEADER} shortened", bought.schedule_share)
    assert Workspace(tmp_path).read_trials()[0].schedule_share == bought.schedule_share

    other = tmp_path / "fixed"  # the number of epochs that a user sets is kept
    spec = replace(SPEC, training={"epochs": 3})
    fixed = replace(plain, pool=pool, start=start, workspace=Workspace(other), spec=spec)
    log.clear()
    (bought,), _ = race(fixed, policy)
    assert bought.schedule_share == 1.0
    assert "shortened" not in log[0][0]
