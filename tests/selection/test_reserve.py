from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from race_records import MACHINE, SPEC, candidate, trial

from goldilocks import plugins
from goldilocks.answers import Answers, of_labels
from goldilocks.errors import IntegrityError
from goldilocks.records import (
    Candidate,
    DataProfile,
    Dataset,
    Forecast,
    ModelInfo,
    Part,
    Pool,
    Screening,
    Text,
    Trial,
    Workload,
)
from goldilocks.selection import screen as screening
from goldilocks.selection.race import race
from goldilocks.selection.race_context import RaceContext
from goldilocks.selection.reserve import Reserve
from goldilocks.selection.run_store import RunStore
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock, OutOfTimeError


def test_reserve_is_two_footprints_the_slowest_model_on_the_test_part_and_writing() -> None:
    reserve = Reserve(1000.0, n_test=2000, n_validation=500)
    assert reserve.seconds([]) == 2 * 3 + 2
    reserve.measured |= {"cnn/m/scratch": 4.0, "majority/m/scratch": 2.5}
    done = trial("cnn/m/scratch", 2, 0.5, 1.0)  # 1 ms a text
    profile = 0.256 + 1.024  # of 256 answers and of 1,024 embeddings
    assert reserve.seconds([done]) == pytest.approx(2 * 4 + 2 + profile + 2)
    slowly_scored = replace(done, scoring_seconds=5.0)  # 10 ms a text
    assert reserve.seconds([slowly_scored]) == pytest.approx(2 * 4 + 2 + 20 + profile + 2)
    # A rung tells nothing of the test part yet.
    assert reserve.seconds([trial("cnn/m/scratch", 0, 0.5, 1.0)]) == pytest.approx(10)


def test_a_slow_model_that_is_far_behind_will_not_be_scored_on_the_test_part() -> None:
    reserve = Reserve(1000.0, n_test=2000, n_validation=500)
    reserve.measured |= {"cnn/m/scratch": 4.0, "decoder/m/zero_shot": 9.0}
    good, slow = trial("cnn/m/scratch", 2, 0.1, 1.0), trial("decoder/m/zero_shot", 2, 0.4, 1.0)
    slow = replace(slow, seconds_per_text=0.1)
    # The next purchase may load as slowly as the slowest; the winner does not.
    assert reserve.seconds([good, slow]) == pytest.approx(9 + 4 + 2 + 1.28 + 2)
    near = replace(slow, score=replace(slow.score, high=0.95))
    assert reserve.seconds([good, near]) == pytest.approx(9 + 9 + 200 + 20 + 2)


def test_candidate_needs_what_the_test_part_takes_at_the_pace_of_its_model() -> None:
    reserve = Reserve(1000.0, n_test=2000, n_validation=500)
    fast = trial("cnn/m/scratch", 2, 0.5, 1.0)  # 1 ms a text
    slow = replace(trial("encoder/m/head_only", 0, 0.4, 1.0), seconds_per_text=0.05)
    pool = [candidate(name) for name in ("cnn/m/scratch", "encoder/m/head_only", "encoder/m/full", "encoder/n/full")]

    # 2,000 texts at 50 ms and 10 s each of answers and embeddings for the profile; 2 + 1.28 s are kept already.
    more = 100 + 10 + 10 - 2 - 1.28
    assert reserve.beyond(pool, [fast, slow]) == pytest.approx({"encoder/m/head_only": more, "encoder/m/full": more})


def test_until_a_model_has_answered_the_screening_gives_the_pace_of_the_test_part() -> None:
    reserve = Reserve(1000.0, n_test=2000, n_validation=500, encoding={"encoder/m": 0.02, "encoder/n": 0.05})
    answered = replace(trial("encoder/m/head_only", 0, 0.4, 1.0), seconds_per_text=0.01)
    pool = [candidate("encoder/m/full"), candidate("encoder/n/full")]
    profiles = 0.01 * 256 + 10.0, 10.0 + 10.0
    assert reserve.beyond(pool, [answered]) == pytest.approx(
        {"encoder/m/full": 20 + profiles[0], "encoder/n/full": 100 + profiles[1]}
    )


def test_test_part_of_a_slow_contender_is_kept_in_full_where_the_budget_can_be_kept() -> None:
    slow = replace(trial("encoder/m/head_only", 2, 0.4, 1.0), seconds_per_text=0.08)
    # 979 answers and 20 s of profile are 98 s of 180 s; with two footprints and the bundle 106 s.
    assert Reserve(180.0, n_test=979, n_validation=542).seconds([slow]) == pytest.approx(979 * 0.08 + 20 + 8)
    assert Reserve(100.0, n_test=979, n_validation=542).seconds([slow]) == pytest.approx(40)


def test_reserve_leaves_most_of_a_short_search() -> None:
    assert Reserve(10.0, n_test=10**6, n_validation=500).seconds([trial("cnn/m/scratch", 2, 0.5, 1.0)]) == 4.0


def test_reserve_brought_up_to_date_by_each_trial_equals_one_that_reads_all_of_them() -> None:
    rng = np.random.default_rng(0)
    names = [f"{family}/{model}/{method}" for family in "ab" for model in "mn" for method in ("full", "lora")]
    pool, kept = list(map(candidate, names)), Reserve(10_000.0, n_test=2000, n_validation=500)
    trials: list[Trial] = []
    for step in range(120):
        if step == 60:
            del trials[30:40]  # taken back
        made = trial(str(rng.choice(names)), int(rng.integers(3)), float(rng.uniform(0.1, 0.5)), 1.0)
        per_text, scoring = rng.uniform(1e-3, 0.1), rng.uniform(0, 5)
        trials.append(replace(made, seconds_per_text=per_text, scoring_seconds=scoring, repeat=int(rng.integers(2))))
        anew = Reserve(10_000.0, n_test=2000, n_validation=500)
        assert kept.seconds(trials) == anew.seconds(trials)
        assert kept.testing(trials) == anew.testing(trials)
        assert kept.beyond(pool, trials) == anew.beyond(pool, trials)


