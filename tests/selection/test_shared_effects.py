import numpy as np
import pytest

from goldilocks.selection.shared_effects import SharedEffects

N, RUNGS = 12, 3
RNG = np.random.default_rng(0)
FAMILIES = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4])  # the last is alone in its family
MODELS = np.array([0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 6, 7])
FACTORS = RNG.normal(0, 0.3, (N, 2))
OWN = RNG.uniform(0.1, 0.4, N)
BETWEEN_RUNGS = np.array([[0.5, 0.3, 0.0], [0.3, 0.4, 0.0], [0.0, 0.0, 0.2]])
SCALES = np.array([0.6, 1.0, 2.5])
OBSERVATIONS: list[tuple[int, int | None, float, float]] = [  # candidate, rung, loading, variance of the noise
    (0, 0, 1.0, 0.2),
    (3, 0, 0.7, 0.1),
    (0, 1, 0.5, 0.05),
    (11, 2, 1.0, 0.3),
    (0, None, 0.0, 0.01),
    (6, None, 0.0, 0.02),
    (3, 1, 0.4, 0.05),
    (8, 0, 1.2, 0.2),
    (3, None, 0.0, 0.01),
]


def dense(scale: float) -> np.ndarray:
    """Joint prior covariance of all z and all effects of rungs, written out."""
    covariance = np.zeros((N + RUNGS, N + RUNGS))
    covariance[N:, N:] = BETWEEN_RUNGS
    within = 0.3 * (FAMILIES[:, None] == FAMILIES) + 0.2 * (MODELS[:, None] == MODELS) + FACTORS @ FACTORS.T
    covariance[:N, :N] = 0.8 + scale**2 * (within + np.diag(OWN))
    return covariance


def test_columns_are_those_of_the_joint_covariance_after_every_observation() -> None:
    effects = SharedEffects([(FAMILIES, 0.3), (MODELS, 0.2)], FACTORS, OWN, 0.8, BETWEEN_RUNGS, SCALES)
    joint = [dense(scale) for scale in SCALES]
    for place, rung, loading, noise in OBSERVATIONS:
        row = np.zeros(N + RUNGS)
        row[place] = 1.0
        if rung is not None:
            row[N + rung] = loading
        totals = np.array([row @ covariance @ row + noise for covariance in joint])
        effects.observe(place, rung, loading, noise, totals)
        joint = [
            covariance - np.outer(covariance @ row, covariance @ row) / total
            for covariance, total in zip(joint, totals, strict=True)
        ]
        for candidate in range(N):
            expected = np.array([covariance[candidate] for covariance in joint])
            assert effects.column(candidate) == pytest.approx(expected, abs=1e-9)
