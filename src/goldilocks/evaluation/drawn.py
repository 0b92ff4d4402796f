"""Several sampled answers per item: the probability that at least one of k is correct (pass@k)."""

from __future__ import annotations

from collections.abc import Sequence

from goldilocks.evaluation.score import measured
from goldilocks.protocols import SupportsSampling
from goldilocks.records import Answer, Gold, Measured

KS = (1, 5, 10, 100)
"""Values of k that people compare; the number of samples is always among them."""


def drawn_scores(
    name: str, metric: SupportsSampling, gold: Sequence[Gold], samples: Sequence[Sequence[Answer]], *, seed: int = 0
) -> dict[str, Measured]:
    """``pass_at_1``, ``pass_at_10`` …: each value of k there are samples enough for, with its interval over items.

    Args:
        name: File name of the metric; its ``_k`` is replaced.
        metric: What scores them.
        gold: The gold answers.
        samples: One answer to every item each, ``(n_samples, n_items)``.
        seed: Seed of the resampling.
    """
    every = [tuple(map(str, sample)) for sample in zip(*samples, strict=True)]
    cutoffs = sorted({k for k in KS if k < len(samples)} | {len(samples)})
    return {f"{name.removesuffix('_k')}_{k}": measured(metric.at(k), gold, every, seed=seed) for k in cutoffs}
