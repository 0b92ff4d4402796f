"""How much time does the race itself take between two purchases, with many candidates and many workers?

Run:    python benchmarks/scheduler_time.py --out benchmarks/results/scheduler_time.json
Needs:  CPU only, about a minute. The result of record is benchmarks/results/scheduler_time.json.

Measured: wall-clock and processor seconds of ``selection.race.race`` (posterior, planning of late schedules, policy,
bookkeeping, the line of trials.jsonl) divided by the trials completed. Each choice is timed by itself too, in
processor time: planning what schedules fit into what is left, and the policy; median, slowest and first.
Every policy races with a budget in which hardly any run is shortened (``--budget``). ``value`` also races
with one worker and a third of the seconds that a long run takes (``--short``), where with every purchase all
candidates get other schedules. The time until the disk has each line (fsync) is taken off the wall
clock and reported apart. Workers and clock are simulated: a purchase takes the predicted seconds times
exp(N(0, 0.3)) of simulated time and no real time, and its loss comes from a random power law; 200 encoders with five
methods each, seed 0. Making the simulated results is timed apart and taken off. The last line of output is one JSON
object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import functools
import heapq
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from goldilocks import plugins
from goldilocks.catalog.short_schedules import Scheduler, with_short_schedules
from goldilocks.events import silent
from goldilocks.protocols import Job
from goldilocks.records import (
    Candidate,
    DataProfile,
    Dataset,
    DataSpec,
    Forecast,
    Measured,
    ModelInfo,
    Part,
    Pool,
    Prices,
    Screening,
    TaskSpec,
    Trial,
    Workload,
)
from goldilocks.selection.late_schedules import LateSchedules
from goldilocks.selection.race import race
from goldilocks.selection.race_context import RaceContext
from goldilocks.selection.standings import Standings
from goldilocks.selection.trials import TrialRequest, TrialResult
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock
from goldilocks.support.machine.hardware import Machine

METHODS = ("full", "lora", "head_only", "bias_only", "top_layers")
POLICIES = ("value", "exhaustive", "halving")
N_ITEMS = 1_000


class SimulatedClock(Clock):
    """A clock that the simulated workers move."""

    now = 0.0

    def elapsed(self) -> float:
        """Simulated seconds."""
        return self.now


class SimulatedWorkers:
    """Workers whose jobs end on the simulated clock."""

    in_process = False

    def __init__(self, size: int, clock: SimulatedClock) -> None:
        """All free."""
        self.size, self._clock = size, clock
        self._flight: list[tuple[float, int, str, TrialResult]] = []
        self._rng = np.random.default_rng(0)
        self._count = 0
        self._levels: dict[str, float] = {}
        self.own_seconds = 0.0
        """Real time of the simulation itself."""

    @property
    def free(self) -> int:
        """Workers without a job."""
        return self.size - len(self._flight)

    def share(self, perform: Callable[[Any, Any], Any], data: Any) -> None:
        """Nothing is needed."""

    def submit(self, job: Job) -> None:
        """Draw the result and when it comes."""
        begun = time.perf_counter()
        request: TrialRequest = job.content[0]
        seconds = request.predicted * float(np.exp(self._rng.normal(0, 0.3)))
        level = self._levels.setdefault(job.name, float(np.exp(self._rng.normal(-2, 0.4))))
        loss = min(level * (1 + 0.3 * (request.share**-0.5 - 1)) * float(np.exp(self._rng.normal(0, 0.03))), 0.9)
        trial = Trial(
            candidate=job.name,
            rung=request.rung,
            share=request.share,
            seconds=seconds,
            score=Measured(1 - loss, 1 - loss - 0.02, 1 - loss + 0.02, N_ITEMS, "accuracy"),
            loss=loss,
            predictions=f"runs/{request.rung}.npy",
            seconds_per_text=1e-3,
            elapsed=0.0,
            predicted_seconds=request.predicted,
            value=request.value,
            why=request.why,
            data_fingerprint="f" * 16,
            repeat=request.repeat,
        )
        self._count += 1
        heapq.heappush(self._flight, (self._clock.now + seconds, self._count, job.name, TrialResult(trial, {})))
        self.own_seconds += time.perf_counter() - begun

    def wait(self) -> tuple[str, Callable[[], Any]]:
        """Move the clock to the end of the next job."""
        ends, _, name, delivery = heapq.heappop(self._flight)
        self._clock.now = max(self._clock.now, ends)
        return name, lambda: delivery


def pool_of(size: int) -> Pool:
    """Candidates of several families, models and methods."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(size):
        model, method = divmod(number, len(METHODS))
        info = ModelInfo(
            f"m{model}",
            "encoder",
            "hub",
            "",
            "mit",
            ("*",),
            "none-needed",
            int(rng.integers(10**7, 10**9)),
            10**8,
            groups=("embeddings", "attention", "mlp", "head"),
        )
        made.append(Candidate(info, METHODS[method]))
    forecasts = {candidate.name: Forecast(float(rng.uniform(60, 600)), 1e9) for candidate in made}
    return Pool(tuple(made), forecasts)


