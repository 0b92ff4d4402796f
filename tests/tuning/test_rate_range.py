from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.network import Network
from goldilocks.records import TrainingConfig
from goldilocks.testing import tiny
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.rate_range import HIGHEST, LOWEST, rate_range_test, with_tested_rates
from goldilocks.tuning.training_set import TrainingSet

CONFIG = TrainingConfig(epochs=2, learning_rate=2e-3, head_learning_rate=1e-2, batch_rows=8)
PART = tiny.part(48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("range") / "tiny-encoder")


def learner(folder: Path, factor: float = 1.0) -> Learner:
    family, method = plugins.load("families", "encoder"), plugins.load("methods", "full")
    info = family.describe(folder, str(folder))
    assert info is not None
    network = family.create(info, folder, PART, tiny.GOAL, seed=0)
    assert isinstance(network, Network)
    torch.manual_seed(0)
    method.prepare(network, method.Options())
    config = replace(
        CONFIG, learning_rate=CONFIG.learning_rate * factor, head_learning_rate=CONFIG.head_learning_rate * factor
    )
    return Learner(network, config, TrainingSet(PART.texts, PART.gold), seed=0)


def test_rates_climb_exponentially_and_the_suggestion_is_a_tenth_of_the_best(folder: Path) -> None:
    result = rate_range_test(learner(folder), steps=30)
    ratios = np.diff(np.log(result.factors))
    assert result.factors[0] == LOWEST
    assert result.factors[-1] <= HIGHEST * 1.001
    assert ratios == pytest.approx(np.full(len(ratios), np.log(HIGHEST / LOWEST) / 29))
    assert result.best == pytest.approx(result.factors[int(np.argmin(result.losses))] / 10)


def test_rates_that_are_far_too_low_are_raised_and_far_too_high_ones_lowered(folder: Path) -> None:
    low, high = (rate_range_test(learner(folder, factor), steps=40).best for factor in (0.2, 1e2))
    assert low > 1.0
    assert high < 0.1


def test_rates_stay_where_the_test_says_nothing(folder: Path) -> None:
    # From 1e-7 to 1e-3 times rates that train: the loss only fluctuates between batches.
    assert rate_range_test(learner(folder, 1e-5), steps=10).best == 1.0


def test_both_rates_are_scaled_and_the_test_is_done_once() -> None:
    config = with_tested_rates(replace(CONFIG, rate_test=True), 0.5)
    assert (config.learning_rate, config.head_learning_rate, config.rate_test) == (1e-3, 5e-3, False)
