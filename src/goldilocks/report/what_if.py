"""The data of the page's slider: winner, best set and costs for another price of an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from goldilocks.records import Decision
from goldilocks.support.text.translation import _, language


def slider_data(decision: Decision, losses: Mapping[str, float], labels: Mapping[str, str]) -> Markup | None:
    """JSON for ``what_if.js``; ``None`` where an earlier version wrote the decision, or one candidate finished.

    Args:
        decision: Decision of the run.
        losses: Candidate -> validation loss.
        labels: Candidate -> short name.
    """
    noise = decision.loss_noise
    if noise is None or len(noise.candidates) < 2:
        return None
    rows = {standing.candidate: standing for standing in decision.candidates}
    candidates: list[dict[str, Any]] = []
    by_size = sorted(noise.candidates, key=lambda name: (rows[name].parameters, name))
    for name in noise.candidates:
        row = rows[name]
        if row.cost is None or name not in losses:
            return None
        loss = losses[name]
        known = row.expected_j is not None and decision.alpha > 0
        expected = (row.expected_j - row.cost.total) / decision.alpha if known and row.expected_j is not None else loss
        candidates.append(
            {
                "name": labels.get(name, name),
                "cost": row.cost.total,
                "timing": row.cost.error,  # its 95% half-width
                "loss": loss,
                "expected": expected,
                "rank": by_size.index(name),
            }
        )
    turns = [piece.alpha_from for piece in decision.map if piece.alpha_from > 0]
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
        "language": language(),
        "words": {
            "price": _("{each} {currency} (α = {alpha} {currency} per month)"),
            "winner": _("{name}: {total} {currency} per month; {best}"),
            "several": _("{n} candidates in the best set"),
            "alone": _("no other candidate in the best set"),
            "yes": _("yes"),
            "no": _("no"),
        },
    }
    # In a script element only "<" could end it.
    return Markup(json.dumps(content).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
