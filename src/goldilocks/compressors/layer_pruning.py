"""Layer pruning of BERT-shaped encoders: blocks whose absence moves the answers least are removed, one by one.

Then the smaller network is tuned on the answers of the one it came from.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.compressors._shared.smaller_encoder import not_shortenable, recover
from goldilocks.protocols import Calibration, Model

KIND = "prune"
ENGINE = "native"
LEVELS = (0.67, 0.5, 0.34)
FEWEST_TEXTS = 64
SOURCE = (
    "Kim et al. 2024, Shortened LLaMA (blocks ranked by the effect of their removal), on the hidden states; recovery "
    "by distillation as in Xia et al. 2022, CoFi."
)
_RANKED, _STEPS = 256, 300
"""Calibration texts that blocks are ranked on, and batches of the recovery tuning."""


incompatibility = not_shortenable


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:
    """See ``protocols.Compressor``."""
    from goldilocks.nets.compression.pruning import block_order, with_blocks
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    depth = model.backbone.depth
    n_kept = min(depth - 1, max(1, round(level * depth)))
    removed = block_order(model, calibration.texts[:_RANKED], depth - n_kept)
    student = with_blocks(model, sorted(set(range(depth)) - set(removed)))
    recover(student, model, calibration, folder, steps=_STEPS)
