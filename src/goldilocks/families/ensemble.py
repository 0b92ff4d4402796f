"""Ensembles: the mean of the probabilities of a few finished candidates.

Made after the race from candidates that have finished (``selection/combinations.py``), never trained.

Source: Lakshminarayanan et al. 2017, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles".
"""

from __future__ import annotations

from goldilocks.families._shared import combined, from_scratch

OUTPUTS = combined.OUTPUTS
models = combined.models
describe = from_scratch.no_checkpoint
forecast = combined.forecast
training_config = from_scratch.no_training_config
create = combined.create
restore = combined.restore
