"""The decision in words: what was chosen, how sure, why not the others, for which price of an error it holds."""

from __future__ import annotations

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
        price = f"{objective.error_cost:g} {objective.currency} an error"
        return f"By J alone {here.candidate} would be a hair ahead at {price}."
    low = f"{here.alpha_from / requests:.3g}"
    if here.alpha_to is None:
        span = f"from {low} {objective.currency} an error upwards" if here.alpha_from > 0 else "whatever an error costs"
    else:
        span = f"while an error costs between {low} and {here.alpha_to / requests:.3g} {objective.currency}"
    position = list(ranges).index(here)
    below = f"; below that {ranges[position - 1].candidate} is the better buy" if position else ""
    return f"It has the lowest J {span}{below}."
