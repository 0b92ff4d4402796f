from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from goldilocks.nets.training.losses.class_weights import balanced_weights

TARGETS = [0, 0, 0, 1, 2, 2]


def test_weights_are_scikit_learns_and_their_mean_over_rows_is_one() -> None:
    got = balanced_weights(TARGETS, 3)
    assert got.tolist() == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=TARGETS))
    assert float(got[TARGETS].mean()) == pytest.approx(1.0)


def test_label_without_a_row_weighs_nothing_and_leaves_the_others_as_they_are() -> None:
    got = balanced_weights(TARGETS, 5)
    assert got[3:].tolist() == [0.0, 0.0]
    assert got[:3].tolist() == pytest.approx(balanced_weights(TARGETS, 3).tolist())
