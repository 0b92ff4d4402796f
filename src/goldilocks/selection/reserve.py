"""Seconds of the budget reserved for the steps after the race: footprints, decision, test set, bundle.

A search keeps its budget as a whole, so the race ends earlier. The test part costs answers and the metric, which may
run programs. What follows takes about as long for the next candidate
as for the finished ones; before one has finished, a guess is used. The machine's load is in the measured seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from goldilocks.bundle.reference import ANSWERED, EMBEDDED, SECONDS
from goldilocks.records import Candidate, Trial

MEASURING = 3.0
"""A footprint, before one was measured: a fresh Python that loads a model and answers for 1.3 s."""
WRITING = 2.0
"""Decision, bundle and report of a small model."""
MAX_SHARE = 0.4
"""Share of the budget that footprint, loading and writing are given at most, so that a short search buys anything at
all. The test part may take the rest; where it would take longer, the budget cannot be kept whatever is bought."""


@dataclass(slots=True)
class _Done:
    """What the reserve needs of the trials, kept up to date by the latest ones."""

    count: int = 0
    last: Trial | None = None
    testing: dict[str, dict[str, float]] = field(default_factory=dict)
    """Model -> candidate -> seconds of the test part, by its latest trial."""
    finished: list[tuple[Trial, float]] = field(default_factory=list)
    """Finished trials with the seconds of the test part."""
    _contenders: dict[str, float] | None = None

    def begins(self, trials: Sequence[Trial]) -> bool:
        """Whether these are the first of ``trials``."""
        return self.count <= len(trials) and (not self.count or trials[self.count - 1] is self.last)

    def add(self, trial: Trial, testing: float) -> None:
        """Take in the next trial, whose model would take ``testing`` seconds for the test part."""
        self.count, self.last = self.count + 1, trial
        if not trial.repeat:
            self.testing.setdefault(trial.candidate.rpartition("/")[0], {})[trial.candidate] = testing
        if trial.share >= 1:
            self.finished.append((trial, testing))
            self._contenders = None

    def contenders(self) -> dict[str, float]:
        """Finished candidates whose interval overlaps that of the lowest loss -> most seconds of the test part."""
        if self._contenders is None:
            self._contenders = {}
            best = min((trial for trial, _ in self.finished), key=lambda trial: trial.loss, default=None)
            for trial, testing in self.finished:
                if best and trial.score.low <= best.score.high and trial.score.high >= best.score.low:
                    slowest = self._contenders.get(trial.candidate, 0.0)
                    self._contenders[trial.candidate] = max(testing, slowest)
        return self._contenders


@dataclass(slots=True)
class Reserve:
    """What is kept back, from what was seen so far."""

    budget_seconds: float
    n_test: int
    """Items of the test part."""
    n_validation: int
    """Items of the validation part."""
    measured: dict[str, float] = field(default_factory=dict)
    """Candidate -> seconds that its footprint took."""
    encoding: Mapping[str, float] = field(default_factory=dict)
    """Model -> seconds in which it encoded a text in the screening: its pace until it has answered."""
    _done: _Done = field(default_factory=_Done)
    """What the trials of the last call hold."""

    def seconds(self, trials: Sequence[Trial]) -> float:
        """To be left when the next purchase ends: its footprint, the winner on the test part, and its bundle.

        The winner is taken to be the slowest of the finished candidates whose score may be as good as the best: a slow
        one that is far behind will not be scored on the test part. A bundle is read back before it is handed over,
        which loads the model once more, as a footprint does.
        """
        contenders = self._up_to(trials).contenders()
        footprint = max(self.measured.values(), default=MEASURING)
        loading = max((self.measured.get(name, footprint) for name in contenders), default=footprint)
        before, after = footprint + loading + WRITING, self.testing(trials)
        limit = MAX_SHARE * self.budget_seconds
        if after > self.budget_seconds - limit:  # the budget cannot be kept
            return min(before + after, limit)
        return min(before, limit) + after

    def testing(self, trials: Sequence[Trial]) -> float:
        """Seconds of the test part and the reference profile that ``seconds`` holds."""
        return max(self._up_to(trials).contenders().values(), default=0.0)

    def beyond(self, pool: Sequence[Candidate], trials: Sequence[Trial]) -> dict[str, float]:
        """Candidate -> seconds that the test part would take beyond ``seconds``, were it the winner.

        At its own pace, else at the slowest of its model, else at that of the screening; a candidate of whose model
        nothing is known is left out.
        """
        done = self._up_to(trials)
        encoded = {model: pace * self.n_test + _profiling(pace) for model, pace in self.encoding.items()}
        of_model = encoded | {model: max(of.values()) for model, of in done.testing.items()}
        known = self.testing(trials)
        if max(of_model.values(), default=0.0) <= known:  # nor is any candidate slower than the slowest of its model
            return {}
        expected = {}
        for name in (candidate.name for candidate in pool):
            model = name.rpartition("/")[0]
            expected[name] = done.testing.get(model, {}).get(name, of_model.get(model, 0.0))
        return {name: seconds - known for name, seconds in expected.items() if seconds > known}

    def _up_to(self, trials: Sequence[Trial]) -> _Done:
        """What ``trials`` hold; only those that were added since the last call are looked at."""
        if not self._done.begins(trials):
            self._done = _Done()
        for trial in trials[self._done.count :]:
            self._done.add(trial, self._testing(trial))
        return self._done

    def _testing(self, trial: Trial) -> float:
        """Seconds of answering and scoring the test part, and of the reference profile, as a trial's model does."""
        scoring = trial.scoring_seconds / max(self.n_validation, 1)
        return (trial.seconds_per_text + scoring) * self.n_test + _profiling(trial.seconds_per_text)


def _profiling(per_text: float) -> float:
    """Seconds of the bundle's reference profile: answers and embeddings of a sample."""
    return sum(min(SECONDS, per_text * items) for items in (ANSWERED, EMBEDDED))
