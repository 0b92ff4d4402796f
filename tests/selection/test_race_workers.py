"""Races over several workers, with workers in this process that end in an order of their own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from race_records import SPEC, standings, trial
from test_race import SKILLS, setting

from goldilocks import plugins
from goldilocks.errors import IntegrityError, ProcessError, WorkerLostError
from goldilocks.events import Event, WorkerLost
from goldilocks.protocols import Job
from goldilocks.records import Trial
from goldilocks.selection.race import race
from goldilocks.selection.trials import TrialContext, TrialRequest, TrialResult, run_trial, unpack
from goldilocks.support.machine.clock import Clock


class FakeWorkers:
    """Workers that run trials when they are waited for, the last one first."""

    in_process = False

    def __init__(self, size: int, context: TrialContext, lose: str = "") -> None:
        self.size, self.context, self.lose, self.jobs, self.most = size, context, lose, list[Job](), 0

    @property
    def free(self) -> int:
        return self.size - len(self.jobs)

    def share(self, perform: Callable[[Any, Any], Any], data: Any) -> None: ...

    def submit(self, job: Job) -> None:
        assert job.name not in [other.name for other in self.jobs]
        self.jobs.append(job)
        self.most = max(self.most, len(self.jobs))

    def wait(self) -> tuple[str, Callable[[], Any]]:
        job = self.jobs.pop()

        def result() -> Any:
            if job.name == self.lose:
                raise WorkerLostError("its process ended")
            request: TrialRequest = job.content[0]
            return TrialResult(run_trial(self.context, request), {})

        return job.name, result


def run(folder: Path, size: int, policy: str, **more: Any) -> tuple[tuple[Trial, ...], FakeWorkers]:
    made = replace(setting(folder, [], Clock()), **more.pop("changes", {}))
    context = TrialContext(
        made.dataset, made.metric, None, 0, made.workspace, made.start, made.keep, None, made.clock, made.progress
    )
    workers = FakeWorkers(size, context, **more)
    trials, _ = race(replace(made, workers=workers), plugins.load("policies", policy))
    return trials, workers


def test_one_worker_elsewhere_buys_what_this_process_buys(tmp_path: Path) -> None:
    here, _ = race(setting(tmp_path / "here", [], Clock()), plugins.load("policies", "exhaustive"))
    there, _ = run(tmp_path / "there", 1, "exhaustive")
    assert [(purchase.candidate, purchase.rung, purchase.loss) for purchase in here] == [
        (purchase.candidate, purchase.rung, purchase.loss) for purchase in there
    ]


@pytest.mark.parametrize("policy", plugins.names("policies"))
def test_several_workers_buy_no_rung_twice(policy: str, tmp_path: Path) -> None:
    trials, workers = run(tmp_path, 3, policy)
    bought = [(purchase.candidate, purchase.rung) for purchase in trials]
    assert len(bought) == len(set(bought))
    assert workers.most > 1 or policy == "value"


def test_lost_worker_costs_its_rung_and_a_second_one_the_candidate(tmp_path: Path) -> None:
    events: list[Event] = []
    lost = "tfidf_linear/word/scratch"
    trials, _ = run(tmp_path, 2, "exhaustive", lose=lost, changes={"progress": events.append})
    assert {purchase.candidate for purchase in trials} == set(SKILLS) - {lost}
    assert len([event for event in events if isinstance(event, WorkerLost)]) == 2
    assert "2 workers have ended while they ran it" in (tmp_path / "dropped.jsonl").read_text()


def test_race_without_workers_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="no worker is left; start one, then --resume"):
        run(tmp_path, 0, "exhaustive")


def test_candidate_in_flight_counts_as_finished_with_the_loss_expected_of_it() -> None:
    names = ["encoder/a/full", "encoder/b/full"]
    state = standings(dict.fromkeys(names, 10.0))
    state.trials.append(trial(names[0], 2, 0.3, 10.0))
    before = state.forecast(names[1])
    state.pending[names[1]] = 2
    assert list(state.candidates) == [names[0]]
    assert state.purchases().candidates == ()
    assert (state.bought(names[1]), state.forecast(names[1])) == (3, before)


def test_files_of_a_worker_stay_in_the_candidate_s_folder(tmp_path: Path) -> None:
    unpack({"checkpoint/run.json": b"{}", "rung-0.npy": b"1"}, tmp_path / "c")
    unpack({"checkpoint/other.json": b"{}"}, tmp_path / "c")
    assert sorted(path.name for path in (tmp_path / "c").rglob("*")) == ["checkpoint", "other.json", "rung-0.npy"]
    with pytest.raises(IntegrityError, match="leads out of the run's folder"):
        unpack({"../x": b""}, tmp_path / "c")


def test_waiting_is_shared_by_the_workers() -> None:
    state = standings({"encoder/a/full": 10.0})
    alone = state.second_price
    state.workers = 10
    assert alone - state.second_price == pytest.approx(0.9 * SPEC.prices.waiting_hour / 3600)