class TimedChoices:
    """Planner and policy of a race, which note the processor time of each choice."""

    def __init__(self, late: LateSchedules, policy: Any) -> None:
        """Neither was called yet."""
        self._late = late
        self.policy = SimpleNamespace(choose=functools.partial(self._timed, policy.choose))
        if hasattr(policy, "stopped"):
            self.policy.stopped = policy.stopped
        self.begin = late.begin
        self.planning: list[float] = []
        """Seconds of planning since the last choice."""
        self.choices: list[tuple[float, float]] = []
        """Seconds of planning and of choosing, for each choice."""

    def plan(self, standings: Standings, *, all_that_is_left: bool = False) -> bool:
        """As ``LateSchedules.plan``."""
        begun = time.process_time()
        changed = self._late.plan(standings, all_that_is_left=all_that_is_left)
        self.planning.append(time.process_time() - begun)
        return changed

    def _timed(self, choose: Callable[[Any], Any], standings: Any) -> Any:
        begun = time.process_time()
        purchase = choose(standings)
        self.choices.append((sum(self.planning), time.process_time() - begun))
        self.planning.clear()
        return purchase

    def summary(self) -> dict[str, Any]:
        """Milliseconds of planning, and of planning and policy together."""
        planning, choosing = 1e3 * np.array(self.choices).T
        parts = {"planning": planning, "choice": planning + choosing}
        return {
            f"cpu_ms_per_{name}": {
                "median": round(float(np.median(each)), 3),
                "slowest": round(float(each.max()), 3),
                "first": round(float(each[0]), 3),
            }
            for name, each in parts.items()
        }


def measure(candidates: int, workers: int, policy: str, budget: float) -> dict[str, Any]:
    """Run one race."""
    full, work = pool_of(candidates), Workload(8_000, 60.0, 12.0, 2)
    pool = with_short_schedules(full, work, budget, known={})
    choices = TimedChoices(LateSchedules(Scheduler(full, work), budget, _nothing), plugins.load("policies", policy))
    clock = SimulatedClock(budget)
    simulated = SimulatedWorkers(workers, clock)
    part = Part(("x",) * N_ITEMS, ("a", "b") * (N_ITEMS // 2), tuple(range(N_ITEMS)))
    with tempfile.TemporaryDirectory() as folder:
        context = RaceContext(
            dataset=Dataset(part, part, Part(), ("a", "b"), "f" * 16, DataProfile({}, {}, {}, {}, "en", {})),
            pool=pool,
            screening=Screening((), {}, tuple(candidate.name for candidate in pool.candidates), (), 0.0, "f" * 16),
            spec=TaskSpec(
                "t",
                DataSpec("t.csv"),
                budget_seconds=budget,
                prices=Prices(waiting_hour=0.1),
            ),
            machine=Machine(2, 8 * 10**9, "cpu", 50.0, False, "simulated"),
            metric=plugins.load("metrics", "accuracy"),
            workspace=Workspace(Path(folder)),
            start=_never,
            keep=_never,
            clock=clock,
            progress=silent,
            repeat=_never,
            workers=simulated,
            late_schedules=choices,  # type: ignore[arg-type]
        )
        with timed_fsync() as flushed:
            begun, used = time.perf_counter(), time.process_time()
            trials, stopped = race(context, choices.policy)
            used = time.process_time() - used - simulated.own_seconds
            seconds = time.perf_counter() - begun - simulated.own_seconds - sum(flushed)
    return {
        "policy": policy,
        "candidates": candidates,
        "workers": workers,
        "trials": len(trials),
        "simulated_seconds": round(clock.now),
        "busy_share": round(sum(trial.seconds for trial in trials) / (workers * clock.now), 3),
        "stopped": stopped,
        "seconds": round(seconds, 3),
        "ms_per_trial": round(1e3 * seconds / len(trials), 3),
        "cpu_ms_per_trial": round(1e3 * used / len(trials), 3),
        "ms_of_fsync_per_trial": round(1e3 * sum(flushed) / len(trials), 3),
        "second_seeds": sum(trial.repeat > 0 for trial in trials),
        "short_schedules": len(pool.short_schedules),
        "choices": len(choices.choices),
        **choices.summary(),
    }


@contextmanager
def timed_fsync() -> Iterator[list[float]]:
    """Seconds of each ``os.fsync`` within the block: how long the disk takes is not the scheduler's doing."""
    seconds: list[float] = []
    real = os.fsync

    def fsync(file: int) -> None:
        begun = time.perf_counter()
        real(file)
        seconds.append(time.perf_counter() - begun)

    os.fsync = fsync  # type: ignore[assignment]
    try:
        yield seconds
    finally:
        os.fsync = real


def _nothing(*_: Any) -> None:
    """No schedule is written down."""


def _never(*_: Any) -> Any:
    raise AssertionError("nothing is trained here")


def main() -> None:
    """Measure every policy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--candidates", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--budget", type=float, default=7_200.0, help="simulated seconds")
    parser.add_argument("--short", type=float, default=200.0, help="simulated seconds with one worker")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = []
    cases = [(policy, options.workers, options.budget) for policy in POLICIES] + [("value", 1, options.short)]
    for policy, workers, budget in cases:
        runs = [measure(options.candidates, workers, policy, budget) for _ in range(options.repeats)]
        median = sorted(runs, key=lambda run: run["ms_per_trial"])[len(runs) // 2]
        results.append(median | {"all_ms_per_trial": [run["ms_per_trial"] for run in runs]})
        times = f"{median['ms_per_trial']:.2f} ms each, {median['cpu_ms_per_trial']:.2f} ms of the processor"
        print(f"{policy:<12} {median['trials']:>5} trials  {times}  ({median['stopped']})")
        print(f"{'':<12} a choice: {median['cpu_ms_per_choice']}, of which planning: {median['cpu_ms_per_planning']}")
    content = {
        "results": results,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "seed": 0,
        "load": [round(load, 2) for load in os.getloadavg()],
        "command": " ".join(["python", "benchmarks/scheduler_time.py", *sys.argv[1:]]),
    }
    if options.out:
        options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content))


if __name__ == "__main__":
    main()
