"""Distillation of a BERT-shaped encoder into a shallower copy: layers chosen evenly, then trained on its answers.

The copy learns the logits and, layer by layer, the hidden states of the original, on all texts there are. Unlike layer
pruning, which looks for the blocks that matter least and tunes shortly, it trains for long.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.compressors._shared.smaller_encoder import not_shortenable
from goldilocks.protocols import Calibration, Model

KIND = "distil"
ENGINE = "native"
LEVELS = (0.5, 0.34)
FEWEST_TEXTS = 200
SOURCE = (
    "Sanh et al. 2019, DistilBERT (every other layer), and Sun et al. 2019, Patient Knowledge Distillation (layers); "
    "task-specific, without labels."
)
_STEPS, _RATE = 1_500, 2.0
"""Batches, and the learning rate as a multiple of that of a pretrained encoder."""


incompatibility = not_shortenable


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:
    """See ``protocols.Compressor``."""
    from dataclasses import replace

    from goldilocks.nets.compression.pruning import with_blocks
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.distillation import distillation_config

    assert isinstance(model, Network)
    depth, texts = model.backbone.depth, calibration.texts
    n_kept = min(depth - 1, max(1, round(level * depth)))
    student = with_blocks(model, [round((number + 1) * depth / n_kept) - 1 for number in range(n_kept)])
    config = distillation_config(student, len(texts), steps=_STEPS)
    calibration.distil(student, model, texts, replace(config, learning_rate=_RATE * config.learning_rate))
    student.save(folder)
