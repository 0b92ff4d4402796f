"""Buy the run whose expected saving per second is highest; stop when no saving is worth its price.

A candidate's value is how much money per month finishing it is expected to save over the best that is finished, beyond
what the validation items could tell apart (``Race.value``, from the posterior in ``select/forecast.py``).
"""

from __future__ import annotations

from goldilocks.protocols import Race

SOURCE = (
    "Expected improvement per second: Snoek et al. 2012, arXiv:1206.2944 section 3.2; promotion instead of stopping: "
    "Li et al. 2020, arXiv:1810.05934. Different here: improvement is money beyond the resolution of the data, and a "
    "purchase is one rung."
)
_LEAST_SECONDS = 5.0
"""A rung that is nearer than this is passed over: checkpoint and scoring would cost as much as it tells."""

_FREE_SECONDS = 1.0
"""Whoever takes less is always run: it costs nothing to speak of, and a table with its baselines is easier to trust."""


def choose(race: Race) -> tuple[str, int, str] | None:
    """See ``protocols.Policy``."""
    last = len(race.rungs) - 1
    if not any(race.bought(name) > last for name in race.candidates):
        # Nothing is finished, so there is nothing to improve on: the cheapest sets the mark that others must beat.
        cheapest = min(race.candidates, key=lambda name: race.price(name, last))
        return cheapest, last, "the cheapest sets the mark"
    best: tuple[float, str, float, float] | None = None
    for name in race.candidates:
        if race.bought(name) > last:
            continue
        value, price = race.value(name), max(race.price(name, last), 1e-3)
        if price > _FREE_SECONDS and value <= max(race.worth_least, price * race.second_price):
            continue
        if best is None or value / price > best[0]:
            best = (value / price, name, value, price)
    if best is None:
        return None
    _, name, value, price = best
    ahead = range(race.bought(name), last + 1)
    rung = next((one for one in ahead if race.price(name, one) >= _LEAST_SECONDS), last)
    return name, rung, f"expected to save {value:.4g} a month for {price:.3g} s"
