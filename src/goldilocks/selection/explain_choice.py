"""The decision in words: what was chosen, how sure it is, why not the others, for which price of an error it holds."""

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
        chance = f" (the probability that it is the best is {winner.p_best:.0%})" if winner.p_best is not None else ""
        parts.append(f"These texts do not exclude that {named} is as good{chance}.")
    beaten = next((one for one in standings if one.status == "raced" and one.J is not None), None)
    if beaten is not None and beaten.J is not None and winner.J is not None:
        rank = "The next best outside of these" if others else "The next best"
        more = f"{beaten.J - winner.J:.4g} {objective.currency} a month more, errors included"
        parts.append(f"{rank}, {beaten.candidate}, costs {more}.")
    parts.append(_range_in_words(winner.candidate, ranges, objective))
    return " ".join(parts)


LIKELY = 0.1
"""Probability of being the best from which an unfinished candidate is worth mentioning."""


def advice(standings: Sequence[Standing], winner: Standing, objective: Objective, regret: float) -> tuple[str, ...]:
    """What could improve the decision: the unfinished candidates that are likely to be better, likeliest first."""
    open_ = [one for one in standings if one.status == "stopped" and (one.p_best or 0.0) >= LIKELY]
    open_.sort(key=lambda one: -(one.p_best or 0.0))
    lines: list[str] = []
    for one in open_[:3]:
        begun = f"after {one.share:.0%} of its run" if one.share > 0 else "which was not run"
        needs = f"about {_duration(one.seconds_to_finish)} more would finish it; " if one.seconds_to_finish else ""
        chance = f"{one.candidate}, {begun}, has a probability of {one.p_best:.0%} of being the best"
        lines.append(f"{chance}: {needs}raise the budget and --resume.")
    if lines:
        price = f"{_plain(regret)} {objective.currency} a month"
        lines.append(f"Choosing {winner.candidate} now is expected to cost {price} more than the best would.")
    return tuple(lines)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _range_in_words(winner: str, ranges: Sequence[AlphaRange], objective: Objective) -> str:
    """For which price of an error the winner has the lowest J, and what comes next."""
    requests = objective.requests_per_month
    alpha = objective.alpha
    here = next(one for one in ranges if one.alpha_from <= alpha and (one.alpha_to is None or alpha < one.alpha_to))
    if here.candidate != winner:
        price = f"{_plain(objective.unit_cost)} {objective.currency} an error"
        return (
            f"On these texts {here.candidate} has the lowest J at {price}, by less than its measurement can resolve or "
            "than the margin allowed."
        )
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
