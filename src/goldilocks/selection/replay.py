"""Replay of recorded races: what a policy would have bought, and for how many seconds, without any training.

The record is the ``trials.jsonl`` of an exhaustive race. A replayed purchase costs what the recorded one took, and one
that the budget cuts short costs what was left and yields nothing, as in a race. Shorter schedules are not in a record:
where they are allowed (``Standings.shortenable``), the loss at their end is interpolated (``shorter_end``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from goldilocks.errors import InputError
from goldilocks.protocols import Policy
from goldilocks.records import Trial
from goldilocks.selection.shorter_finish import PLANNED_USE, SHORTFALL, least_share
from goldilocks.selection.standings import Standings


def replay(standings: Standings, recorded: Sequence[Trial], policy: Policy, *, budget_seconds: float) -> list[Trial]:
    """Let a policy buy from a record; further seeds of a candidate as far as they are in it.

    Args:
        standings: A race that has not begun (no trials); its pool must be in the record.
        recorded: Every rung of every candidate of the pool.
        policy: Which purchase is next.
        budget_seconds: Seconds, as recorded, that may be spent.

    Returns:
        The purchases in order; ``elapsed`` counts recorded seconds from 0.

    Raises:
        InputError: a candidate that the policy wants is not in the record up to that rung.
    """
    curves: dict[str, dict[int, Trial]] = {}
    repeats: dict[str, list[Trial]] = {}
    for trial in recorded:
        if trial.repeat:
            repeats.setdefault(trial.candidate, []).append(trial)
        else:
            curves.setdefault(trial.candidate, {})[trial.rung] = trial
    standings.seeds = {name: 1 + len(further) for name, further in repeats.items()}
    spent = 0.0
    while spent < budget_seconds:
        standings.left = budget_seconds - spent
        purchase = policy.choose(standings)
        if purchase is None:
            break
        name, rung, why = purchase
        curve = curves.get(name, {})
        if rung not in curve:
            raise InputError(
                f"{name} is not in the record at rung {rung}; record the exhaustive race of the same pool."
            )
        if standings.bought(name) >= len(standings.rungs):
            bought = sum(trial.candidate == name and trial.repeat > 0 for trial in standings.trials)
            wanted = repeats[name][bought]
            seconds = wanted.seconds
        else:
            steps = range(standings.bought(name), rung + 1)
            wanted, seconds = curve[rung], sum(curve[step].seconds for step in steps if step in curve)
            if wanted.share >= 1 and name in standings.shortenable:
                done = standings.rungs[standings.bought(name) - 1] if standings.bought(name) else 0.0
                share = _share_in(budget_seconds - spent, seconds, done, standings.schedule_share(name))
                wanted = shorter_end(curve, share)
                seconds *= (share - done) / (1 - done)
        spent += seconds
        if spent > budget_seconds:
            break
        predicted, value = standings.price(name, rung), standings.value(name)
        standings.trials.append(
            replace(wanted, seconds=seconds, elapsed=spent, predicted_seconds=predicted, value=value, why=why)
        )
    return standings.trials


def _share_in(left: float, seconds: float, done: float, planned: float) -> float:
    """Share of its schedule that a run ends with: the planned one, or what its speed allows where that is less.

    Args:
        left: Seconds that are left.
        seconds: That the rest of the whole schedule takes.
        done: Share that is over.
        planned: Share that it is to end with.
    """
    if seconds * (planned - done) / (1 - done) <= left:
        return planned
    reachable = done + PLANNED_USE * left / seconds * (1 - done)
    return reachable if reachable >= float(least_share(np.array(done))) else planned


def shorter_end(curve: Mapping[int, Trial], share: float) -> Trial:
    """The end of a run with a shorter schedule: between the full run's at that share and at its end, in log loss.

    Args:
        curve: Rung -> trial of the full run.
        share: Of its schedule.
    """
    end = max(curve.values(), key=lambda trial: trial.share)
    if share >= end.share:
        return end
    rungs = sorted(curve.values(), key=lambda trial: trial.share)
    losses = np.log([max(trial.loss, _MIN_LOSS) for trial in rungs])
    part = float(np.interp(np.log(share), np.log([trial.share for trial in rungs]), losses))
    loss = float(np.exp(losses[-1] + SHORTFALL * (part - losses[-1])))
    return replace(end, loss=loss, schedule_share=share)


_MIN_LOSS = 1e-6
