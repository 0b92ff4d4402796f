"""Why ``value`` stops is true: the saving it names is below the price it names."""

from __future__ import annotations

import re

import pytest

from goldilocks.policies import value
from goldilocks.selection.experience_fit import fit_experience
from goldilocks.selection.replay import replay
from goldilocks.testing.races import races


@pytest.mark.parametrize("left", [1e9, 40.0, 25.0, 16.0])
@pytest.mark.parametrize("waiting_hour", [1e4, 1e5, 1e6])
def test_the_best_purchase_left_saves_less_than_it_costs(left: float, waiting_hour: float) -> None:
    recorded = races()
    standings = recorded[0].standings(fit_experience(recorded[1:]), waiting_hour=waiting_hour)
    replay(standings, recorded[0].trials(), value, budget_seconds=60.0)
    standings.left = left
    if value.choose(standings) is not None:
        return
    reason = value.stopped(standings)
    named = re.search(r"expected to save (\S+) USD, less than the (\S+) USD", reason)
    if named is not None:
        saved, cost = (float(amount.replace(",", "")) for amount in named.groups())
        assert saved <= cost, reason
    else:
        assert "fit into the remaining budget" in reason or "nothing is left" in reason
