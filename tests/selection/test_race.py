import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from race_records import MACHINE, SPEC, candidate, network

from goldilocks import plugins
from goldilocks.answers import Answers, of_labels
from goldilocks.errors import BudgetError, InputError, IntegrityError
from goldilocks.events import AnswersTooSlow, CandidateFailed, Event, PurchaseFinished, silent
from goldilocks.protocols import Floats, Metric, Policy, Race
from goldilocks.records import Candidate, DataProfile, Dataset, Forecast, Part, Pool, Screening, Text, Usage
from goldilocks.selection.race import race
from goldilocks.selection.race_context import RaceContext
from goldilocks.selection.trials import TrainingRun
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock

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
        numbers = np.array([int(str(text).split()[-1]) for text in texts])
        right = numbers < self.skill * (0.5 + 0.5 * self.share) * len(GOLD)
        gold = np.array([answer == "a" for answer in GOLD])[numbers]
        says_a = np.where(right, gold, ~gold)
        return of_labels(np.stack([says_a, ~says_a], axis=1).astype(np.float32), ("a", "b"))


SKILLS = {"majority/majority/scratch": 0.5, "tfidf_linear/word/scratch": 0.8, "encoder/m/full": 0.95}


def setting(
    folder: Path, log: list[tuple[str, float]], clock: Clock, shares: dict[str, float] | None = None
) -> RaceContext:
    pool = Pool(tuple(candidate(name) for name in SKILLS), {name: Forecast(1.0, 1e8) for name in SKILLS})
    kept: dict[str, float] = shares if shares is not None else {}

    def start(contender: Candidate) -> FakeRun:
        return FakeRun(SKILLS[contender.name], log, contender.name, kept.get(contender.name, 0.0))

    def keep(contender: Candidate, run: FakeRun) -> None:
        kept[contender.name] = run.share

    return RaceContext(
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
        progress=silent,
    )


