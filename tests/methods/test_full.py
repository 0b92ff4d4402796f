from __future__ import annotations

from method_models import CONFIG, COUNTS, ENCODER, UNTRAINED

from goldilocks.methods import full


def test_config_and_effort_are_the_reference() -> None:
    assert full.training_config(CONFIG) is CONFIG
    assert full.effort(ENCODER) == 1.0


def test_only_pretrained_networks_are_fine_tuned() -> None:
    assert full.incompatibility(ENCODER) is None
    assert full.incompatibility(UNTRAINED) == "not pretrained; use `scratch`"
    assert full.incompatibility(COUNTS) == "not trained by gradient descent; use `scratch`"
