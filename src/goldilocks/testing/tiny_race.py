"""A race of four made-up candidates, on which the contract of search policies is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from goldilocks.protocols import Purchases, Repeats


class TinyRace:
    """Four candidates with made-up learning curves; the most expensive is the best. See ``protocols.Race``."""

    CURVES = {"a": (0.5, 0.45, 0.44), "b": (0.4, 0.2, 0.12), "c": (0.6, 0.15, 0.05), "d": (0.7, 0.7, 0.7)}  # noqa: RUF012
    SECONDS = {"a": 1.0, "b": 5.0, "c": 20.0, "d": 2.0}  # noqa: RUF012
    rungs = (0.1, 0.3, 1.0)
    candidates = tuple(CURVES)
    seed = 0
    reserved = None
    second_price = 1e-3
    indifference = 0.0
    horizon_months = 12.0
    currency = "USD"

    def __init__(self) -> None:
        """Nothing is bought; there is time for everything."""
        self._bought = dict.fromkeys(self.CURVES, 0)
        self.seconds_left = 1000.0
        self.restart_seconds = 0.0

    def buy(self, candidate: str, rung: int) -> None:
        """Run a candidate up to and including ``rung``."""
        self.seconds_left -= self.price(candidate, rung)
        self._bought[candidate] = rung + 1

    def bought(self, candidate: str) -> int:
        """Rungs it has."""
        return self._bought[candidate]

    def losses(self, candidate: str) -> Mapping[int, float]:
        """Rung -> loss, of the rungs it has."""
        return dict(enumerate(self.CURVES[candidate][: self._bought[candidate]]))

    def forecast(self, candidate: str) -> tuple[float, float]:
        """A guess that the rungs bought make surer."""
        done = self._bought[candidate]
        return (self.CURVES[candidate][done - 1] if done else 0.3), 0.1 * (len(self.rungs) - done)

    def price(self, candidate: str, rung: int) -> float:
        """Seconds up to ``rung``."""
        done = self._bought[candidate]
        return self.SECONDS[candidate] * (self.rungs[rung] - (self.rungs[done - 1] if done else 0.0))

    def parameters(self, candidate: str) -> int:
        """Larger models take longer."""
        return int(self.SECONDS[candidate])

    @property
    def best(self) -> str | None:
        """By loss alone."""
        finished = [name for name in self.CURVES if self._bought[name] == len(self.rungs)]
        return min(finished, key=lambda name: self.CURVES[name][-1], default=None)

    def purchases(self) -> Purchases:
        """Worth something until finished, more the less is known."""
        open_ = [name for name in self.CURVES if self._bought[name] < len(self.rungs)]
        seconds = [[max(self.price(name, rung), 0.0) for rung in range(len(self.rungs))] for name in open_]
        savings = [
            [100 * self.forecast(name)[1] if rung >= self._bought[name] else 0.0 for rung in range(len(self.rungs))]
            for name in open_
        ]
        shape = (len(open_), len(self.rungs))
        return Purchases(
            candidates=tuple(open_),
            seconds=np.array(seconds).reshape(shape),
            whole=np.array([self.price(name, len(self.rungs) - 1) for name in open_]),
            time_error=np.full(len(open_), 0.1),
            savings=np.array(savings).reshape(shape),
            promising=np.full(shape, 0.5),
        )

    def repeats(self) -> Repeats:
        """No second seeds."""
        return Repeats((), np.zeros(0), np.zeros(0))

    def saving_of_all(self, candidates: Sequence[str]) -> float:
        """The largest of theirs."""
        return max((100 * self.forecast(name)[1] for name in candidates), default=0.0)
