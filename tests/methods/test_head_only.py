from __future__ import annotations

from goldilocks.methods import head_only
from goldilocks.records import ModelInfo, Output, TrainingConfig

ENCODER = ModelInfo("e", "encoder", "hf://o/e", "", "", ("en",), "mit", 1, 1, groups=("attention", "head"), depth=2)
CONFIG = TrainingConfig(epochs=3, learning_rate=1e-4, head_learning_rate=1e-3, dropout=0.1)


def test_linear_head_gets_many_cheap_epochs() -> None:
    config = head_only.training_config(CONFIG)
    assert (config.epochs, config.head_learning_rate, config.dropout, config.batch_rows) == (30, 1e-2, 0.0, 256)


def test_head_with_layers_of_its_own_keeps_the_config_of_the_family() -> None:
    deep = TrainingConfig(epochs=3, learning_rate=1e-4, head_learning_rate=1e-3, deep_head=True)
    assert head_only.training_config(deep) is deep


def test_output_layer_over_the_vocabulary_is_not_computed_once() -> None:
    assert head_only.frozen_share(ENCODER, Output.LABEL) == 0.8
    assert head_only.frozen_share(ENCODER, Output.TEXT) == head_only.frozen_share(ENCODER, Output.LIKELIHOOD) == 0.0
