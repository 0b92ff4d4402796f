"""What the trials of a race have shown: rungs, seconds, costs and losses, as arrays over the pool.

Brought up to date by the trials that were added since it was last asked, so that one step of a race costs the same
whether it is the first or the hundredth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from goldilocks.records import Candidate, Forecast, Screening, ShortSchedule, TaskSpec, Trial
from goldilocks.selection.answer_times import AnswerTimes
from goldilocks.selection.cost import running_cost
from goldilocks.selection.experience import Experience
from goldilocks.selection.loss_posterior import Observation, Posterior
from goldilocks.support.machine.hardware import Machine

Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class RaceEvidence:
    """Evidence from the screening and the trials; arrays are ``(n,)`` unless they say otherwise."""

    pool: Sequence[Candidate]
    machine: Machine
    experience: Experience
    screening: Screening | None
    n_items: int
    """Validation items."""
    n_labels: int
    """Number of labels; 0: unknown, or none."""
    chance: float | None
    """Loss of the majority answer; ``None``: taken from the family ``majority`` once it has run."""
    place: dict[str, int] = field(init=False)
    """Candidate -> its place in the pool."""
    posterior: Posterior = field(init=False)
    answers: AnswerTimes = field(init=False)
    done: npt.NDArray[np.int64] = field(init=False)
    """Rungs that each candidate has."""
    spent: Floats = field(init=False)
    """Seconds of training so far."""
    cost: Floats = field(init=False)
    """Measured running cost, money per month; not a number where the candidate has not run."""
    losses: dict[str, dict[int, float]] = field(init=False)
    """Candidate -> rung -> validation loss."""
    repeats: dict[str, list[float]] = field(init=False, default_factory=dict)
    """Losses of further seeds."""
    first_runs: dict[str, float] = field(init=False)
    """Losses that the first runs ended with."""
    shortened: set[str] = field(init=False)
    """Candidates that were finished with a shorter schedule."""
    n_trials: int = field(init=False)
    """Trials that the arrays hold."""
    restarts: int = field(init=False, default=0)
    """How often the trials were counted anew."""

    def __post_init__(self) -> None:
        """Number the candidates; nothing has run yet."""
        self.place = {candidate.name: index for index, candidate in enumerate(self.pool)}
        self._restart()

    @property
    def version(self) -> tuple[int, int]:
        """Changes whenever the arrays do."""
        return self.restarts, self.n_trials

    def catch_up(
        self,
        trials: Sequence[Trial],
        spec: TaskSpec,
        schedules: Mapping[str, ShortSchedule],
        forecasts: Mapping[str, Forecast],
    ) -> None:
        """Take the trials that are not held yet; all of them again where some were taken back.

        Args:
            trials: All purchases so far, in order.
            spec: What running a model costs.
            schedules: Candidate -> its schedule, where that was shortened to fit the budget.
            forecasts: Candidate -> what its full run is predicted to take.
        """
        if self.n_trials > len(trials):  # some were taken back
            self.repeats = {}
            self._restart()
        if any(trial.repeat for trial in trials[self.n_trials :]):
            self.repeats = {}
            for trial in trials:
                if trial.repeat:
                    self.repeats.setdefault(trial.candidate, []).append(trial.loss)
            self._restart()  # the mean over the seeds takes the place of the first run's loss
        while self.n_trials < len(trials):
            trial = trials[self.n_trials]
            self.n_trials += 1
            if trial.repeat:
                continue
            if self.chance is None and trial.candidate.startswith("majority/") and trial.share >= 1:
                self.chance = trial.loss
                self._restart()  # rungs at chance that were taken for evidence no longer are
                continue
            self._take(trial, spec, schedules.get(trial.candidate), forecasts)

    def _restart(self) -> None:
        """Forget all trials, and take the screening's probes for evidence."""
        n = len(self.pool)
        self.posterior = Posterior(self.pool, self.experience, self.n_items, self.n_labels, self.chance)
        self.answers = AnswerTimes(self.pool, self.n_items, self.screening.paces if self.screening else None)
        self.done = np.zeros(n, dtype=np.int64)
        self.spent = np.zeros(n)
        self.cost = np.full(n, np.nan)
        self.losses, self.first_runs, self.shortened = {}, {}, set()
        self.n_trials = 0
        self.restarts += 1
        for probe in self.screening.looks if self.screening else ():
            self.posterior.observe(Observation(f"{probe.model}/head_only", probe.probe_loss, 0.0))

    def _take(
        self, trial: Trial, spec: TaskSpec, schedule: ShortSchedule | None, forecasts: Mapping[str, Forecast]
    ) -> None:
        loss = trial.loss
        if trial.share >= 1:
            self.first_runs[trial.candidate] = trial.loss
            loss = float(np.mean([trial.loss, *self.repeats.get(trial.candidate, ())]))
        share = trial.share if schedule is None else schedule.progress(trial.share)
        if share > 0:
            self.posterior.observe(Observation(trial.candidate, loss, share))
        self.losses.setdefault(trial.candidate, {})[trial.rung] = loss
        trained = self.answers.take(trial)
        place = self.place.get(trial.candidate)
        if place is None:
            return
        self.done[place] = max(self.done[place], trial.rung + 1)
        # A clock that was set back, or a damaged record, must not make a run look free or endless.
        self.spent[place] += trained if 0 <= trained < np.inf else 0.0
        if trial.schedule_share < 1:  # what the whole schedule would have taken: forecasts are corrected by it
            self.spent[place] /= forecasts[trial.candidate].behind(trial.schedule_share)
            self.shortened.add(trial.candidate)
        per_text = trial.seconds_per_text if 0 <= trial.seconds_per_text < np.inf else 0.0
        self.cost[place] = running_cost(per_text, spec, self.machine, trial.usage)
