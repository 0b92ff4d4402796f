"""Shrinkage H-score: between-class covariance of the features, relative to their shrunk covariance.

H = (1 - a) · tr(S⁻¹ B), where B is the covariance of the label means (each text replaced by the mean of its label) and
S = (1 - a) C + a (tr C / width) I is the covariance of the features, shrunk by Ledoit and Wolf's a. Without shrinkage
the score grows with the width alone once there are fewer texts than features.
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats, Ints
from goldilocks.records import Output

OUTPUTS = frozenset({Output.LABEL})
SOURCE = (
    "Ibrahim, Ponomareva & Mazumder 2022, 'Newer is not always better' (shrinkage H-score, after Bao et al. 2019); "
    "Ledoit & Wolf 2004 for the shrinkage. Both covariances divide by n."
)


def estimate(features: Floats, labels: Ints, *, seed: int) -> float:  # noqa: ARG001
    """The shrinkage H-score, from 0 up to (number of labels - 1). See ``protocols.Estimator``."""
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    rows, width = centred.shape
    covariance = centred.T @ centred / rows
    shrinkage = _shrinkage(centred, covariance)
    level = np.trace(covariance) / width
    if level <= 0:
        return 0.0  # every text has the same features
    shrunk = (1 - shrinkage) * covariance
    shrunk[np.diag_indices(width)] += max(shrinkage, 1e-9) * level  # the floor keeps dead features invertible
    kinds, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(kinds), width))
    np.add.at(sums, place, centred)
    means = sums / counts[:, None]  # (n_labels, width)
    between = np.einsum("lw,lw->l", means, np.linalg.solve(shrunk, means.T).T)
    return float((1 - shrinkage) * (counts / rows) @ between)


def _shrinkage(centred: Floats, covariance: Floats) -> float:
    """Ledoit and Wolf's share of the identity, 0 to 1."""
    rows, width = centred.shape
    level = np.trace(covariance) / width
    spread = (covariance**2).sum() - width * level**2
    noise = ((centred**2).sum(1) ** 2).mean() - (covariance**2).sum()
    return float(min(max(noise / rows, 0.0), spread) / spread) if spread > 0 else 1.0
