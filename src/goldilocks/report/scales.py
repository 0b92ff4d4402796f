"""From numbers to pixels: linear and logarithmic scales, and where their ticks go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LINEAR_BELOW = 0.6
"""A log axis over less than this many decades gets the ticks of a linear one: 1, 2, 5 would leave it bare."""
_LOG_ABOVE = 6.0
"""Losses that differ by more than this factor are drawn on a logarithmic axis."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps [low, high] to pixels [start, end]; what is beyond is drawn at the edge."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Pixel of ``value``."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def inverse(self, share: float) -> float:
        """The value at ``share`` (0 to 1) of the way from low to high."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)

    def ticks(self, about: int = 6) -> list[float]:
        """Round values within the scale, about as many as asked for."""
        return log_ticks(self.low, self.high, about) if self.log else round_ticks(self.low, self.high, about)


def spread(values: Sequence[float], start: float, end: float, *, log: bool = False, pad: float = 0.06) -> Scale:
    """A scale that holds all ``values`` with some air; logarithmic only where all are above 0."""
    log = log and min(values) > 0
    low, high = min(values), max(values)
    if log:
        air = max((high / low) ** pad, 1.02 if high > low else 2.0)
        return Scale(low / air, high * air, start, end, log=True)
    air = (high - low) * pad or abs(high) * 0.5 or 1.0
    return Scale(low - air if low < 0 or low - air > 0 else 0.0, high + air, start, end)


def loss_scale(losses: Sequence[float], ends: Sequence[float], start: float, end: float) -> Scale:
    """A scale for losses, logarithmic where they differ much; ``ends`` are those of the intervals."""
    positive = [loss for loss in losses if loss > 0]
    if len(positive) == len(losses) and max(losses) > _LOG_ABOVE * min(losses):
        # An interval may reach 0, which a log axis cannot show: it is then cut at a third of the lowest loss.
        floor = min(losses) / 3
        return spread([*losses, *(max(bound, floor) for bound in ends)], start, end, log=True, pad=0.04)
    return spread([*losses, *(bound for bound in ends if math.isfinite(bound))], start, end)


def round_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within [low, high].

    Example:
        >>> round_ticks(0, 1, 5)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.10g}") for n in range(first, last + 1)]


def log_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Ticks of a logarithmic axis: powers of ten, with 2 and 5 between them where there is room.

    Example:
        >>> log_ticks(0.5, 200, 3)
        [1.0, 10.0, 100.0]
    """
    decades = math.log10(high / low)
    if decades < _LINEAR_BELOW:
        return round_ticks(low, high, about)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{factor}e{power}") for power in powers for factor in factors]
        ticks = [tick for tick in ticks if low * 0.9999 <= tick <= high * 1.0001]
        if len(ticks) <= about + 1:
            return ticks
    return ticks[:: math.ceil(len(ticks) / max(about, 1))]
