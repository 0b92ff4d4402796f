"""Successive halving with promotion: all candidates run to the first rung, the better third to the next, and so on."""

from __future__ import annotations

from goldilocks.protocols import Race

SOURCE = (
    "Jamieson & Talwalkar 2016, arXiv:1502.07943 (eta 3); promotion as in ASHA, Li et al. 2020, arXiv:1810.05934, "
    "on one worker. A promoted run continues from its checkpoint."
)
_ETA = 3


def choose(race: Race) -> tuple[str, int, str] | None:
    """See ``protocols.Policy``."""
    promoted = list(race.candidates)
    for rung in range(len(race.rungs)):
        waiting = [name for name in promoted if race.bought(name) <= rung]
        if waiting:
            return waiting[0], rung, f"rung {rung + 1}: {len(promoted)} candidates take part"
        ranked = sorted(promoted, key=lambda name: _loss(race, name, rung))
        promoted = ranked[: max(1, len(ranked) // _ETA)]
    return None


def stopped(race: Race) -> str:
    """See ``protocols.ExplainsStopping``."""
    last = len(race.rungs) - 1
    if all(race.bought(name) > last for name in race.candidates):
        return "every remaining candidate has been trained to the end"
    return "every promoted candidate is finished"


def _loss(race: Race, name: str, rung: int) -> float:
    """At the rung, or at the next one it was scored at (an endpoint is only scored at the last)."""
    losses = race.losses(name)
    return losses[min(scored for scored in losses if scored >= rung)]
