"""How far forecasts of seconds are off on this machine: what was measured corrects what was not run yet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

FIXED_SECONDS = 5.0
"""By judgement: seconds of a run that no forecast counts, such as imports on a busy machine. So a forecast of a tenth
of a second may be wrong a hundredfold and says little of the next one; of longer ones they are a small part."""


def pace(took: Mapping[str, float], predicted: Mapping[str, float]) -> float:
    """How many times as long as predicted the runs took: the geometric mean, 1 where there are none.

    Args:
        took: Candidate -> seconds that its run so far took.
        predicted: Candidate -> seconds that were forecast for as much of the run; those of ``took``, at least.

    Example:
        >>> pace({"a": 25.0}, {"a": 10.0}), round(pace({"a": 10.0}, {"a": 0.1}), 1)
        (2.0, 2.9)
    """
    if not took:
        return 1.0
    ratios = [(seconds + FIXED_SECONDS) / (predicted[name] + FIXED_SECONDS) for name, seconds in took.items()]
    return float(np.exp(np.mean(np.log(ratios))))
