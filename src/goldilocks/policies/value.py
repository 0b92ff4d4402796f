"""Buy the run that is expected to save most; stop when no saving is worth its price.

A candidate's value is how much money per month finishing it is expected to save over the best that is finished, beyond
what the validation items could tell apart (``Race.value``, from the posterior in ``selection/loss_posterior.py``).
"""

from __future__ import annotations

from goldilocks.protocols import Race

SOURCE = (
    "Weitzman 1979, 'Optimal search for the best alternative': the most promising first, until none is worth opening; "
    "promotion instead of stopping: Li et al. 2020, arXiv:1810.05934. Different here: the order is by expected "
    "improvement (Snoek et al. 2012, arXiv:1206.2944) beyond the resolution of the data instead of the reservation "
    "price, and a purchase is one rung. Not improvement per second: that pays for the cheap ones first, and then for a "
    "better one that makes them worthless."
)
_LEAST_SECONDS = 5.0
"""A rung that is nearer than this is passed over: checkpoint and scoring would cost as much as it tells."""

_MOST_OF_IT = 0.5
"""A rung that costs more than this share of all that is ahead is passed over."""

_FREE_SECONDS = 1.0
"""Whoever takes less is always run: it costs nothing to speak of, and a table with its baselines is easier to trust."""


def choose(race: Race) -> tuple[str, int, str] | None:
    """See ``protocols.Policy``."""
    last = len(race.rungs) - 1
    if not any(race.bought(name) > last for name in race.candidates):
        # Nothing is finished, so there is nothing to improve on: the cheapest sets the mark that others must beat.
        cheapest = min(race.candidates, key=lambda name: race.price(name, last))
        return cheapest, last, "the cheapest sets the mark"
    open_ = {name: race.price(name, last) for name in race.candidates if race.bought(name) <= last}
    free = [name for name, price in open_.items() if price <= _FREE_SECONDS]
    if free:
        return free[0], last, f"takes less than {_FREE_SECONDS:g} s"
    values = {name: race.value(name) for name in open_}
    worth = [name for name, price in open_.items() if values[name] > race.hurdle(price)]
    if not worth:
        return None
    # What cannot be finished within the budget comes last: a run cut short decides nothing.
    name = max(worth, key=lambda one: (open_[one] <= race.seconds_left, values[one]))
    ahead = range(race.bought(name), last + 1)
    prices = {one: race.price(name, one) for one in ahead}
    # A look that costs most of the run is no look: what is left may as well be bought.
    looks = (one for one, price in prices.items() if _LEAST_SECONDS <= price <= _MOST_OF_IT * open_[name])
    rung = next(looks, last)
    return name, rung, f"expected to save {values[name]:.4g} a month for {open_[name]:.3g} s"
