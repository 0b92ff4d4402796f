"""The data of the page's slider: winner, best set and costs for another price of an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from goldilocks.records import Decision


def slider_data(decision: Decision, losses: Mapping[str, float], labels: Mapping[str, str]) -> Markup | None:
    """JSON for ``what_if.js``; ``None`` where an earlier version wrote the decision, or one candidate finished.

    Args:
        decision: Of the run.
        losses: Candidate -> validation loss.
        labels: Candidate -> short name.
    """
    noise = decision.loss_noise
    if noise is None or len(noise.candidates) < 2:
        return None
    rows = {one.candidate: one for one in decision.candidates}
    candidates: list[dict[str, Any]] = []
    for name in noise.candidates:
        one = rows[name]
        if one.cost is None or name not in losses:
            return None
        loss = losses[name]
        known = one.expected_j is not None and decision.alpha > 0
        expected = (one.expected_j - one.cost.total) / decision.alpha if known and one.expected_j is not None else loss
        candidates.append({"name": labels.get(name, name), "cost": one.cost.total, "loss": loss, "expected": expected})
    turns = [one.alpha_from for one in decision.map if one.alpha_from > 0]
    around = [*turns, decision.alpha] if decision.alpha > 0 else turns
    content = {
        "candidates": candidates,
        "errors": noise.standard_errors,
        "critical": noise.critical,
        "step": noise.step,
        "alpha": float(decision.alpha),
        "from": min(around, default=1.0) / 10,
        "to": max(around, default=100.0) * 10,
        "requests": float(decision.objective.requests_per_month),  # an int before it was written and read back
        "indifference": float(decision.objective.indifference),
        "currency": decision.objective.currency,
    }
    # In a script element only "<" could end it.
    return Markup(json.dumps(content).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
