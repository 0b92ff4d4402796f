from __future__ import annotations

from dataclasses import replace

from method_models import CONFIG, COUNTS, ENCODER, UNTRAINED

from goldilocks.methods import lora


def test_rate_of_the_adapters_is_ten_times_that_of_the_weights() -> None:
    assert lora.training_config(CONFIG) == replace(CONFIG, learning_rate=1e-3, layer_ratio=1.0)


def test_reasons_say_what_is_missing() -> None:
    assert lora.incompatibility(ENCODER) is None
    assert lora.incompatibility(COUNTS) == "not trained by gradient descent; use `scratch`"
    assert lora.incompatibility(UNTRAINED) == "not pretrained, so frozen weights would stay random; use `scratch`"
    table = replace(ENCODER, groups=("embeddings", "head"))
    assert lora.incompatibility(table) == "has no attention or mlp weights to adapt, only embeddings, head; use `full`"
