"""Correction of time forecasts: the ratio of actual to predicted run times on this machine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

FIXED_SECONDS = 5.0
"""By judgement: seconds of a run that no forecast counts, such as imports on a busy machine. A forecast of a tenth of a
second may be wrong a hundredfold and is little evidence about the next one; of longer runs they are a small part."""


def time_ratio(took: Mapping[str, float], predicted: Mapping[str, float]) -> float:
    """How many times as long as predicted the runs took: the geometric mean, 1 where there are none.

    Args:
        took: Candidate -> seconds that its run so far took.
        predicted: Candidate -> seconds that were forecast for that share of the run; for all of ``took``.

    Example:
        >>> time_ratio({"a": 25.0}, {"a": 10.0}), round(time_ratio({"a": 10.0}, {"a": 0.1}), 1)
        (2.0, 2.9)
    """
    if not took:
        return 1.0
    ratios = [(seconds + FIXED_SECONDS) / (predicted[name] + FIXED_SECONDS) for name, seconds in took.items()]
    return float(np.exp(np.mean(np.log(ratios))))
