"""LogME: the log evidence of a Bayesian linear model from the features to each label (1 or 0), per text.

For each label the two precisions, a of the weights and b of the noise, are set by the fixed point of MacKay that
maximises the evidence. They start at 1 again for every label: carried over, the result depends on the labels' order.

Distrust it with fewer texts than features: the fit is then perfect and the evidence says more about the width than
about the labels.
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats, Ints
from goldilocks.records import Output

OUTPUTS = frozenset({Output.LABEL})
SOURCE = (
    "You et al. 2021, 'LogME: Practical assessment of pre-trained models for transfer learning', with the faster "
    "fixed point of You et al. 2022. We reset the precisions for each label, which the authors' code does not."
)
_STEPS = 100


def estimate(features: Floats, labels: Ints, *, seed: int) -> float:  # noqa: ARG001
    """Log evidence per text (nats), averaged over the labels. See ``protocols.Estimator``."""
    kinds = np.unique(labels)
    targets = (labels[:, None] == kinds).astype(np.float64)  # (n_texts, n_labels)
    return float(_evidence(features.astype(np.float64), targets).mean())


def _evidence(features: Floats, targets: Floats) -> Floats:
    """Log evidence per text of each column of ``targets``, at the precisions that maximise it."""
    rows = len(features)
    power, along = _axes(features, targets)  # squared singular values (rank, 1), squared projections (rank, n_labels)
    outside = np.maximum((targets**2).sum(0) - along.sum(0), 0.0)  # what no weights can reach
    weights = noise = np.ones(targets.shape[1])
    for _ in range(_STEPS):
        ratio = weights / noise
        used = (power / (power + ratio)).sum(0)
        size = (power * along / (power + ratio) ** 2).sum(0)
        residual = (along * (ratio / (power + ratio)) ** 2).sum(0) + outside
        weights = np.clip(used / np.maximum(size, 1e-12), 1e-9, 1e12)
        noise = np.clip((rows - used) / np.maximum(residual, 1e-12), 1e-9, 1e12)
        if np.all(np.abs(weights / noise - ratio) <= 1e-4 * ratio):
            break
    ratio = weights / noise
    size = (power * along / (power + ratio) ** 2).sum(0)
    residual = (along * (ratio / (power + ratio)) ** 2).sum(0) + outside
    logs = rows * np.log(noise) - rows * np.log(2 * np.pi) - np.log1p(power / ratio).sum(0)
    return np.asarray(0.5 * (logs - noise * residual - weights * size) / rows)


def _axes(features: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Squared singular values of the features and the targets' squared projections on the left singular vectors.

    By the eigenvectors of the smaller Gram matrix: several times faster than a singular value decomposition, and what
    it loses (directions below 1e-7 of the largest) carries no evidence.
    """
    rows, width = features.shape
    if rows < width:
        power, vectors = np.linalg.eigh(features @ features.T)
        along = (vectors.T @ targets) ** 2
    else:
        power, vectors = np.linalg.eigh(features.T @ features)
        along = (vectors.T @ (features.T @ targets)) ** 2 / np.maximum(power, 1e-300)[:, None]
    kept = power > 1e-14 * max(float(power.max(initial=0.0)), 1e-300) * max(rows, width)
    return power[kept, None], along[kept]
