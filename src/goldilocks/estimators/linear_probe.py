"""Linear probe: minus the log-loss of a multinomial logistic regression on rows held out from it."""

from __future__ import annotations

from goldilocks.protocols import Floats, Ints
from goldilocks.records import Output
from goldilocks.support.scoring import linear_probe

OUTPUTS = frozenset({Output.LABEL})
SOURCE = (
    "Alain & Bengio 2016, 'Understanding intermediate layers using linear classifier probes'; held out, ridge penalty."
)


def estimate(features: Floats, labels: Ints, *, seed: int) -> float:
    """Minus the held-out log-loss, nats per text. See ``protocols.Estimator``."""
    return -linear_probe.held_out(features, labels, seed)[0]
