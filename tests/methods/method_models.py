"""Model descriptions and a training config for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace

from goldilocks.records import ModelInfo, TrainingConfig

ENCODER = ModelInfo(
    name="tiny",
    family="encoder",
    source="hf://org/tiny",
    architecture="",
    pretraining="",
    languages=("en",),
    licence="mit",
    parameters=1,
    size_bytes=1,
    groups=("embeddings", "attention", "mlp", "norm", "head"),
    depth=6,
    width=32,
)
UNTRAINED = replace(ENCODER, source="builtin")
COUNTS = replace(ENCODER, source="builtin", groups=(), depth=0)
PROMPTED = replace(ENCODER, groups=("prompt",))
CONFIG = TrainingConfig(epochs=3, learning_rate=1e-4, head_learning_rate=1e-3, layer_ratio=13.0)
