"""What follows from one state of a race for every candidate, and which finished candidate is the best in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldilocks.records import Candidate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """What follows from one state of the race, for every candidate; made once for each state."""

    costs: Floats
    """Running costs, measured or guessed, money per month."""
    expected: Floats
    """Expected J, money per month."""
    best: tuple[int, float] | None
    """(place, expected J) of the best finished candidate."""
    saved: Floats
    """Money over the horizon, ``(n, rungs)``; see ``protocols.Purchases``."""
    promising: Floats
    """Probability of a good score, ``(n, rungs)``."""


def best_finished(
    finished: npt.NDArray[np.intp], expected: Floats, pool: Sequence[Candidate], loss_of: Callable[[str], float]
) -> tuple[int, float] | None:
    """(place, expected J) of the best finished candidate; equal ones by loss, then parameters, then name.

    Args:
        finished: Their places in the pool; none: ``None`` is returned.
        expected: Expected J of the whole pool, money per month.
        pool: The candidates.
        loss_of: The loss of a candidate, measured where it can be.
    """
    if len(finished) == 0:
        return None
    lowest = expected[finished].min()
    near = finished[expected[finished] <= lowest + 1e-8 * abs(lowest)].tolist()

    def order(place: int) -> tuple[float, float, int, str]:
        candidate = pool[place]
        # Nine digits: candidates that are equal up to rounding are equal.
        return (
            float(f"{expected[place]:.9g}"),
            loss_of(candidate.name),
            candidate.model.parameters,
            candidate.name,
        )

    place = min(near, key=order)
    return place, float(expected[place])
