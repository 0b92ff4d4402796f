"""Explanation of a decision: the winner, its uncertainty, the alternatives, and the error costs for which it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from goldilocks.records import AlphaRange, Objective, ShortSchedule, Standing, provisional
from goldilocks.support.amounts import money


def sentence(
    winner: Standing,
    standings: Sequence[Standing],
    tied: Sequence[str],
    ranges: Sequence[AlphaRange],
    objective: Objective,
    metric: str,
    *,
    useful: bool = True,
) -> str:
    """The decision as one paragraph with the numbers that matter; it recommends no winner that is not ``useful``."""
    assert winner.score is not None
    assert winner.cost is not None
    parts = [
        f"The best so far is {winner.candidate}: {metric} {winner.score.value:.3f} "
        f"({winner.score.low:.3f} to {winner.score.high:.3f}) on {winner.score.n} validation texts, "
        f"{money(winner.cost.total)} {objective.currency} per month to run."
        if provisional(winner, standings) or not useful
        else f"Use {winner.candidate}: {metric} {winner.score.value:.3f} "
        f"({winner.score.low:.3f} to {winner.score.high:.3f}) on {winner.score.n} validation texts, "
        f"{money(winner.cost.total)} {objective.currency} per month to run."
    ]
    others = [name for name in tied if name != winner.candidate]
    if others:
        named = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        parts.append(f"Not significantly different on these texts: {named}.")
    if chances := _chances(winner, standings):
        parts.append(chances)
    beaten = next((standing for standing in standings if standing.status == "raced" and standing.J is not None), None)
    if beaten is not None and beaten.J is not None and winner.J is not None:
        rank = "The cheapest candidate outside the best set" if others else "The next best"
        more = f"{money(beaten.J - winner.J)} {objective.currency} more per month, errors included"
        parts.append(f"{rank}, {beaten.candidate}, costs {more}.")
    parts.append(_valid_range(winner.candidate, ranges, objective))
    return " ".join(parts)


def _chances(winner: Standing, standings: Sequence[Standing]) -> str:
    """Who holds the probability of being the best, and what would settle it; empty if it is not known."""
    if winner.p_best is None:
        return ""
    unfinished = [standing for standing in standings if standing.status == "stopped" and standing.p_best]
    open_ = sum(standing.p_best or 0.0 for standing in unfinished)
    if open_ < LIKELY:
        return f"The probability that the winner is the best of all candidates is {winner.p_best:.0%}."
    first = max(unfinished, key=lambda standing: standing.p_best or 0.0)
    rest = max(1 - winner.p_best - open_, 0.0)
    needed = first.budget_to_finish or first.seconds_to_finish  # decisions of earlier versions have the latter alone
    more = f"about {_duration(needed)} more of budget" if needed else "more budget"
    if needed and first.share_to_finish < 1:
        return (
            f"The probability of being the best of all candidates is {winner.p_best:.0%} for the winner and {rest:.0%} "
            f"for the other finished ones; the remaining {open_:.0%} is shared by the unfinished candidates, and "
            f"{more} would finish the most probable of these, {first.candidate}, with "
            f"{_part(first.share_to_finish)} of its training schedule."
        )
    return (
        f"The probability of being the best of all candidates is {winner.p_best:.0%} for the winner and {rest:.0%} for "
        f"the other finished ones; the remaining {open_:.0%} is shared by the unfinished candidates, and {more} would "
        f"finish the most probable of these, {first.candidate}."
    )


LIKELY = 0.1
"""Minimum probability of being the best for an unfinished candidate to be mentioned."""


def advice(standings: Sequence[Standing], winner: Standing, objective: Objective, regret: float) -> tuple[str, ...]:
    """What could improve the decision: unfinished candidates that may be better, most probable first."""
    unfinished = [
        standing for standing in standings if standing.status == "stopped" and (standing.p_best or 0.0) >= LIKELY
    ]
    unfinished.sort(key=lambda standing: -(standing.p_best or 0.0))
    lines: list[str] = []
    for standing in unfinished[:3]:
        progress = f"{standing.share:.0%} of its run" if standing.share > 0 else "not run"
        needed = standing.budget_to_finish or standing.seconds_to_finish
        needs = f" by about {_duration(needed)}" if needed else ""
        chance = f"{standing.candidate} ({progress}) is the best with a probability of {standing.p_best:.0%}"
        if needed and standing.share_to_finish < 1:
            part = _part(standing.share_to_finish)
            lines.append(
                f"{chance}; to finish it with {part} of its training schedule, raise the budget{needs} and pass "
                "--resume."
            )
        else:
            lines.append(f"{chance}; to finish it, raise the budget{needs} and pass --resume.")
    if lines:
        price = f"{_plain(regret)} {objective.currency} per month"
        lines.append(f"Expected regret of choosing {winner.candidate} now: {price}.")
    return tuple(lines)


def shortened(candidate: str, full_seconds: float, schedule: ShortSchedule | None, share: float) -> tuple[str, ...]:
    """That the winner was trained with a shorter schedule than usual or on fewer rows, if so.

    Args:
        candidate: The winner.
        full_seconds: What its usual schedule would take.
        schedule: The shorter one that it was planned with; ``None``: the usual one.
        share: Share of the usual schedule that it had, in training rows seen.
    """
    if share >= 1:
        return ()
    needs = _duration(full_seconds)
    if schedule is None:
        return (
            f"{candidate} was trained with {share:.0%} of its training schedule to fit the budget; the full schedule "
            f"takes about {needs} and may be better.",
        )
    epochs, full = f"{share * schedule.full_epochs / schedule.rows:.2g}", f"{schedule.full_epochs:g}"
    if schedule.rows < 1:
        rows = f"{schedule.rows:.0%}"
        if schedule.epochs >= schedule.full_epochs and share >= schedule.share:
            return (
                f"{candidate} was trained on {rows} of the training rows to fit the budget; the full schedule takes "
                f"about {needs} and may be better.",
            )
        return (
            f"{candidate} was trained for {epochs} of {full} epochs on {rows} of the training rows to fit the budget; "
            f"the full schedule takes about {needs} and may be better.",
        )
    return (
        f"{candidate} was trained for {epochs} of {full} epochs to fit the budget; the full schedule takes about "
        f"{needs} and may be better.",
    )


def _part(share: float) -> str:
    """A share in percent, which is not rounded to none or all of it."""
    return f"{min(max(share, 0.01), 0.99):.0%}"


def _duration(seconds: float) -> str:
    return f"{max(1.0, seconds):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _valid_range(winner: str, ranges: Sequence[AlphaRange], objective: Objective) -> str:
    """The error costs for which the winner has the lowest J, and the best candidate below them."""
    requests = objective.requests_per_month
    alpha = objective.alpha
    alpha_range = next(
        interval
        for interval in ranges
        if interval.alpha_from <= alpha and (interval.alpha_to is None or alpha < interval.alpha_to)
    )
    if alpha_range.candidate != winner:
        price = f"{_plain(objective.unit_cost)} {objective.currency} per error"
        return (
            f"At {price}, {alpha_range.candidate} has a lower observed J; the difference is within the measurement "
            "error or the stated margin."
        )
    plausible = alpha_range.alpha_from / requests >= _MIN_PRICE
    low = _plain(alpha_range.alpha_from / requests if plausible else 0.0)
    if alpha_range.alpha_to is not None and alpha_range.alpha_to / requests < _MIN_PRICE:
        span = f"if an error costs less than {_plain(_MIN_PRICE)} {objective.currency}"
    elif alpha_range.alpha_to is not None:
        span = f"if an error costs between {low} and {_plain(alpha_range.alpha_to / requests)} {objective.currency}"
    elif plausible:
        span = f"if an error costs at least {low} {objective.currency}"
    else:
        span = "at any plausible cost of an error" if alpha_range.alpha_from > 0 else "at any cost of an error"
    position = list(ranges).index(alpha_range)
    if position and plausible:
        return f"The winner has the lowest total cost J {span}; below that {ranges[position - 1].candidate} is better."
    return f"The winner has the lowest total cost J {span}."


_MIN_PRICE = 1e-6
"""Money per error below which no error costs anything: who is best there is not said."""


def _plain(value: float) -> str:
    """Three digits, thousands separated, without an exponent and without words, which a translation would have to find.

    Example:
        >>> _plain(5.154e-06), _plain(0.25), _plain(1234.0), _plain(1e-9)
        ('0.00000515', '0.25', '1,234', '< 0.000001')
    """
    if value <= 0:
        return "0"
    if value < _MIN_PRICE:
        return "< 0.000001"
    digits = max(0, 2 - math.floor(math.log10(value)))
    shown = f"{value:,.{digits}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
