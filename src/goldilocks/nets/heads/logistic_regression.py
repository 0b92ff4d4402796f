"""A linear head fitted in closed form: scikit-learn's logistic regression (L2, C = 1) on features of deviation 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

_CONSTANT = 1e-6
"""Deviation of a feature relative to its largest value, up to which it counts as constant."""


def fit_linear_head(head: nn.Linear, features: npt.NDArray[np.floating], numbers: Sequence[int]) -> None:
    """Set a head's weights in place; labels without a row get a bias that rules them out.

    Args:
        head: As many outputs as there are labels.
        features: ``(n_rows, width)``.
        numbers: The label of each row.
    """
    from sklearn.linear_model import LogisticRegression

    values = np.asarray(features, dtype=np.float64)
    deviation = values.std(0)
    # A feature that is the same in all rows has only rounding errors for a deviation: it is left out.
    scale = np.where(deviation > _CONSTANT * np.abs(values).max(0), deviation, np.inf)
    count = head.out_features
    if len(set(numbers)) < 2:  # nothing to tell apart
        weight, bias = np.zeros((count, values.shape[1])), np.where(np.arange(count) == numbers[0], 0.0, -10.0)
    else:
        model = LogisticRegression(max_iter=300).fit(values / scale, numbers)
        weight, bias = np.zeros((count, values.shape[1])), np.full(count, -1e4)
        two = len(model.classes_) == 2  # one row of weights for both classes
        weight[model.classes_] = np.vstack([-model.coef_ / 2, model.coef_ / 2] if two else [model.coef_])
        bias[model.classes_] = np.concatenate(
            [-model.intercept_ / 2, model.intercept_ / 2] if two else [model.intercept_]
        )
        weight /= scale
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))
