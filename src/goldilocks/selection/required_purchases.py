"""Purchases that no policy decides about: baselines of the task, and one candidate beside the majority answer."""

from __future__ import annotations

from collections.abc import Sequence

from goldilocks.selection.standings import Standings

_MAJORITY = "majority"
"""Family of the majority answer; a race in which nothing else finished has decided nothing."""


def baseline_due(standings: Standings, families: Sequence[str]) -> tuple[str, int, str] | None:
    """The next of the baselines to buy, the cheapest first; ``None``: all have run, or would take more than is left."""
    last = len(standings.rungs) - 1
    if not families:
        return None
    prices = {
        name: standings.price(name, last)
        for name in standings.candidates
        if name.split("/")[0] in families and standings.bought(name) <= last
    }
    name = min(prices, key=prices.__getitem__, default=None)
    if name is None or prices[name] > standings.left:
        return None
    return name, last, "a baseline of the task: every candidate is compared with it"


def beside_baseline(standings: Standings) -> tuple[str, int, str] | None:
    """The cheapest but the majority answer, where the policy stops before any of these is finished."""
    last = len(standings.rungs) - 1
    others = [name for name in standings.candidates if decides(name)]
    if not others or any(standings.bought(name) > last for name in others):
        return None
    name = min(others, key=lambda name: standings.price(name, last))
    return name, last, "one candidate beside the majority answer is needed"


def decides(name: str) -> bool:
    """Whether a candidate is more than the majority answer, so that finishing it decides something."""
    return not name.startswith(f"{_MAJORITY}/")