def test_every_purchase_is_a_line_and_a_file_of_probabilities(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    trials, stopped = race(setting(tmp_path, log, Clock()), plugins.load("policies", "exhaustive"))

    assert len(trials) == 9
    assert stopped == "every remaining candidate has been trained to the end"
    assert Workspace(tmp_path).read_trials() == list(trials)
    assert all((tmp_path / entry.predictions).exists() for entry in trials)
    # .95 of 60 texts are 57, at the end of the run
    assert trials[-1].score.value == pytest.approx(57 / 60)


def test_promoted_runs_go_on_and_are_never_started_again(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    race(setting(tmp_path, log, Clock()), plugins.load("policies", "halving"))

    for name in SKILLS:
        shares = [share for entry, share in log if entry == name]
        assert shares == sorted(set(shares))


def test_race_goes_on_from_what_is_written(tmp_path: Path) -> None:
    first: list[tuple[str, float]] = []
    shares: dict[str, float] = {}

    class Killed(BaseException):
        pass

    def killer(event: Event) -> None:
        if isinstance(event, PurchaseFinished) and len(first) == 4:
            raise Killed

    broken = setting(tmp_path, first, Clock(), shares)
    with pytest.raises(Killed):
        race(replace(broken, progress=killer), plugins.load("policies", "exhaustive"))
    second: list[tuple[str, float]] = []
    trials, _ = race(setting(tmp_path, second, Clock(), shares), plugins.load("policies", "exhaustive"))

    assert len(trials) == 9
    assert first + second == [(name, share) for name in SKILLS for share in (0.1, 0.3, 1.0)]


def test_budget_that_ends_before_anything_is_finished_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        BudgetError, match="was finished; raise --budget and pass --resume, in Python budget and RunSettings"
    ):
        race(setting(tmp_path, [], Clock(budget_seconds=0.0)), plugins.load("policies", "value"))


def test_candidate_that_breaks_is_excluded_and_stays_excluded(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    events: list[Event] = []
    good = setting(tmp_path, log, Clock())
    tried: list[str] = []

    def start(contender: Candidate) -> FakeRun:
        tried.append(contender.name)
        if contender.name.startswith("tfidf"):
            raise IntegrityError("its weights are damaged.")
        return FakeRun(SKILLS[contender.name], log, contender.name)

    broken = replace(good, start=start, progress=events.append)
    for policy in ("exhaustive", "halving", "value", "random"):
        trials, _ = race(broken, plugins.load("policies", policy))

    assert {entry.candidate for entry in trials} == {"majority/majority/scratch", "encoder/m/full"}
    assert tried.count("tfidf_linear/word/scratch") == sum(isinstance(event, CandidateFailed) for event in events) == 1
    assert Workspace(tmp_path).read_failures()["tfidf_linear/word/scratch"].reason == "its weights are damaged."


def test_error_that_is_not_raised_on_purpose_ends_the_race(tmp_path: Path) -> None:
    def start(contender: Candidate) -> FakeRun:
        raise KeyError(contender.name)

    with pytest.raises(KeyError):
        race(replace(setting(tmp_path, [], Clock()), start=start), plugins.load("policies", "exhaustive"))


def test_race_in_which_every_candidate_fails_says_so(tmp_path: Path) -> None:
    def start(contender: Candidate) -> FakeRun:
        raise MemoryError

    with pytest.raises(
        InputError,
        match=r"no candidate is left: encoder/m/full failed \(not enough memory on this machine.*, as did the others",
    ):
        race(replace(setting(tmp_path, [], Clock()), start=start), plugins.load("policies", "value"))


def test_race_in_which_only_the_baseline_was_finished_says_so(tmp_path: Path) -> None:
    whole = setting(tmp_path, [], Clock())
    pair = ("majority/majority/scratch", "encoder/m/full")

    def start(contender: Candidate) -> TrainingRun:
        if contender.name == pair[1]:
            raise IntegrityError("damaged.")
        return whole.start(contender)

    two = replace(whole, start=start, screening=replace(whole.screening, kept=pair), baselines=("majority",))
    with pytest.raises(
        InputError,
        match=r"^only the baseline majority/majority/scratch was finished: encoder/m/full failed \(damaged\), see",
    ):
        race(two, plugins.load("policies", "value"))


def test_budget_that_ends_behind_the_baseline_says_so(tmp_path: Path) -> None:
    clock = Clock(budget_seconds=60)
    based = replace(setting(tmp_path, [], clock), baselines=("majority",))

    def spent(event: Event) -> None:
        if isinstance(event, PurchaseFinished):
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
            asked = len(texts)
            plain.workspace.spending_log(name).add("api://h/v1/m", Usage(asked, 10 * asked, asked, asked / 16))
            return super().predict(texts)

    pool = Pool((remote, *plain.pool.candidates), {**plain.pool.forecasts, name: Forecast(9.0, 1e8)})
    mixed = replace(
        plain,
        pool=pool,
        screening=replace(plain.screening, kept=(name, *SKILLS)),
        start=lambda entry: Asking(0.9, [], entry.name) if entry.name == name else plain.start(entry),
    )
    trials, _ = race(mixed, plugins.load("policies", "exhaustive"))

    (asked,) = [entry for entry in trials if entry.candidate == name]
    assert (asked.share, asked.usage) == (1.0, Usage(60, 600, 60, 3.75))
    assert all(entry.usage is None for entry in trials if entry.candidate != name)
    assert Workspace(tmp_path).read_trials() == list(trials)


def test_a_candidate_that_answers_too_slowly_is_put_aside_and_the_others_race_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, events = "encoder/m/full", list[Event]()

    def in_time(run: FakeRun, texts: Sequence[Text], left: Callable[[], float], *_: object) -> Answers | None:
        assert 0 < left() <= 100
        return None if run.name == name else run.predict(texts)

    monkeypatch.setattr("goldilocks.selection.trials.answers_in_time", in_time)
    setup = replace(setting(tmp_path, [], Clock(budget_seconds=100.0)), progress=events.append)
    trials, stopped = race(setup, plugins.load("policies", "exhaustive"))

    assert {entry.candidate for entry in trials} == {*SKILLS} - {name}
    assert stopped != "the budget ended"
    assert [event.candidate for event in events if isinstance(event, AnswersTooSlow)] == [name]
    assert Workspace(tmp_path).read_failures() == {}  # a resumed search tries it again
    again, _ = race(replace(setup, clock=Clock(budget_seconds=100.0)), plugins.load("policies", "exhaustive"))
    assert again == trials


def test_baselines_of_the_task_are_run_to_the_end_before_all_else(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    based = replace(setting(tmp_path, log, Clock()), baselines=("tfidf_linear", "majority", "not_in_the_pool"))
    dear = {**based.pool.forecasts, "tfidf_linear/word/scratch": Forecast(50.0, 1e8)}

    trials, _ = race(replace(based, pool=replace(based.pool, forecasts=dear)), plugins.load("policies", "halving"))

    assert log[:2] == [("majority/majority/scratch", 1.0), ("tfidf_linear/word/scratch", 1.0)]
    assert trials[1].why == "a baseline of the task: every candidate is compared with it"
    assert "encoder/m/full" in {entry.candidate for entry in trials}


def test_baseline_that_would_take_all_the_budget_is_left_to_the_policy(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    based = replace(setting(tmp_path, log, Clock(budget_seconds=60)), baselines=("tfidf_linear",))
    dear = {**based.pool.forecasts, "tfidf_linear/word/scratch": Forecast(100.0, 1e8)}

    race(replace(based, pool=replace(based.pool, forecasts=dear)), plugins.load("policies", "value"))

    assert log[0] == ("majority/majority/scratch", 1.0)


def test_value_policy_buys_the_cheap_first_and_the_best_at_last(tmp_path: Path) -> None:
    trials, _ = race(setting(tmp_path, [], Clock()), plugins.load("policies", "value"))

    done = [entry.candidate for entry in trials if entry.share == 1]
    assert "encoder/m/full" in done


class Idle:
    """A policy that finds nothing worth buying."""

    SOURCE = ""

    def choose(self, race: object) -> None:
        return None


def test_cheapest_is_run_beside_a_baseline_that_nothing_is_expected_to_improve_on(tmp_path: Path) -> None:
    based = replace(setting(tmp_path, [], Clock()), baselines=("majority",))

    trials, stopped = race(based, Idle())

    assert [entry.candidate for entry in trials] == ["majority/majority/scratch", "tfidf_linear/word/scratch"]
    assert stopped == "the policy found nothing more to buy"


def test_pool_of_baselines_alone_is_decided_among_them(tmp_path: Path) -> None:
    based = setting(tmp_path, [], Clock())
    alone = replace(based, screening=replace(based.screening, kept=("majority/majority/scratch",)))

    trials, _ = race(alone, plugins.load("policies", "value"))

    assert [entry.candidate for entry in trials if entry.share >= 1] == ["majority/majority/scratch"]


def test_trial_that_hangs_fails_alone_and_its_child_processes_are_killed(tmp_path: Path) -> None:
    children: list[subprocess.Popen[str]] = []
    whole = setting(tmp_path, [], Clock())

    class Hanging(FakeRun):
        def advance(self, share: float, **_: object) -> None:
            # a child with a child of its own
            command = ["sh", "-c", "sleep 600 & echo $!; wait"]
            children.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            threading.Event().wait()

    def start(member: Candidate) -> TrainingRun:
        return Hanging(0.9, [], member.name) if member.name.startswith("tfidf") else whole.start(member)

    trials, _ = race(replace(whole, start=start, step_seconds=0.2), plugins.load("policies", "exhaustive"))

    assert {done.candidate for done in trials} == {"majority/majority/scratch", "encoder/m/full"}
    failure = Workspace(tmp_path).read_failures()["tfidf_linear/word/scratch"]
    assert failure.reason.startswith("tfidf_linear/word/scratch, up to 10% of its run: did not end within 0 s;")
    assert children[0].wait() == -signal.SIGKILL
    assert children[0].stdout is not None
    grandchild = Path("/proc", children[0].stdout.readline().strip(), "stat")
    children[0].stdout.close()
    while grandchild.exists() and ") Z " not in grandchild.read_text():  # until the kernel has carried it out
        time.sleep(0.01)


def test_clock_that_jumps_back_neither_lengthens_the_budget_nor_gives_negative_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(np.tile([1000.0, 2000.0, 500.0], 1000).tolist())
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock(budget_seconds=10_000)

    trials, _ = race(setting(tmp_path, [], clock), plugins.load("policies", "exhaustive"))

    assert len(trials) == 9
    assert all(done.seconds >= 0 and done.seconds_per_text >= 0 for done in trials)


def test_candidate_for_whose_answers_the_metric_is_undefined_is_excluded_and_the_others_race_on(
    tmp_path: Path,
) -> None:
    class Undefined:
        """Accuracy that has no value for answers of which none is right."""

        OUTPUTS, HIGHER_IS_BETTER, RANGE, SOURCE, EXAMPLES = frozenset({"label"}), True, (0.0, 1.0), "", ()

        def items(self, gold: Sequence[str], predicted: Sequence[str]) -> Floats:
            return accuracy.items(gold, predicted)

        def total(self, sums: Floats) -> Floats:
            return np.where(sums[:, 0] > 0, sums[:, 0] / sums[:, 1], np.nan)

    accuracy = plugins.load("metrics", "accuracy")
    context = setting(tmp_path, [], Clock(1000.0))
    answers = {"encoder/m/full": 0.0}

    def start(contender: Candidate) -> FakeRun:
        return FakeRun(answers.get(contender.name, SKILLS[contender.name]), [], contender.name)

    trials, _ = race(
        replace(context, metric=cast(Metric, Undefined()), start=start), plugins.load("policies", "exhaustive")
    )

    assert {entry.candidate for entry in trials if entry.share >= 1} == set(SKILLS) - {"encoder/m/full"}
    assert "the metric is not defined for its answers" in context.workspace.read_failures()["encoder/m/full"].reason


class Seeds:
    """A policy that runs all to the end, then buys each seed that is offered."""

    SOURCE = ""

    @staticmethod
    def choose(race: Race) -> tuple[str, int, str] | None:
        last = len(race.rungs) - 1
        name = next((name for name in race.candidates if race.bought(name) <= last), None)
        return (name or race.repeats().candidates[0], last, "") if name or race.repeats().candidates else None


def with_seeds(folder: Path, log: list[tuple[str, float]], kept: dict[str, float] | None = None) -> RaceContext:
    plain = setting(folder, log, Clock(), kept)
    members = tuple(network(entry.name) if "encoder" in entry.name else entry for entry in plain.pool.candidates)

    def repeat(contender: Candidate, number: int) -> FakeRun:
        return FakeRun(SKILLS[contender.name] - 0.1 * number, log, f"{contender.name} with seed {number}")

    return replace(plain, pool=replace(plain.pool, candidates=members), repeat=repeat)


def test_second_seed_is_a_trial_with_answers_of_its_own_beside_the_first(tmp_path: Path) -> None:
    log: list[tuple[str, float]] = []
    kept: dict[str, float] = {}
    trials, _ = race(with_seeds(tmp_path, log, kept), cast(Policy, Seeds))

    encoder = [entry for entry in trials if entry.candidate == "encoder/m/full"]
    assert [entry.repeat for entry in encoder] == [0, 1, 2]  # of the others, which are deterministic, none
    assert len(trials) == 5
    assert len({entry.predictions for entry in encoder}) == 3
    # .95, .85 and .75 of 60 items
    assert [entry.score.value for entry in encoder] == [pytest.approx(x) for x in (57 / 60, 51 / 60, 45 / 60)]
    assert ("encoder/m/full with seed 2", 1.0) in log  # from scratch
    assert set(kept) == set(SKILLS)  # the first run's model stays, and nothing of the others


def test_race_goes_on_behind_a_second_seed(tmp_path: Path) -> None:
    first, _ = race(with_seeds(tmp_path, []), cast(Policy, Seeds))
    lines = Workspace(tmp_path).trials.read_text().splitlines(keepends=True)
    Workspace(tmp_path).trials.write_text("".join(lines[:-1]))
    log: list[tuple[str, float]] = []

    again, _ = race(with_seeds(tmp_path, log), cast(Policy, Seeds))

    assert log == [("encoder/m/full with seed 2", 1.0)]
    assert [entry.repeat for entry in again] == [statement.repeat for statement in first]


def test_second_seed_that_fails_leaves_the_candidate_in_the_race(tmp_path: Path) -> None:
    def broken(contender: Candidate, number: int) -> TrainingRun:
        raise MemoryError

    trials, _ = race(replace(with_seeds(tmp_path, []), repeat=broken), cast(Policy, Seeds))

    assert len(trials) == 3
    assert set(Workspace(tmp_path).read_failures()) == {"encoder/m/full (seed 2)"}
