"""Learning-rate schedules: linear warm-up, then linear decay, cosine decay or a constant rate."""

from __future__ import annotations

import math

from goldilocks.records import Schedule


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
