"""The decision in words: what was chosen, how sure, why not the others, for which price of an error it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from goldilocks.records import AlphaRange, Objective, Standing


def sentence(
    winner: Standing,
    standings: Sequence[Standing],
    tied: Sequence[str],
    ranges: Sequence[AlphaRange],
    objective: Objective,
    metric: str,
) -> str:
    """One paragraph of plain words with the numbers that matter."""
    assert winner.score is not None
    assert winner.cost is not None
    parts = [
        f"Take {winner.model} ({winner.family}, {winner.method}): {metric} {winner.score.value:.3f} "
        f"({winner.score.low:.3f} to {winner.score.high:.3f}) on {winner.score.n} validation texts, "
        f"{winner.cost.total:.4g} {objective.currency} a month to run."
    ]
    others = [name for name in tied if name != winner.candidate]
    if others:
        named = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        parts.append(f"It cannot be told apart from {named} on these texts and is the cheapest of them.")
    beaten = next((one for one in standings if one.status == "raced" and one.gap is not None), None)
    if beaten is not None and beaten.gap is not None:
        parts.append(
            f"The next best, {beaten.candidate}, would cost {beaten.gap.value:.4g} {objective.currency} a month more, "
            "errors included."
        )
    parts.append(_range_in_words(winner.candidate, ranges, objective))
    return " ".join(parts)


def _range_in_words(winner: str, ranges: Sequence[AlphaRange], objective: Objective) -> str:
    """For which price of an error the winner has the lowest J, and what comes next."""
    requests = objective.requests_per_month
    alpha = objective.alpha
    here = next(one for one in ranges if one.alpha_from <= alpha and (one.alpha_to is None or alpha < one.alpha_to))
    if here.candidate != winner:
        price = f"{_plain(objective.error_cost)} {objective.currency} an error"
        return f"By J alone {here.candidate} would be a hair ahead at {price}."
    low = _plain(here.alpha_from / requests)
    if here.alpha_to is None:
        span = f"from {low} {objective.currency} an error upwards" if here.alpha_from > 0 else "whatever an error costs"
    else:
        span = f"while an error costs between {low} and {_plain(here.alpha_to / requests)} {objective.currency}"
    position = list(ranges).index(here)
    below = f"; below that {ranges[position - 1].candidate} is the better buy" if position else ""
    return f"It has the lowest J {span}{below}."


def _plain(value: float) -> str:
    """Three digits, without an exponent.

    Example:
        >>> _plain(5.154e-06), _plain(0.25), _plain(1234.0)
        ('0.00000515', '0.25', '1234')
    """
    if value <= 0:
        return "0"
    if value < 1e-6:
        return "less than 0.000001"
    digits = max(0, 2 - math.floor(math.log10(value)))
    found = f"{value:.{digits}f}"
    return found.rstrip("0").rstrip(".") if "." in found else found
