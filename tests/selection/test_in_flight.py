"""Purchases that turn out to take longer than is left: finished with fewer epochs instead of thrown away.

The clock is simulated: a step of training and a text to be answered take what the run says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from race_records import network
from test_race import dataset

from goldilocks import plugins
from goldilocks.answers import Answers, of_labels
from goldilocks.events import silent
from goldilocks.records import Text, Trial
from goldilocks.selection.trials import TrialContext, TrialRequest, run_trial
from goldilocks.selection.watchdog import StepTimeoutError
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock

NAME = "seq2seq/t/scratch"


@dataclass(slots=True)
class Simulated(Clock):
    now: float = 0.0

    def elapsed(self) -> float:
        return self.now


@dataclass
class Generator:
    """A small encoder-decoder: 100 steps of training, slow to generate."""

    clock: Simulated
    step: float
    """Seconds of a step."""
    per_text: float
    """Seconds of an answer."""
    share: float = 0.0
    done: float = 0.0
    end: float = 100.0
    asked: int = 0

    @property
    def schedule_share(self) -> float:
        return self.end / 100

    def shorten(self, share: float) -> None:
        assert self.done < 100 * share <= self.end
        self.end = 100 * share
        self.share = self.done / self.end

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        while self.share < share - 1e-9 and not (stop and stop()):
            self.done, self.clock.now = self.done + 1, self.clock.now + self.step
            self.share = min(1.0, self.done / self.end)
            if on_step:
                on_step(self.share)

    def predict(self, texts: Sequence[Text]) -> Answers:
        self.asked += len(texts)
        self.clock.now += self.per_text * len(texts)
        return of_labels(np.eye(2, dtype=np.float32)[[0] * len(texts)], ("a", "b"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Simulated:
    made = Simulated()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    monkeypatch.setattr(time, "perf_counter", lambda: made.now)
    return made


def context_of(run: Generator, folder: Path) -> TrialContext:
    return TrialContext(
        dataset(),
        plugins.load("metrics", "accuracy"),
        None,
        0,
        Workspace(folder),
        lambda _candidate: run,
        lambda _candidate, _run: None,
        None,
        run.clock,
        silent,
    )


def bought(run: Generator, folder: Path, left: float, *, rung: int, answering: float = 0.0) -> Trial | None:
    """Result of a trial with so many seconds left; there are 60 validation texts."""
    share = (0.1, 0.3, 1.0)[rung]
    request = TrialRequest(network(NAME), rung, share, "", 1.0, 0.0, left, 1e6, schedule_share=1.0, answering=answering)
    return run_trial(context_of(run, folder), request)


def test_a_rung_in_time_is_a_rung(tmp_path: Path, clock: Simulated) -> None:
    run = Generator(clock, step=1.0, per_text=0.1)
    trial = bought(run, tmp_path, 100.0, rung=1)
    assert trial is not None
    assert (trial.rung, trial.share, trial.schedule_share) == (1, 0.3, 1.0)
    assert run.done == 30


def test_a_run_that_would_lose_its_rung_is_finished_with_fewer_epochs(tmp_path: Path, clock: Simulated) -> None:
    run = Generator(clock, step=4.0, per_text=0.1)  # four times as slow as forecast: the rung takes 120 s, 400 s all
    trial = bought(run, tmp_path, 100.0, rung=1, answering=6.0)
    assert trial is not None
    assert (trial.rung, trial.share) == (2, 1.0)
    assert 0.1 <= trial.schedule_share < 0.3
    assert 80 < clock.now <= 100  # the time that was left is used, and no more


def test_a_pace_of_answers_that_is_not_known_is_looked_at_while_it_trains(tmp_path: Path, clock: Simulated) -> None:
    """Nothing is known of how fast it generates: 60 answers take as long as the whole training."""
    run = Generator(clock, step=1.0, per_text=1.0)
    trial = bought(run, tmp_path, 170.0, rung=2)
    assert trial is not None
    assert trial.share == 1.0
    assert trial.schedule_share < 1
    assert run.asked == 60 + 33  # a look at 32 answers, after one to warm up
    assert clock.now <= 170


def test_answers_that_can_never_be_given_in_time_end_the_run_early(tmp_path: Path, clock: Simulated) -> None:
    run = Generator(clock, step=1.0, per_text=1.0)
    assert bought(run, tmp_path, 90.0, rung=2) is None
    assert clock.now <= 90


def test_a_step_that_reaches_the_limit_of_the_budget_has_not_failed(
    tmp_path: Path, clock: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object) -> Trial:
        raise StepTimeoutError("did not end")

    monkeypatch.setattr("goldilocks.selection.trials._run_trial", hang)
    context = context_of(Generator(clock, 1.0, 0.1), tmp_path)
    request = TrialRequest(network(NAME), 1, 0.3, "", 1.0, 0.0, 10.0, 12.0)
    with pytest.raises(StepTimeoutError):
        run_trial(context, request)
    assert run_trial(context, replace(request, limit_of_budget=True)) is None
