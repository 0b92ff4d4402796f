"""Learning-rate schedules: linear warm-up, then linear decay, cosine decay or a constant rate; and their shortening.

A run that is under way can be given an earlier end: its rate keeps to the schedule and falls linearly to zero in the
last fifth of the shortened run (a cooldown). A rate that falls from the cut on was worse: ``docs/race.md``.

Sources: Li, Yumer and Ramanan 2020, "Budgeted Training" (a schedule that decays to zero within the budget is better
than a part of a longer one); Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training Beyond Fixed Training
Durations" (cooldowns that branch off a longer run come close to runs planned for their length).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from goldilocks.records import Schedule, TrainingConfig

COOLDOWN = 0.2
"""Share of a shortened run in which its rate falls to zero (Hägele et al. 2024: a fifth is enough)."""


def rate_share(progress: float, warmup_share: float, schedule: Schedule = Schedule.LINEAR) -> float:
    """Share of the peak learning rate.

    Args:
        progress: Share of training that is over, 0 to 1.
        warmup_share: Share of training over which the rate climbs linearly.
        schedule: What follows; the decay covers the rest of training.

    Example:
        >>> [rate_share(at, 0.5) for at in (0.25, 0.5, 0.75, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
        >>> [round(rate_share(at, 0.0, Schedule.COSINE), 2) for at in (0.0, 0.5, 1.0)]
        [1.0, 0.5, 0.0]
    """
    if progress < warmup_share:
        return progress / warmup_share
    if schedule is Schedule.CONSTANT:
        return 1.0
    left = (1 - progress) / (1 - warmup_share) if progress < 1 else 0.0
    return left if schedule is Schedule.LINEAR else 0.5 * (1 - math.cos(math.pi * left))


@dataclass(frozen=True, slots=True)
class Span:
    """The epochs of a run, of which the last may be dropped while it is under way."""

    epochs: float
    """Of the schedule that the run began with."""
    end: float
    """Epochs at which it ends."""
    cut: float = 0.0
    """Epochs that were over when ``end`` was brought forward."""

    @classmethod
    def of(cls, epochs: float) -> Span:
        """A run of its whole schedule."""
        return cls(epochs, epochs)

    @property
    def is_shortened(self) -> bool:
        """Whether it ends before the schedule that it began with."""
        return self.end < self.epochs

    def shortened(self, share: float, position: float) -> Span:
        """The span that ends at a share of the epochs, decided when ``position`` epochs are over.

        Raises:
            ValueError: that end is not ahead.
        """
        end = share * self.epochs
        if not position < end <= self.end:
            raise ValueError(f"after {position:g} of {self.end:g} epochs a run cannot end at {end:g}")
        return replace(self, end=end, cut=position)

    def share(self, position: float) -> float:
        """Share of the run that is over, 0 to 1."""
        return min(1.0, position / self.end)

    def rate_share(self, position: float, config: TrainingConfig) -> float:
        """Share of the peak rate after so many epochs; zero at the end of a span that was cut.

        Example: a run of 10 epochs, cut after 2 to end at 5, so that its rate falls from the fourth epoch on
            >>> config = TrainingConfig(10.0, 1e-3, 1e-3, warmup_share=0.0)
            >>> [round(Span(10.0, 5.0, 2.0).rate_share(at, config), 2) for at in (2.0, 4.0, 4.5, 5.0)]
            [0.8, 0.6, 0.3, 0.0]
        """
        if self.cut == 0:
            return rate_share(position / self.end, config.warmup_share, config.schedule)
        falls = max(self.cut, (1 - COOLDOWN) * self.end)
        before = rate_share(min(position, falls) / self.epochs, config.warmup_share, config.schedule)
        return before * min(1.0, max(0.0, self.end - position) / (self.end - falls))
