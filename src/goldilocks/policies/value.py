"""Knowledge gradient per second: train what is expected to save most for its time; stop when nothing is worth it.

A purchase is valued at the best of its later rungs: the money over the horizon by which the score there is expected to
lower J of the best candidate (``Purchases.savings``), divided by the seconds it is expected to take. These are the
seconds up to the rung and, as only a finished candidate can be chosen, those from there to the end, times the
probability that the score will be good enough to go on. So a score at a tenth of the run is cheap where it would
probably end the matter, and no cheaper than the full run where the candidate will be finished anyway.

A second seed of a finished candidate is a purchase like the others: its saving is what the mean over both seeds is
expected to save by changing which candidate is the best (``Race.repeats``), its seconds are those of a whole run.

    plan = candidates in the order of their value per second, as many as fit    the greedy plan
    the single run that saves most, where it saves more than that plan           it does not fit after the cheap ones
    nothing is worth prices.waiting_hour                                         stop

Time for one full run of the best-forecast pretrained candidate is reserved: whatever else is bought must fit besides.
Once that run would take half of what is left, it comes first.
Where its schedule takes what is left (``Race.purchases().schedules``), time for the shortest is reserved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from goldilocks.protocols import Floats, Purchases, Race

SOURCE = (
    "Frazier & Powell 2010, 'Paradoxes in learning and the marginal value of information' (the knowledge gradient, at "
    "the number of further measurements that gives most per measurement: here over rungs, per second); greedy against "
    "the single best run: Khuller, Moss & Naor 1999, 'The budgeted maximum coverage problem'. Different here: a rung "
    "counts for a saving only together with the seconds of finishing."
)
_MIN_SECONDS = 5.0
"""A rung that is nearer than this is passed over: checkpoint and scoring would cost as much as it tells."""
_REFERENCE_SHARE = 0.05
"""Most of the budget that a reference costs which is not expected to be the best."""
_SURELY = 0.95
"""Probability of ending in time that a first run must have, or that of the cheapest where that is lower: a race that
finishes nothing has no answer."""
_LARGE_SHARE = 0.5
"""Share of the seconds left from which on the reserved run is bought before smaller ones: its seconds are the least
certain, and if it turns out to be slower than forecast it no longer fits after them."""
_FREE_SECONDS = 1.0
"""A candidate that takes less is always run: the time is negligible, and results are easier to trust next to simple
baselines."""


def choose(race: Race) -> tuple[str, int, str] | None:
    """See ``protocols.Policy``."""
    purchase = _next(race)
    return None if isinstance(purchase, str) else purchase


def stopped(race: Race) -> str:
    """See ``protocols.ExplainsStopping``."""
    reason = _next(race)
    return reason if isinstance(reason, str) else "the budget ended"


def _next(race: Race) -> tuple[str, int, str] | str:
    """The next purchase, or why there is none."""
    offered = race.purchases()
    if not offered.candidates:
        return _second_seed(race, 0.0) or "every remaining candidate has been trained to the end"
    last = len(race.rungs) - 1
    if race.best is None:
        return _first(race, offered)
    offers = _Offers.of(race, offered)
    free = np.flatnonzero(offers.fits & (offers.to_finish <= _FREE_SECONDS))
    if len(free):  # measuring each takes longer than its run: the most promising first
        place = int(free[np.argmax(offered.savings[free, last])])
        return offered.candidates[place], last, f"takes less than {_FREE_SECONDS:g} s"
    if not offers.fits.any():
        return _second_seed(race, offers.kept) or _does_not_fit(offers, race)
    if race.indifference > 0:
        regret = race.saving_of_all(offered.candidates) / race.horizon_months
        if regret < race.indifference:
            why = f"the expected regret left, {_money(regret, race)} a month, is below the indifference stated"
            return _second_seed(race, offers.kept) or why
    worth = offers.fits & (offers.rates > race.second_price)
    seed = _second_seed(race, offers.kept, above=float(offers.rates[worth].max(initial=0.0)))
    if seed is not None:
        return seed
    if not worth.any():
        return _not_worth(offers, race)
    place = _by_plan(offers, worth, race)
    if offers.reserved is not None and offers.kept > _LARGE_SHARE * race.seconds_left:
        large = offered.candidates.index(offers.reserved)
        place = large if worth[large] else place
    rung = int(offers.best_rungs[place])
    money, seconds = offered.savings[place, rung], offers.expected_seconds[place, rung]
    why = f"expected to save {_money(money, race)} over the horizon for {seconds:.3g} s"
    share = 1.0 if offered.schedules is None or rung < last else float(offered.schedules.shares[place])
    return offered.candidates[place], rung, f"{why}, with {share:.0%} of its schedule" if share < 1 else why


def _first(race: Race, offered: Purchases) -> tuple[str, int, str]:
    """What is finished before anything can be improved on: the cheapest, unless a considerable share of the budget
    would go to a candidate that experience expects less of.
    """
    last = len(race.rungs) - 1
    seconds = offered.seconds[:, last]
    cheapest = int(np.argmin(seconds))
    if seconds[cheapest] <= max(_REFERENCE_SHARE * race.seconds_left, _MIN_SECONDS):
        return offered.candidates[cheapest], last, "the cheapest candidate comes first, as a reference"
    in_time = ndtr(np.log(max(race.seconds_left, 1e-3) / np.maximum(offered.whole, 1e-3)) / offered.time_error)
    expected = np.array([race.forecast(name)[0] for name in offered.candidates])
    safe = in_time >= min(_SURELY, float(in_time[cheapest]))
    best = int(np.argmin(np.where(safe, expected, np.inf)))
    return offered.candidates[best], last, "has the lowest expected loss of those that are sure to fit into the budget"


@dataclass(frozen=True, slots=True)
class _Offers:
    """What can be bought, with what follows from prices and savings."""

    offered: Purchases
    reserved: str | None
    to_finish: Floats
    """Predicted seconds to the end, ``(n,)``."""
    fits: npt.NDArray[np.bool_]
    """Whether the run fits into the budget in addition to the reserved run."""
    room: Floats
    """Seconds of the budget that each may take, ``(n,)``."""
    in_time: Floats
    """Probability that the run ends within the room, ``(n,)``."""
    expected_seconds: Floats
    """Seconds to the rung, and to the end where the score is good, ``(n, rungs)``."""
    rates: Floats
    """Money per second at the best rung, times the probability that the run fits, ``(n,)``."""
    best_rungs: npt.NDArray[np.intp]
    kept: float
    """Seconds of the reserved run."""

    @classmethod
    def of(cls, race: Race, offered: Purchases) -> _Offers:
        """The offers of a race in which at least one candidate has finished."""
        last = len(race.rungs) - 1
        to_finish = offered.seconds[:, last]
        whole = np.maximum(offered.whole, 1e-3)
        room = np.full(len(whole), race.seconds_left)
        schedules = offered.schedules
        # A run that turns out to be slower than forecast is finished with fewer epochs: the fewest have to fit.
        least = whole if schedules is None else np.maximum(np.minimum(schedules.least, whole), 1e-3)
        reserved, kept = race.reserved, 0.0
        if reserved is not None:
            place = offered.candidates.index(reserved)
            elastic = schedules is not None and schedules.elastic[place]
            kept = (least if elastic else whole)[place] * (1 + offered.time_error[place])
            room -= kept
            room[offered.candidates.index(reserved)] += kept
        from_there = to_finish[:, None] - offered.seconds
        if offered.scoring is not None:
            from_there[:, :last] += offered.scoring[:, None]
        expected = offered.seconds + offered.promising * from_there
        near = (offered.seconds < _MIN_SECONDS) & (np.arange(last + 1) < last)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = np.where(near, 0.0, offered.savings / np.maximum(expected, 1e-3))
            if schedules is not None:  # the last epochs add least: the first of them say what a second is worth
                shortest = schedules.least_savings / np.maximum(to_finish - (whole - least), 1e-3)
                rates[:, last] = np.where(schedules.shares < 1, np.maximum(rates[:, last], shortest), rates[:, last])
        # What the budget cuts short saves nothing, so a saving counts as far as its run probably fits.
        in_time = ndtr(np.log(np.maximum(room, 1e-3) / least) / offered.time_error)
        rates = rates * in_time[:, None]
        return cls(
            offered=offered,
            reserved=reserved,
            to_finish=to_finish,
            fits=whole <= room,
            room=room,
            in_time=in_time,
            expected_seconds=expected,
            rates=rates.max(axis=1),
            # The last rung among equals: a score on the way that changes nothing is not worth its checkpoint.
            best_rungs=last - rates[:, ::-1].argmax(axis=1),
            kept=float(kept),
        )


def _second_seed(race: Race, reserved: float, above: float = 0.0) -> tuple[str, int, str] | None:
    """The second seed that saves most per second, where that is worth its price and more than ``above``."""
    repeats = race.repeats()
    if not repeats.candidates:
        return None
    seconds = np.maximum(repeats.seconds, 1e-3)
    fits = seconds <= race.seconds_left - reserved
    rates = np.where(fits, repeats.savings / seconds, 0.0)
    place = int(np.argmax(rates))
    if rates[place] <= max(above, race.second_price) or repeats.savings[place] <= 0:
        return None
    if repeats.savings[place] < race.indifference * race.horizon_months:
        return None
    name = repeats.candidates[place]
    saving = _money(float(repeats.savings[place]), race)
    why = f"a second seed: the best candidates are closer than two seeds of one may be; expected to save {saving}"
    return name, len(race.rungs) - 1, f"{why} over the horizon for {seconds[place]:.3g} s"


def _by_plan(offers: _Offers, worth: npt.NDArray[np.bool_], race: Race) -> int:
    """The first of the greedy plan, or the single run that saves more than all of that plan."""
    order = np.flatnonzero(worth)[np.argsort(-offers.rates[worth], kind="stable")]
    names = offers.offered.candidates
    plan: list[int] = []
    spent = 0.0
    whole, room = offers.offered.whole.tolist(), offers.room.tolist()
    for place in order.tolist():
        if names[place] == offers.reserved:  # its time is taken off the room of the others already
            plan.append(place)
        elif spent + whole[place] <= room[place]:
            plan.append(place)
            spent += whole[place]
    best_alone = int(order[np.argmax(offers.in_time[order] * offers.offered.savings[order, -1])])
    if best_alone in plan:
        return plan[0]
    alone = offers.in_time[best_alone] * race.saving_of_all([names[best_alone]])
    return best_alone if alone > race.saving_of_all([names[place] for place in plan]) else plan[0]


def _does_not_fit(offers: _Offers, race: Race) -> str:
    count = len(offers.to_finish)
    schedules = offers.offered.schedules
    needed = float(np.min(offers.offered.whole if schedules is None else schedules.least))
    more = max(needed - max(race.seconds_left, 0.0), 1.0) + race.restart_seconds
    subject = "1 candidate does" if count == 1 else f"{count} candidates do"
    return f"{subject} not fit into the remaining budget; about {_duration(more)} more would finish the next"


def _not_worth(offers: _Offers, race: Race) -> str:
    """The best purchase that fits, by value per second, and the price of its time."""
    rates = np.where(offers.fits, offers.rates, -1.0)
    place = int(np.argmax(rates))
    rung = int(offers.best_rungs[place])
    seconds = offers.expected_seconds[place, rung]
    saving = max(float(rates[place]), 0.0) * seconds  # as the rates count it: times the chance of ending in time
    left_out = int((~offers.fits).sum())
    beside = f"; {left_out} more do not fit into the remaining budget" if left_out else ""
    return (
        f"the best remaining training run is expected to save {_money(saving, race)}, less than the "
        f"{_money(seconds * race.second_price, race)} that waiting {_duration(seconds)} costs{beside}"
    )


def _money(amount: float, race: Race) -> str:
    return f"{amount:.2g} {race.currency}" if amount < 100 else f"{amount:,.0f} {race.currency}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
