from __future__ import annotations

from dataclasses import replace

import pytest
from method_models import CONFIG, ENCODER

from goldilocks.methods import top_layers


def test_a_third_of_the_blocks_is_trained_and_the_rest_runs_once() -> None:
    # 2 of 6 blocks: a third of the effort, and a ninth of the other two thirds.
    assert top_layers.effort(ENCODER) == pytest.approx(1 / 3 + 2 / 27)


def test_rate_is_twice_that_of_full_fine_tuning() -> None:
    assert top_layers.training_config(CONFIG) == replace(CONFIG, learning_rate=2e-4, layer_ratio=1.0)


def test_single_block_leaves_nothing_to_freeze() -> None:
    reason = top_layers.incompatibility(replace(ENCODER, depth=1))
    assert reason == "has 1 stacked layers; needs at least 2"
