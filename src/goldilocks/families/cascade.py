"""Cascades: a cheap candidate answers, and a more expensive one where the first is unsure.

Made after the race from candidates that have finished (``selection/combinations.py``), never trained.

Source: Chen et al. 2023, "FrugalGPT"; Varshney & Baral 2022, "Model Cascading".
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
