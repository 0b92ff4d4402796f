"""Progress events written to experiment trackers. A tracker that fails is switched off; the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType

from goldilocks import plugins
from goldilocks.errors import GoldilocksError
from goldilocks.events import Event, Progress, PurchaseFinished, TrackerFailed, TrainingStep
from goldilocks.protocols import TrackedRun
from goldilocks.records import TaskSpec

_STEPS = 1_000
"""Trackers count in whole steps: thousandths of a candidate's full run."""


class Tracking:
    """A progress callback that passes events on, and writes losses and scores of each candidate to its trackers."""

    def __init__(self, spec: TaskSpec, folder: Path, progress: Progress, *, offline: bool) -> None:
        """Nothing is written before the first event.

        Args:
            spec: Names the trackers.
            folder: Where local trackers write.
            progress: What the events are passed on to.
            offline: No tracker may open a connection.

        Raises:
            MissingError: there is no tracker of that name.
        """
        self._trackers = {name: plugins.load("trackers", name) for name in spec.tracking}
        self._folder, self._progress, self._offline = folder, progress, offline
        self._settings = {"task": spec.task, "name": spec.name, "seed": str(spec.seed)}
        self._settings |= {f"training.{key}": str(value) for key, value in spec.training.items()}
        self._runs: dict[tuple[str, str], TrackedRun] = {}

    def __call__(self, event: Event) -> None:
        """Pass an event on, then write it."""
        self._progress(event)
        match event:
            case TrainingStep(candidate=candidate, share=share, loss=float(loss)):
                self._log(candidate, share, {"training_loss": loss})
            case PurchaseFinished(trial=trial):
                score = {"validation_score": trial.score.value, "validation_loss": trial.loss, "seconds": trial.seconds}
                self._log(trial.candidate, trial.share, score)

    def log_score(self, candidate: str, score: float) -> None:
        """Write the score of a candidate at the end of its run."""
        self._log(candidate, 1.0, {"validation_score": score})

    def __enter__(self) -> Tracking:
        """Nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all trackers."""
        for (name, _), run in list(self._runs.items()):
            self._guarded(name, run.close)
        self._runs.clear()

    def _log(self, candidate: str, share: float, values: Mapping[str, float]) -> None:
        for name in list(self._trackers):
            self._guarded(name, partial(self._write, name, candidate, values, round(_STEPS * share)))

    def _write(self, name: str, candidate: str, values: Mapping[str, float], step: int) -> None:
        self._run(name, candidate).log(values, step)

    def _run(self, name: str, candidate: str) -> TrackedRun:
        if (name, candidate) not in self._runs:
            settings = {**self._settings, "candidate": candidate}
            self._runs[name, candidate] = self._trackers[name].start(
                self._folder, candidate, settings, offline=self._offline
            )
        return self._runs[name, candidate]

    def _guarded(self, name: str, write: Callable[[], None]) -> None:
        """Call ``write``; where it fails, say so and write to this tracker no more."""
        if name not in self._trackers:
            return
        try:
            write()
        except Exception as error:  # noqa: BLE001 - a tracker's errors are of any kind, and none may end the run
            del self._trackers[name]
            reason = str(error) if isinstance(error, GoldilocksError) else f"{type(error).__name__}: {error}"
            if isinstance(error, ImportError):
                reason = f"{error.name} is not installed: pip install 'goldilocks-lm[{name}]'"
            self._progress(TrackerFailed(name, " ".join(reason.split())))
