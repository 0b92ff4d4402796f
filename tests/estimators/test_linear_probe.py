from __future__ import annotations

import numpy as np

from goldilocks.estimators import linear_probe
from goldilocks.support.scoring.linear_probe import held_out


def test_it_is_minus_the_held_out_log_loss() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 3
    features = (rng.normal(size=(200, 6)) + np.eye(6)[labels]).astype(np.float32)
    assert linear_probe.estimate(features, labels, seed=4) == -held_out(features, labels, 4)[0]
