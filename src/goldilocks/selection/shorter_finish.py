"""Finishing a run with fewer epochs than planned, where not all of them fit into the budget that is left.

Only a finished candidate can win, so a promising run that lacks seconds is worth more with a shorter schedule than cut
off. Its learning rate falls to zero earlier (``nets/training/schedules.Span``), from where the run stands: the model
that is scored is the model that is handed over. What it loses against the full schedule is forecast to be what the same
share of the full run lacks.

Sources: Li, Yumer and Ramanan 2020, "Budgeted Training"; Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training
Beyond Fixed Training Durations" (cooldowns of a fifth of the run).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from goldilocks.records import Candidate
from goldilocks.selection.seeds import depends_on_seed

Floats = npt.NDArray[np.float64]

MIN_SHARE = 0.25
"""By judgement: share of the schedule that a shortened run has at least, once it has begun and its rungs tell how good
it is."""
MIN_UNSEEN = 0.5
"""By judgement: the same of a run that has not begun. One epoch of LoRA on 8,000 rows was worse than a head."""
MIN_SHARE_UNDER_WAY = 0.1
"""By judgement: share of the schedule without which a run that turns out to be too slow while it trains is given up."""
MIN_REMAINING = 0.25
"""By judgement: share of a shortened run that remains at least when it is shortened."""
SHORTFALL = 1.0
"""Log loss that a shortened run lacks at its end, as a share of what the full run lacks after as many epochs. By
judgement: the few runs measured were about as good as such a part of the full run (``docs/race.md``)."""
PLANNED_USE = 0.9
"""Share of the seconds left that the remainder of a run is planned to take when it is shortened under way."""
MARGIN = 0.1
"""Share of its seconds by which a shortened run is planned to end early; a slower one is shortened while it trains."""
_ENDLESS = 1e12
"""Seconds that stand for a budget without end."""
_MIN_CHECKED = 2.0
"""Seconds left below which the training speed is no longer checked."""


@runtime_checkable
class ShortensSchedule(Protocol):
    """A run (``trials.TrainingRun``) whose schedule can be given an earlier end."""

    @property
    def share(self) -> float:
        """Share of the run that is over, 0 to 1."""

    @property
    def schedule_share(self) -> float:
        """Share of the planned schedule at which the run ends."""

    def shorten(self, share: float) -> None:
        """End the run at this share of its schedule."""

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        """As ``trials.TrainingRun``."""


def can_be_shortened(candidate: Candidate) -> bool:
    """Whether a candidate is trained by gradient descent, so that its schedule may end earlier."""
    return depends_on_seed(candidate)


def least_share(done: Floats) -> Floats:
    """Share of the schedule at which runs may end at the earliest, from the share that is over."""
    return np.where(done > 0, np.maximum(MIN_SHARE, done / (1 - MIN_REMAINING)), MIN_UNSEEN)


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Predicted seconds of the rest of each run, linear in the share at which it ends; ``(n,)`` each."""

    done: Floats
    """Share of the run that is over."""
    fixed: Floats
    """Seconds that it takes in any case: frozen layers run over the items."""
    full: Floats
    """Seconds to the end of the full schedule."""

    def until(self, shares: Floats) -> Floats:
        """Seconds to the end of a schedule of these shares."""
        return np.asarray(
            self.fixed + (self.full - self.fixed) * (shares - self.done) / np.maximum(1 - self.done, 1e-9)
        )

    def shares_in(self, seconds: Floats) -> Floats:
        """Shares of the schedule that fit into so many seconds, at most 1; below ``done`` where none does."""
        trained = (seconds - self.fixed) / np.maximum(self.full - self.fixed, 1e-9)
        return np.asarray(np.minimum(self.done + trained * (1 - self.done), 1.0))


@dataclass(frozen=True, slots=True)
class ShortenedRuns:
    """How candidates would be finished in the time that is left, ``(n,)`` each."""

    shares: Floats
    """Share of the schedule that the run would have; 1: all of it."""
    seconds: Floats
    """Seconds from where the candidate stands to that end."""
    whole: Floats
    """Seconds of the budget that this needs, measuring the model included."""
    least_shares: Floats
    """The shortest schedule that the run may have."""
    least: Floats
    """``whole`` with the shortest schedule."""


