"""Hard limits: a candidate that violates one cannot win, whatever its score."""

from __future__ import annotations

from goldilocks.records import Footprint, Limits, Serving
from goldilocks.support.amounts import money

_SERVING = Serving()


def broken_limit(
    footprint: Footprint, score: float, limits: Limits, serving: Serving = _SERVING
) -> tuple[str, float] | None:
    """The first hard limit that is violated, as text, and by what factor; ``None`` if all are met."""
    latency = footprint.latency_p50_ms if serving.latency_percentile == 50 else footprint.latency_p95_ms
    checks = [
        (f"latency_p{serving.latency_percentile}_ms", latency.value, limits.latency_p95_ms, "ms"),
        ("memory_mb", footprint.memory_bytes / 1e6, limits.memory_mb, "MB"),
        ("size_mb", footprint.size_bytes / 1e6, limits.size_mb, "MB"),
    ]
    for name, value, limit, unit in checks:
        if limit is not None and value > limit:
            return f"{name}: measured {money(value)} {unit}, limit {money(limit)} {unit}", value / limit
    if limits.min_score is not None and score < limits.min_score:
        return f"min_score: scored {score:.3f}, limit {limits.min_score:g}", limits.min_score / max(score, 1e-9)
    return None
