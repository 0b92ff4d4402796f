from __future__ import annotations

from method_models import CONFIG, COUNTS, ENCODER, UNTRAINED

from goldilocks.methods import scratch


def test_pretrained_models_are_not_trained_from_scratch() -> None:
    assert scratch.incompatibility(UNTRAINED) is scratch.incompatibility(COUNTS) is None
    expected = "is pretrained; use `head_only`, `full` or another fine-tuning method"
    assert scratch.incompatibility(ENCODER) == expected


def test_config_is_that_of_the_family() -> None:
    assert scratch.training_config(CONFIG) is CONFIG
