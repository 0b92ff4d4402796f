"""Live display of a search: current step, finished purchases, remaining budget and standings.

A live display in terminals; one line per purchase in files and pipes.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table

from goldilocks.bundle.compression_table import line
from goldilocks.events import (
    AnswersTooSlow,
    CandidateFailed,
    CompressionTried,
    DataStep,
    Event,
    FootprintStarted,
    ModelScreened,
    PurchaseFinished,
    PurchaseStarted,
    StageStarted,
    TrackerFailed,
    TrainingStep,
    WorkerLost,
)
from goldilocks.records import Failure, Trial
from goldilocks.support.console import PlainConsole, plain
from goldilocks.support.text.translation import in_language, language, localised

_SHOWN = 12
_STAGES = {
    "data": "Reading, checking and splitting the data",
    "candidates": "Finding eligible candidates",
    "screening": "Screening pretrained models",
    "race": "Racing candidates",
    "decision": "Measuring the finished candidates and deciding",
    "compression": "Compressing the winner and the candidates that lost on cost alone",
    "test": "Scoring the winner on the test set, once",
    "bundle": "Writing bundle and report",
    "tuning": "Tuning",
    "comparison": "Scoring the bundle before and after on held-out rows",
}


class Live:
    """A progress callback that draws on standard error. Use it as a context manager."""

    def __init__(self, budget_seconds: float | None = None, *, lines: bool = True) -> None:
        """Draw on standard error, so that the output of a command can be piped.

        Args:
            budget_seconds: Budget of the search.
            lines: Whether files and pipes get a line per step; false: they get nothing.
        """
        self._lines = lines
        self._console = PlainConsole(stderr=True)
        self._budget = budget_seconds
        self._begun = time.monotonic()
        self._left: tuple[float, float] | None = None
        self._stage = ""
        self._doing = ""
        self._now: PurchaseStarted | FootprintStarted | None = None
        self._done = 0.0
        self._trials: dict[str, Trial] = {}
        self._failures: dict[str, Failure] = {}
        self._notes: list[str] = []
        self._interrupted = False
        self._language = language()  # the display is drawn by a thread, which has a context of its own
        self._before: Any = None
        self._display = RichLive(console=self._console, refresh_per_second=4, transient=True, get_renderable=self._draw)

    def __enter__(self) -> Live:
        """Start the display and handle Ctrl-C."""
        if threading.current_thread() is threading.main_thread():  # only there may signals be handled
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        if self._draws:
            self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the display."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._draws:
            self._display.stop()

    @property
    def _draws(self) -> bool:
        return self._console.is_terminal or self._console.is_jupyter

    def _interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._interrupted = True
        raise KeyboardInterrupt

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if self._interrupted:
            # Ctrl-C arrived where Python drops exceptions: in a callback of compiled code or in a finaliser.
            raise KeyboardInterrupt
        match event:
            case StageStarted(name=name):
                self._stage, self._now, self._doing = name, None, ""
                self._print(localised(_STAGES.get(name, name)))
            case DataStep(doing=doing):
                self._doing = localised(doing)
            case ModelScreened(result=result):
                self._doing = localised(f"{result.model}: linear probe error {result.probe_loss:.1%}")
                self._print(f"  {self._doing} ({localised(f'{result.seconds:.1f} s')})")
            case PurchaseStarted(candidate=candidate):
                self._now, self._done = event, self._share_of(candidate)
            case TrainingStep(share=share):
                self._done = share
            case FootprintStarted():
                self._now = event
            case CompressionTried(candidate=candidate, trial=compressed):
                self._print(f"  {candidate:<44} {line(compressed)}")
            case PurchaseFinished():
                self._show_purchase(event)
            case TrackerFailed(tracker=tracker, reason=reason):
                self._notes.append(f"{tracker} was switched off, the run continues: {reason}")
                self._print(f"  {self._notes[-1]}")
            case AnswersTooSlow(candidate=candidate, seconds_left=left):
                self._left, self._now = (left, time.monotonic()), None
                note = localised(f"{candidate}: set aside, it would take longer than the budget lasts")
                self._print(f"  {note}")
            case WorkerLost(candidate=candidate, share=share, reason=reason):
                self._notes.append(localised(f"{candidate}: a worker was lost on the way to {share:.0%}: {reason}"))
                self._print(f"  {self._notes[-1]}")
            case CandidateFailed(failure=failure, seconds_left=left):
                self._failures[failure.candidate] = failure
                self._trials.pop(failure.candidate, None)
                self._left, self._now = (left, time.monotonic()), None
                self._print(f"  {localised(f'{failure.elapsed:.1f} s'):>9}  {_failure_line(failure)}")

    def _show_purchase(self, event: PurchaseFinished) -> None:
        trial = event.trial
        self._trials[trial.candidate] = trial
        self._left, self._now = (event.seconds_left, time.monotonic()), None
        score = trial.score
        interval = localised(f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})")
        elapsed, seconds = (localised(f"{time_:.1f} s") for time_ in (trial.elapsed, trial.seconds))
        why = localised(trial.why)
        self._print(f"  {elapsed:>9}  {trial.candidate:<44} {trial.share:4.0%}  {interval}  {seconds:>8}  {why}")

    def _share_of(self, candidate: str) -> float:
        return self._trials[candidate].share if candidate in self._trials else 0.0

    def _print(self, line: str) -> None:
        if self._lines and not self._draws:
            self._console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _draw(self) -> RenderableType:
        with in_language(self._language):
            return self._drawn()

    def _drawn(self) -> RenderableType:
        head = Table.grid(padding=(0, 2))
        head.add_row(
            plain(localised(_STAGES.get(self._stage, self._stage)), style="bold"),
            plain(localised(self._time_spent_and_left()), style="dim"),
        )
        parts: list[RenderableType] = [head]
        if self._doing:
            parts.append(plain(self._doing, style="dim"))
        if self._now is not None:
            parts.append(self._activity(self._now))
        if self._trials:
            parts.append(self._standing())
        parts += [plain(_failure_line(failure), style="yellow") for failure in self._failures.values()]
        parts += [plain(note, style="yellow") for note in self._notes]
        return Group(*parts)

    def _time_spent_and_left(self) -> str:
        spent = time.monotonic() - self._begun
        if self._budget is None:
            return f"{spent:.0f} s"
        left = self._left[0] - (time.monotonic() - self._left[1]) if self._left else self._budget - spent
        return f"{spent:.0f} s spent, {max(left, 0):.0f} s of the budget left"

    def _activity(self, now: PurchaseStarted | FootprintStarted) -> RenderableType:
        row = Table.grid(padding=(0, 2))
        if isinstance(now, FootprintStarted):
            row.add_row(
                plain(now.candidate, style="cyan"),
                plain(localised("latency and memory, in a fresh process"), style="dim"),
            )
            return row
        begin = self._share_of(now.candidate)
        within = (self._done - begin) / max(now.share - begin, 1e-9)
        row.add_row(
            plain(now.candidate, style="cyan"),
            ProgressBar(total=1.0, completed=max(min(within, 1.0), 0.0), width=24),
            plain(localised(f"to {now.share:.0%}, about {now.predicted_seconds:.0f} s: {now.why}"), style="dim"),
        )
        return row

    def _standing(self) -> RenderableType:
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        for name in ("candidate", "share", "score", "95% interval", "seconds"):
            table.add_column(localised(name), justify="left" if name == "candidate" else "right")
        ranked = sorted(self._trials.values(), key=lambda trial: trial.loss)
        for trial in ranked[:_SHOWN]:
            table.add_row(
                trial.candidate,
                f"{trial.share:.0%}",
                f"{trial.score.value:.3f}",
                localised(f"{trial.score.low:.3f} to {trial.score.high:.3f}"),
                f"{trial.seconds:.1f}",
                style="" if trial.share >= 1 else "dim",
            )
        if len(ranked) > _SHOWN:
            table.add_row(localised(f"and {len(ranked) - _SHOWN} more"), style="dim")
        return table


def _failure_line(failure: Failure) -> str:
    message = f"{failure.candidate} failed ({failure.stage}) and is excluded; the others continue: {failure.reason}"
    return localised(message)
