"""Run candidates to the end from the smallest model to the largest, until the budget ends: what users do by hand."""

from __future__ import annotations

from goldilocks.protocols import Race

SOURCE = "Common practice: start with the simplest model. Ties in parameters by predicted seconds, then by name."


def choose(race: Race) -> tuple[str, int, str] | None:
    """See ``protocols.Policy``."""
    last = len(race.rungs) - 1
    unfinished = [name for name in race.candidates if race.bought(name) <= last]
    if not unfinished:
        return None
    minimum = min(map(race.parameters, unfinished))
    smallest = [name for name in unfinished if race.parameters(name) == minimum]
    name = min(smallest, key=lambda candidate: (race.price(candidate, last), candidate))
    return name, last, f"the smallest model not yet trained: {minimum:,} parameters"
