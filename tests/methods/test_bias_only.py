from __future__ import annotations

from dataclasses import replace

from method_models import CONFIG, ENCODER

from goldilocks.methods import bias_only


def test_biases_get_twenty_times_the_rate() -> None:
    assert bias_only.training_config(CONFIG) == replace(CONFIG, learning_rate=2e-3, layer_ratio=1.0)


def test_model_without_blocks_has_no_biases_to_train() -> None:
    assert bias_only.incompatibility(ENCODER) is None
    table = replace(ENCODER, groups=("embeddings", "head"))
    assert bias_only.incompatibility(table) == "has no biases below the head"
