"""What L2-SP and EWC share: a penalty on the distance from the bundle's weights, in place of weight decay."""

from __future__ import annotations

import math
from dataclasses import replace

from goldilocks.errors import InputError
from goldilocks.records import TrainingConfig


def check_strength(strategy: str, strength: float) -> None:
    """Check the strength of the penalty.

    Raises:
        InputError: it is not a positive number.
    """
    if not 0 < strength < math.inf:
        raise InputError(f"{strategy}: strength is {strength:g}; it must be above 0.")


def without_weight_decay(config: TrainingConfig) -> TrainingConfig:
    """Weight decay pulls to 0 where the penalty pulls to the start."""
    return replace(config, weight_decay=0.0)
