"""Losses in money: the one place that converts the loss of a candidate to money.

``J = cost + monthly_loss(loss)``. One unit of loss costs α = ``error_cost`` × ``requests_per_month``, whatever the kind
of error.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from goldilocks.protocols import Floats
from goldilocks.records import Objective


def monthly_loss(losses: Floats | float, objective: Objective) -> npt.NDArray[np.float64]:
    """Money per month for losses from 0 to 1, of whole candidates or of single items, in the shape given."""
    return np.asarray(objective.alpha * np.asarray(losses, dtype=np.float64))