class _Clock(Clock):
    """A clock that advances on request."""

    def __init__(self, budget: float) -> None:
        super().__init__(budget)
        self.now = 0.0

    def elapsed(self) -> float:
        return self.now


class _Run:
    """Takes a second for each hundredth of its run, and minds ``stop``."""

    def __init__(self, clock: _Clock) -> None:
        self.clock, self.share = clock, 0.0

    def advance(self, share: float, *, stop: object = None, on_step: object = None) -> None:
        assert callable(stop)
        while self.share < share and not stop():
            self.clock.now += 1
            self.share = min(self.share + 0.01, 1.0)
        if self.share > 0.995:
            self.share = 1.0

    def predict(self, texts: Sequence[Text]) -> Answers:
        says = np.eye(2, dtype=np.float32)[[0] * len(texts)]
        return of_labels(says, ("a", "b"))


def _setting(folder: Path, clock: _Clock, measured: list[str], seconds: float, *, broken: str = "") -> RaceContext:
    part = Part(tuple(f"text {i}" for i in range(6)), ("a", "b") * 3, tuple(range(1, 7)))
    names = ("cnn/m/scratch", "tfidf_linear/word/scratch")

    def measure(contender: Candidate, texts: Sequence[Text]) -> None:
        clock.now += seconds
        measured.append(contender.name)
        if contender.name == broken:
            raise IntegrityError("answered nothing")

    spec = type(SPEC)(name="t", data=SPEC.data, budget_seconds=clock.budget_seconds)
    return RaceContext(
        dataset=Dataset(part, part, Part(), ("a", "b"), "f" * 16, DataProfile({}, {}, {}, {}, "en", {})),
        pool=Pool(tuple(map(candidate, names)), {name: Forecast(100.0, 1e8) for name in names}),
        screening=Screening((), {}, names, (), 0.0, "f" * 16),
        spec=spec,
        machine=MACHINE,
        metric=plugins.load("metrics", "accuracy"),
        workspace=Workspace(folder),
        start=lambda entry: _Run(clock),
        keep=lambda entry, run: None,
        clock=clock,
        progress=lambda event: None,
        measure=measure,
    )


def test_race_measures_what_finished_and_stops_with_time_left_for_the_rest(tmp_path: Path) -> None:
    clock, measured = _Clock(180.0), list[str]()
    trials, stopped = race(_setting(tmp_path, clock, measured, 7.0), plugins.load("policies", "exhaustive"))
    assert measured == [entry.candidate for entry in trials if entry.share == 1]
    assert len(measured) == 1
    assert stopped == "the budget ended"
    # 2 x 7 s for footprint and bundle, 2 s for writing: a rung ends on the step after its time.
    assert 180 - 16 <= clock.now <= 180 - 15


def test_candidate_that_cannot_be_measured_is_excluded_within_the_race(tmp_path: Path) -> None:
    clock, measured = _Clock(1000.0), list[str]()
    setting = _setting(tmp_path, clock, measured, 1.0, broken="cnn/m/scratch")
    race(setting, plugins.load("policies", "exhaustive"))
    assert setting.workspace.read_failures()["cnn/m/scratch"].stage == "measuring"
    assert measured == ["cnn/m/scratch", "tfidf_linear/word/scratch"]


def test_features_that_would_take_too_long_are_given_up_after_the_first_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Network:
        def features(self, texts: Sequence[Text]) -> np.ndarray:
            asked.append(len(texts))
            return np.zeros((len(texts), 2, 3), np.float32)

    class Family:
        @staticmethod
        def create(*_: object, **__: object) -> Network:
            return Network()

    part = Part(("a",), ("x",), (1,))
    dataset = Dataset(part, part, part, ("x",), "f", DataProfile({}, {}, {}, {}, "en", {}))
    store = RunStore(dataset, Workload(1, 1, 1, 1), Workspace(tmp_path), True, 0)
    monkeypatch.setattr(plugins, "load", lambda *_: Family)
    facts = ModelInfo("m", "fake", "builtin", "", "none", (), "mit", 1, 1)
    assert store.features(facts, ["t"] * 1000).shape == (1000, 2, 3)
    assert asked == [64, 512, 424]
    asked.clear()
    with pytest.raises(OutOfTimeError, match="m: 1,000 texts would take"):
        store.features(facts, ["t"] * 1000, -1.0)
    assert asked == [64]
    asked.clear()
    ticks = iter((0.0, 10.0, 74.0))  # 10 s of loading, then a second for each text
    monkeypatch.setattr("goldilocks.selection.run_store.time.monotonic", lambda: next(ticks))
    assert len(store.features(facts, ["t"] * 1000, 274.5)) == 264
    assert asked == [64, 200]


def test_late_probe_is_kept_and_the_other_estimators_are_left_out() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    result = rng.normal(size=(60, 3, 4)).astype(np.float32) + labels[:, None, None]
    facts = ModelInfo("m", "fake", "builtin", "", "none", (), "mit", 1, 1)
    plan = screening.ScreeningPlan(60.0, seed=0)
    in_time = screening._probe(facts, result, labels, plan, screening._Timing(0.0, float("inf")))
    late = screening._probe(facts, result, labels, plan, screening._Timing(0.0, 0.0))
    assert set(late.estimates) == {screening.ACCURACY}
    assert late.estimates[screening.ACCURACY].n == 2
    assert late.layer == 2
    assert in_time.estimates[screening.ACCURACY].n == 5
    assert "linear_probe" in in_time.estimates
