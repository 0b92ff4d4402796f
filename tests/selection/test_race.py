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
from race_records import MACHINE, SPEC, candidate, network, standings, trial

from goldilocks import plugins
from goldilocks.answers import Answers, of_labels
from goldilocks.errors import BudgetError, InputError, IntegrityError
from goldilocks.events import AnswersTooSlow, CandidateFailed, Event, PurchaseFinished, silent
from goldilocks.protocols import ExplainsStopping, Floats, Metric, Policy, Race
from goldilocks.records import Candidate, DataProfile, Dataset, Forecast, Part, Pool, Prices, Screening, Text, Usage
from goldilocks.selection.loss_posterior import Observation, Posterior
from goldilocks.selection.race import race
from goldilocks.selection.race_context import RaceContext
from goldilocks.selection.time_correction import time_ratio
from goldilocks.selection.trials import TrainingRun
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock

GOLD = ("a", "b") * 30


def stopped(policy: Policy, race: Race) -> str:
    """Why the policy stops."""
    assert isinstance(policy, ExplainsStopping)
    return policy.stopped(race)


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


def test_candidate_that_could_not_answer_the_test_part_in_time_does_not_fit() -> None:
    value = plugins.load("policies", "value")
    state = standings({"naive_bayes/word/scratch": 1.0, "encoder/m/full": 60.0})
    state.trials.append(trial("naive_bayes/word/scratch", 2, 0.4, 1.0))
    state.left = 100.0
    bought = value.choose(state)
    assert bought is not None
    assert bought[0] == "encoder/m/full"

    state.after = {"encoder/m/full": 50.0}  # 60 s to its end and 50 s for the test part

    assert value.choose(state) is None
    assert stopped(value, state).startswith("1 candidate does not fit into the remaining budget; about 8 s")


def test_hopeless_candidate_is_not_worth_its_price() -> None:
    value = plugins.load("policies", "value")
    state = standings({"encoder/m/full": 10.0, "recurrent/lstm/scratch": 60.0})
    state.trials += [trial("encoder/m/full", 2, 0.02, 10.0), trial("recurrent/lstm/scratch", 1, 0.6, 10.0)]

    assert value.choose(state) is None
    assert stopped(value, state).startswith("the best remaining training run is expected to save")


def test_what_waiting_costs_decides_whether_a_small_hope_is_bought() -> None:
    def chosen(waiting_hour: float) -> tuple[str, int, str] | None:
        state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 60.0})
        state.spec = replace(SPEC, prices=Prices(waiting_hour=waiting_hour))
        state.trials.append(trial("encoder/m/full", 2, 0.1, 10.0))
        return plugins.load("policies", "value").choose(state)

    cheap, dear = chosen(5.0), chosen(1e7)
    assert cheap is not None
    assert cheap[0] == "encoder/m/lora"
    assert dear is None


def test_expected_regret_below_the_indifference_ends_the_race() -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 60.0})
    state.trials.append(trial("encoder/m/full", 2, 0.1, 10.0))
    value = plugins.load("policies", "value")
    assert value.choose(state) is not None

    # all of J is 1,000 USD a month: 10,000 for a loss of 1, of which a tenth is wrong
    state.spec = replace(SPEC, objective=replace(SPEC.objective, indifference=900.0))

    assert value.choose(state) is None
    assert stopped(value, state).endswith("a month, is below the indifference stated")


def test_candidates_that_do_not_fit_are_named_as_the_reason() -> None:
    state = standings({"naive_bayes/word/scratch": 2.0, "encoder/m/full": 300.0, "encoder/m/lora": 200.0})
    state.trials.append(trial("naive_bayes/word/scratch", 2, 0.3, 2.0))
    state.left = 100.0
    value = plugins.load("policies", "value")

    assert value.choose(state) is None
    # lora needs 200 s; its footprint is among what is reserved
    assert state.seconds_left == 100.0
    assert (
        stopped(value, state)
        == "2 candidates do not fit into the remaining budget; about 2 min more would finish the next"
    )
    state.restart_seconds = 120.0  # of which a resumed run takes so much before its race
    assert (
        stopped(value, state)
        == "2 candidates do not fit into the remaining budget; about 4 min more would finish the next"
    )


def test_single_candidate_is_run_and_then_nothing_is_left() -> None:
    state = standings({"encoder/m/full": 10.0})
    value = plugins.load("policies", "value")
    assert value.choose(state) == ("encoder/m/full", 2, "the cheapest candidate comes first, as a reference")

    state.trials.append(trial("encoder/m/full", 2, 0.1, 10.0))

    assert value.choose(state) is None
    assert stopped(value, state) == "every remaining candidate has been trained to the end"


def test_equal_candidates_are_ordered_by_parameters_and_then_by_name() -> None:
    state = standings(dict.fromkeys(["encoder/b/full", "encoder/a/full"], 10.0))
    state.trials += [trial("encoder/b/full", 2, 0.1, 10.0), trial("encoder/a/full", 2, 0.1, 10.0)]

    assert state.best == "encoder/a/full"


