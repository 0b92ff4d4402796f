"""Transferability estimators: estimators/NAME.py."""

from __future__ import annotations

from typing import Protocol

from goldilocks.answers import Floats, Ints
from goldilocks.records import Output


class Estimator(Protocol):
    """estimators/NAME.py: transferability estimate from frozen features and labels, without training the model."""

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of output the estimate is defined for."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the estimate follows, and where we differ."""

    def estimate(self, features: Floats, labels: Ints, *, seed: int) -> float:
        """Higher is better. ``features`` (n_texts, width) float32, ``labels`` (n_texts,) from 0."""
