"""Successive halving with promotion: everybody buys the first rung, the better third buys the next, and so on."""

from __future__ import annotations

from goldilocks.protocols import Race

SOURCE = (
    "Jamieson & Talwalkar 2016, arXiv:1502.07943 (eta 3); promotion as in ASHA, Li et al. 2020, arXiv:1810.05934, "
    "on one worker. A promoted run goes on from where it stands."
)
_ETA = 3


def choose(race: Race) -> tuple[str, int, str] | None:
    """See ``protocols.Policy``."""
    stands = list(race.candidates)
    for rung in range(len(race.rungs)):
        waiting = [name for name in stands if race.bought(name) <= rung]
        if waiting:
            return waiting[0], rung, f"rung {rung + 1}: {len(stands)} candidates take part"
        ranked = sorted(stands, key=lambda name: _loss(race, name, rung))
        stands = ranked[: max(1, len(ranked) // _ETA)]
    return None


def _loss(race: Race, name: str, rung: int) -> float:
    """At the rung, or at the next one it was scored at (an endpoint is only scored at the last)."""
    losses = race.losses(name)
    return losses[min(one for one in losses if one >= rung)]
