from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from race_records import MACHINE, SPEC, candidate, standings, trial

from goldilocks import plugins
from goldilocks.answers import Answers, of_labels
from goldilocks.errors import BudgetError, InputError, IntegrityError
from goldilocks.records import Candidate, DataProfile, Dataset, Forecast, Part, Pool, Screening, Text, Usage
from goldilocks.select.pace import pace
from goldilocks.select.race import Runner, Setting, race
from goldilocks.select.workspace import Workspace
from goldilocks.support.budget import Clock

GOLD = ("a", "b") * 30


def dataset() -> Dataset:
    part = Part(tuple(f"text {i}" for i in range(60)), GOLD, tuple(range(1, 61)))
    profile = DataProfile({}, {}, {}, {}, "en", {})
    return Dataset(part, part, Part(), ("a", "b"), "f" * 16, profile)


class FakeRun:
    """Answers rightly for as many texts as its skill says, more of them the further it has run."""

    def __init__(self, skill: float, log: list[tuple[str, float]], name: str, share: float = 0.0) -> None:
        self.skill, self.log, self.name, self.share = skill, log, name, share

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        if stop and stop():
            return
        self.log.append((self.name, share))
        self.share = share

    def predict(self, texts: Sequence[Text]) -> Answers:
        right = np.arange(len(texts)) < self.skill * (0.5 + 0.5 * self.share) * len(texts)
        gold = np.array([one == "a" for one in GOLD])
        says_a = np.where(right, gold, ~gold)
        return of_labels(np.stack([says_a, ~says_a], axis=1).astype(np.float32), ("a", "b"))


SKILLS = {"majority/majority/scratch": 0.5, "tfidf_linear/word/scratch": 0.8, "encoder/m/full": 0.95}


def setting(
    folder: Path, log: list[tuple[str, float]], clock: Clock, shares: dict[str, float] | None = None
) -> Setting:
    pool = Pool(tuple(candidate(name) for name in SKILLS), {name: Forecast(1.0, 1e8) for name in SKILLS})
    kept: dict[str, float] = shares if shares is not None else {}

    def start(one: Candidate) -> FakeRun:
        return FakeRun(SKILLS[one.name], log, one.name, kept.get(one.name, 0.0))

    def keep(one: Candidate, run: FakeRun) -> None:
        kept[one.name] = run.share

    return Setting(
        dataset=dataset(),
        pool=pool,
        screening=Screening((), {}, tuple(SKILLS), (), 0.0, "f" * 16),
        spec=SPEC,
        machine=MACHINE,
        metric=plugins.load("metrics", "accuracy"),
        workspace=Workspace(folder),
        start=start,
        keep=keep,
        clock=clock,
        progress=lambda event, details: None,
    )