@pytest.mark.parametrize("error_cost", [0.0, 1e30])
def test_extreme_prices_of_an_error_give_finite_values(error_cost: float) -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 60.0})
    state.spec = replace(SPEC, objective=replace(SPEC.objective, error_cost=error_cost))
    state.trials.append(trial("encoder/m/full", 2, 0.1, 10.0))

    offered = state.purchases()
    assert np.isfinite(offered.savings).all()
    assert (plugins.load("policies", "value").choose(state) is None) == (error_cost == 0)


def test_trial_with_an_absurd_time_does_not_make_prices_absurd() -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 10.0})
    state.trials.append(trial("encoder/m/full", 0, 0.5, -50.0))
    assert state.price("encoder/m/lora", 2) > 0
    state.trials.append(trial("encoder/m/full", 1, 0.5, float("inf")))
    assert state.price("encoder/m/lora", 2) < 100


def test_time_is_reserved_for_the_pretrained_candidate_with_the_best_forecast() -> None:
    seconds = {"naive_bayes/word/scratch": 1.0, "encoder/m/full": 60.0, "cnn/textcnn/scratch": 70.0}
    state = standings(seconds)
    state = replace(state, pool=[with_source(member) for member in state.pool])
    state.trials.append(trial("naive_bayes/word/scratch", 2, 0.3, 1.0))
    state.left = 100.0
    assert state.reserved == "encoder/m/full"

    # 100 s would do for the CNN, or for the encoder, but not for both.
    chosen = plugins.load("policies", "value").choose(state)
    assert chosen is not None
    assert chosen[0] == "encoder/m/full"

    state.trials.append(trial("encoder/m/full", 2, 0.1, 60.0))
    assert state.reserved is None


def with_source(member: Candidate) -> Candidate:
    """The same; encoders are pretrained."""
    source = "pypi://p/m" if member.model.family == "encoder" else "builtin"
    return replace(member, model=replace(member.model, source=source))


def test_baselines_that_take_no_time_are_run_though_the_first_paid_for_imports() -> None:
    cheap = ["extractive/copy/scratch", "extractive/lead/scratch", "extractive/textrank/scratch"]
    state = standings(dict.fromkeys(cheap, 0.12))
    state.trials.append(trial(cheap[0], 2, 0.83, 10.0))

    bought = plugins.load("policies", "value").choose(state)
    assert bought is not None
    assert bought[:2] == (cheap[1], 2)


def test_price_follows_what_was_measured() -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 8.0})
    state.trials.append(replace(trial("encoder/m/full", 0, 0.5, 2.0), seconds_per_text=0.0))

    # a tenth took 2 s where 10 s in all were predicted (1 s): 20 s in all, .9 of it left
    assert state.price("encoder/m/full", 2) == pytest.approx(18.0)


def test_families_that_have_not_run_are_taken_to_be_slowed_like_those_that_have() -> None:
    state = standings({"cnn/textcnn/scratch": 95.0, "encoder/m/full": 100.0})
    assert state.price("encoder/m/full", 2) == pytest.approx(100)

    # (395 + 5) / (95 + 5): four times as long
    state.trials.append(replace(trial("cnn/textcnn/scratch", 2, 0.5, 395.0), seconds_per_text=0.0))

    # and one family more that keeps to its forecast: the geometric mean of 4 and 1
    assert state.price("encoder/m/full", 2) == pytest.approx(200)


class Idle:
    """A policy that finds nothing worth buying."""

    SOURCE = ""

    def choose(self, race: object) -> None:
        return None


def test_price_knows_that_frozen_layers_run_once() -> None:
    head, other = "encoder/m/head_only", "encoder/m/full"
    forecasts = {head: Forecast(100.0, 0.0, once=0.8), other: Forecast(100.0, 0.0)}
    state = replace(standings({head: 100.0, other: 100.0}), forecasts=forecasts)
    assert state.price(head, 0) == pytest.approx(82)
    assert state.price(head, 2) == pytest.approx(100)

    state.trials.append(replace(trial(head, 0, 0.5, 41.0), seconds_per_text=0.0))  # twice as fast as thought

    assert state.price(head, 2) == pytest.approx(9)
    state.begun_before.add(head)  # resumed: what was kept of the frozen layers is gone
    assert state.price(head, 2) == pytest.approx(9 + 40)
    assert state.price(other, 2) == pytest.approx(100 * time_ratio({head: 41.0}, {head: 82.0}))


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


def test_choosing_among_a_thousand_candidates_looks_at_each_trial_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"encoder/m{i}/{method}" for i in range(200) for method in ("full", "lora", "head_only", "bias_only", "x")]
    state = standings(dict.fromkeys(names, 30.0))
    value = plugins.load("policies", "value")
    observed: list[str] = []
    plain = Posterior.observe

    def observe(self: Posterior, observation: Observation) -> bool:
        observed.append(observation.candidate)
        return plain(self, observation)

    monkeypatch.setattr(Posterior, "observe", observe)
    for _ in range(5):
        chosen = value.choose(state)
        assert chosen is not None
        state.trials.append(trial(chosen[0], chosen[1], 0.2, 3.0))
    value.choose(state)

    assert observed == [done.candidate for done in state.trials]


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
