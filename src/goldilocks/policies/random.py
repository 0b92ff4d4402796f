"""Run candidates to the end in a random order until the budget ends: the reference that any policy has to beat."""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Race

SOURCE = "Bergstra & Bengio 2012, 'Random Search for Hyper-Parameter Optimization', JMLR 13."


def choose(race: Race) -> tuple[str, int, str] | None:
    """See ``protocols.Policy``."""
    last = len(race.rungs) - 1
    candidates = race.candidates
    for position in np.random.default_rng(race.seed).permutation(len(candidates)):
        name = candidates[position]
        if race.bought(name) <= last:
            return name, last, "drawn at random"
    return None