def test_every_purchase_is_a_line_and_a_file_of_probabilities(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    trials, stopped = race(setting(tmp_path, log, Clock()), plugins.load("policies", "exhaustive"))

    assert len(trials) == 9
    assert stopped == "no further purchase was worth its price"
    assert Workspace(tmp_path).read_trials() == list(trials)
    assert all((tmp_path / one.predictions).exists() for one in trials)
    # .95 of 60 texts are 57, at the end of the run
    assert trials[-1].score.value == pytest.approx(57 / 60)


def test_promoted_runs_go_on_and_are_never_started_again(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    race(setting(tmp_path, log, Clock()), plugins.load("policies", "halving"))

    for name in SKILLS:
        shares = [share for one, share in log if one == name]
        assert shares == sorted(set(shares))


def test_race_goes_on_from_what_is_written(tmp_path: Path) -> None:
    first: list[tuple[str, float]] = []
    shares: dict[str, float] = {}

    class Killed(BaseException):
        pass

    def killer(event: str, details: object) -> None:
        if event == "bought" and len(first) == 4:
            raise Killed

    broken = setting(tmp_path, first, Clock(), shares)
    with pytest.raises(Killed):
        race(replace(broken, progress=killer), plugins.load("policies", "exhaustive"))
    second: list[tuple[str, float]] = []
    trials, _ = race(setting(tmp_path, second, Clock(), shares), plugins.load("policies", "exhaustive"))

    assert len(trials) == 9
    assert first + second == [(name, share) for name in SKILLS for share in (0.1, 0.3, 1.0)]


def test_budget_that_ends_before_anything_is_finished_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="before any candidate was finished; raise --budget"):
        race(setting(tmp_path, [], Clock(budget_seconds=0.0)), plugins.load("policies", "value"))


def test_candidate_that_breaks_falls_out_and_stays_out(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    events: list[str] = []
    good = setting(tmp_path, log, Clock())
    tried: list[str] = []

    def start(one: Candidate) -> FakeRun:
        tried.append(one.name)
        if one.name.startswith("tfidf"):
            raise IntegrityError("its weights are damaged.")
        return FakeRun(SKILLS[one.name], log, one.name)

    broken = replace(good, start=start, progress=lambda event, details: events.append(event))
    for policy in ("exhaustive", "halving", "value", "random"):
        trials, _ = race(broken, plugins.load("policies", policy))

    assert {one.candidate for one in trials} == {"majority/majority/scratch", "encoder/m/full"}
    assert tried.count("tfidf_linear/word/scratch") == events.count("dropped") == 1
    assert Workspace(tmp_path).read_dropped()["tfidf_linear/word/scratch"].reason == "its weights are damaged."


def test_error_that_nobody_raises_on_purpose_ends_the_race(tmp_path: Path) -> None:
    def start(one: Candidate) -> FakeRun:
        raise KeyError(one.name)

    with pytest.raises(KeyError):
        race(replace(setting(tmp_path, [], Clock()), start=start), plugins.load("policies", "exhaustive"))


def test_race_in_which_everybody_falls_out_says_so(tmp_path: Path) -> None:
    def start(one: Candidate) -> FakeRun:
        raise MemoryError

    with pytest.raises(
        InputError,
        match=r"nobody is left: encoder/m/full fell out \(this machine has not the memory.*, as did the others",
    ):
        race(replace(setting(tmp_path, [], Clock()), start=start), plugins.load("policies", "value"))


def test_race_in_which_only_the_baseline_was_finished_says_so(tmp_path: Path) -> None:
    whole = setting(tmp_path, [], Clock())
    pair = ("majority/majority/scratch", "encoder/m/full")

    def start(one: Candidate) -> Runner:
        if one.name == pair[1]:
            raise IntegrityError("damaged.")
        return whole.start(one)

    two = replace(whole, start=start, screening=replace(whole.screening, kept=pair), baselines=("majority",))
    with pytest.raises(
        InputError,
        match=r"^only the baseline majority/majority/scratch was finished: encoder/m/full fell out \(damaged\), see",
    ):
        race(two, plugins.load("policies", "value"))


def test_budget_that_ends_behind_the_baseline_says_so(tmp_path: Path) -> None:
    clock = Clock(budget_seconds=60)
    based = replace(setting(tmp_path, [], clock), baselines=("majority",))

    def spent(event: str, details: object) -> None:
        if event == "bought":
            clock.spent_before = 60.0

    with pytest.raises(
        BudgetError, match="before any candidate but the baseline majority/majority/scratch was finished"
    ):
        race(replace(based, progress=spent), plugins.load("policies", "value"))


def test_endpoint_is_asked_once_to_the_end_and_its_tokens_are_its_price(tmp_path: Path) -> None:
    plain = setting(tmp_path, [], Clock())
    name = "api/m/zero_shot"
    remote = replace(candidate(name), model=replace(candidate(name).model, source="api://h/v1/m"))

    class Asking(FakeRun):
        def predict(self, texts: Sequence[Text]) -> Answers:
            plain.workspace.spending_log(name).add("api://h/v1/m", Usage(len(texts), 600, 60, 3.0))
            return super().predict(texts)

    pool = Pool((remote, *plain.pool.candidates), {**plain.pool.forecasts, name: Forecast(9.0, 1e8)})
    mixed = replace(
        plain,
        pool=pool,
        screening=replace(plain.screening, kept=(name, *SKILLS)),
        start=lambda one: Asking(0.9, [], one.name) if one.name == name else plain.start(one),
    )
    trials, _ = race(mixed, plugins.load("policies", "exhaustive"))

    (asked,) = [one for one in trials if one.candidate == name]
    assert (asked.share, asked.usage) == (1.0, Usage(60, 600, 60, 3.0))
    assert all(one.usage is None for one in trials if one.candidate != name)
    assert Workspace(tmp_path).read_trials() == list(trials)


def test_baselines_of_the_task_are_run_to_the_end_before_all_else(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    based = replace(setting(tmp_path, log, Clock()), baselines=("tfidf_linear", "majority", "not_in_the_pool"))
    dear = {**based.pool.forecasts, "tfidf_linear/word/scratch": Forecast(50.0, 1e8)}

    trials, _ = race(replace(based, pool=replace(based.pool, forecasts=dear)), plugins.load("policies", "halving"))

    assert log[:2] == [("majority/majority/scratch", 1.0), ("tfidf_linear/word/scratch", 1.0)]
    assert trials[1].why == "a baseline of the task: everybody is compared with it"
    assert "encoder/m/full" in {one.candidate for one in trials}


def test_baseline_that_would_take_all_the_budget_is_left_to_the_policy(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    based = replace(setting(tmp_path, log, Clock(budget_seconds=60)), baselines=("tfidf_linear",))
    dear = {**based.pool.forecasts, "tfidf_linear/word/scratch": Forecast(100.0, 1e8)}

    race(replace(based, pool=replace(based.pool, forecasts=dear)), plugins.load("policies", "value"))

    assert log[0] == ("majority/majority/scratch", 1.0)


def test_value_policy_buys_the_cheap_first_and_the_best_at_last(tmp_path: Path) -> None:
    trials, _ = race(setting(tmp_path, [], Clock()), plugins.load("policies", "value"))

    done = [one.candidate for one in trials if one.share == 1]
    assert "encoder/m/full" in done


def test_hopeless_candidate_is_not_worth_its_price() -> None:
    state = standings({"encoder/m/full": 10.0, "recurrent/lstm/scratch": 60.0})
    state.trials += [trial("encoder/m/full", 2, 0.02, 10.0), trial("recurrent/lstm/scratch", 1, 0.6, 10.0)]

    assert plugins.load("policies", "value").choose(state) is None


def test_baselines_of_no_time_are_run_though_the_first_paid_for_imports() -> None:
    cheap = ["extractive/copy/scratch", "extractive/lead/scratch", "extractive/textrank/scratch"]
    state = standings(dict.fromkeys(cheap, 0.12))
    state.trials.append(trial(cheap[0], 2, 0.83, 10.0))

    bought = plugins.load("policies", "value").choose(state)
    assert bought is not None
    assert bought[:2] == (cheap[1], 2)


def test_price_follows_what_was_measured() -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 8.0})
    state.trials.append(trial("encoder/m/full", 0, 0.5, 2.0))

    # a tenth took 2 s where 10 s in all were predicted (1 s): 20 s in all, .9 of it left
    assert state.price("encoder/m/full", 2) == pytest.approx(18.0)


class Idle:
    """A policy that finds nothing worth buying."""

    SOURCE = ""

    def choose(self, race: object) -> None:
        return None


def test_price_knows_that_frozen_layers_run_once() -> None:
    head, other = "encoder/m/head_only", "encoder/m/full"
    state = standings({head: 100.0, other: 100.0})
    state.forecasts = {head: Forecast(100.0, 0.0, once=0.8), other: Forecast(100.0, 0.0)}
    assert state.price(head, 0) == pytest.approx(82)
    assert state.price(head, 2) == pytest.approx(100)

    state.trials.append(trial(head, 0, 0.5, 41.0))  # twice as fast as thought

    assert state.price(head, 2) == pytest.approx(9)
    state.begun_before.add(head)  # resumed: what was kept of the frozen layers is gone
    assert state.price(head, 2) == pytest.approx(9 + 40)
    assert state.price(other, 2) == pytest.approx(100 * pace({head: 41.0}, {head: 82.0}))


def test_cheapest_stands_beside_a_baseline_that_nothing_is_hoped_to_better(tmp_path: Path) -> None:
    based = replace(setting(tmp_path, [], Clock()), baselines=("majority",))

    trials, stopped = race(based, Idle())

    assert [one.candidate for one in trials] == ["majority/majority/scratch", "tfidf_linear/word/scratch"]
    assert stopped == "no further purchase was worth its price"


def test_pool_of_baselines_alone_is_decided_among_them(tmp_path: Path) -> None:
    based = setting(tmp_path, [], Clock())
    alone = replace(based, screening=replace(based.screening, kept=("majority/majority/scratch",)))

    trials, _ = race(alone, plugins.load("policies", "value"))

    assert [one.candidate for one in trials if one.share >= 1] == ["majority/majority/scratch"]