def finishes(times: RunTimes, beside: Floats, left: float, errors: Floats, can: npt.NDArray[np.bool_]) -> ShortenedRuns:
    """The longest schedule of each candidate that fits; the full one where none does.

    A run that has begun is shortened where it might not fit by one standard deviation of its seconds; one that has not
    keeps its full schedule as long as that is predicted to fit, as its speed will be known before most is spent.

    Args:
        times: Of the rest of each run.
        beside: Seconds that finishing it takes beside training: measuring, and what follows the race, ``(n,)``.
        left: Seconds of the budget.
        errors: Standard deviations of log seconds, ``(n,)``.
        can: Which candidates may be shortened, ``(n,)``.
    """
    whole, ones = times.full + beside, np.ones(len(beside))
    if not can.any():
        return ShortenedRuns(ones, times.full, whole, ones, whole)
    lowest = np.where(can, np.minimum(least_share(times.done), 1.0), 1.0)
    least = np.where(can, times.until(lowest) + beside, whole)
    too_long = np.where(times.done > 0, whole * (1 + errors), whole) > left
    fitting = times.shares_in(min(left, _ENDLESS) / (1 + MARGIN) - beside)
    shares = np.where(can & too_long & (fitting >= lowest), fitting, 1.0)
    seconds = np.where(shares < 1, times.until(shares), times.full)
    return ShortenedRuns(shares, seconds, seconds + beside, lowest, least)


def train_to_end(
    run: ShortensSchedule,
    planned: float,
    left: Callable[[], float],
    on_step: Callable[[float], None],
    time_answers: Callable[[], None] | None = None,
) -> None:
    """Train to the end of the planned schedule, or to that of a shorter one where the run is slower than needed.

    Its speed is checked when half of the time is over, then half of the remaining time, and so on. The run is left
    unfinished (``run.share`` below 1) where not even ``MIN_SHARE_UNDER_WAY`` of its schedule fits.

    Args:
        run: Where it stands.
        planned: Share of its schedule that it is to have, 1 for all.
        left: Seconds that are left for training.
        on_step: Called with the share done.
        time_answers: Called once, when a quarter of the time is over; it may correct what ``left`` says.
    """
    if planned < run.schedule_share:
        run.shorten(planned)
    while run.share < 1 and (seconds := left()) > 0:
        part = 0.5 if time_answers is None else 0.75
        until = seconds * part if _MIN_CHECKED < seconds < float("inf") else 0.0
        steps = _steps_until(run, lambda until=until: left() <= until, on_step)  # type: ignore[misc]
        if run.share < 1:
            if time_answers is not None:
                time_answers()
                time_answers = None
            _shorten_if_slow(run, steps, left())


def _steps_until(
    run: ShortensSchedule, stop: Callable[[], bool], on_step: Callable[[float], None]
) -> list[tuple[float, float]]:
    """Train until ``stop`` says so; the time, in seconds, and the share done after each step."""
    steps = [(time.monotonic(), run.share)]

    def note(share: float) -> None:
        steps.append((time.monotonic(), share))
        on_step(share)

    run.advance(1.0, stop=stop, on_step=note)
    return steps


def _shorten_if_slow(run: ShortensSchedule, steps: Sequence[tuple[float, float]], left: float) -> None:
    """Shorten the run where, at its speed in the later half of these steps, it would not end in the seconds left."""
    now, share = time.monotonic(), run.share
    middle = (steps[0][0] + now) / 2  # loading, and frozen layers that run once, are over by then
    since, share_then = next((step for step in steps if step[0] >= middle), steps[-1])
    if share <= share_then or left <= 0:
        return
    full_run_seconds = (now - since) / (share - share_then)
    if (1 - share) * full_run_seconds <= left:
        return
    end = (share + PLANNED_USE * left / full_run_seconds) * run.schedule_share
    if end >= MIN_SHARE_UNDER_WAY:  # its seconds are spent: a finished run is worth more than one that is thrown away
        run.shorten(end)
