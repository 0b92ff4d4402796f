"""The first answer of a search: a cheap model is finished before the screening, so that every search has a winner.

Loading and probing pretrained models can take longer than a short budget on a slow machine. Counts and linear models
take about a second, and the race would buy them anyway. Where no candidate is as cheap (a CRF on thousands of
sentences), the cheapest one comes first if it takes a small part of the budget: pretrained models that have to be
shortened to fit the budget may all end below it.
"""

from __future__ import annotations

from dataclasses import replace

from goldilocks.protocols import Policy
from goldilocks.records import Candidate, Pool
from goldilocks.selection.race import race
from goldilocks.selection.race_context import RaceContext
from goldilocks.selection.required_purchases import decides
from goldilocks.support.machine.clock import Clock

CHEAP_SECONDS = 5.0
"""Forecast of the full run of a model that is cheap."""
CHEAP_SHARE = 0.15
"""Share of the budget that the first model may take where none takes ``CHEAP_SECONDS`` or less."""
OVERDRAFT_SECONDS = 10.0
"""Time that a first model has where less of the budget is left, or none: a late answer is better than none."""


def cheap_candidates(pool: Pool, budget_seconds: float) -> list[str]:
    """Those that need no pretrained weights and little time, and may win: the cheapest first, networks last."""
    plain = {
        candidate.name: (bool(candidate.model.groups), pool.forecasts[candidate.name].seconds)
        for candidate in pool.candidates
        if decides(candidate.name) and _is_plain(candidate)
    }
    for limit in (CHEAP_SECONDS, CHEAP_SHARE * budget_seconds):
        cheap = [name for name, (_, seconds) in plain.items() if seconds <= limit]
        if cheap:
            return sorted(cheap, key=plain.__getitem__)
    return []


def _is_plain(candidate: Candidate) -> bool:
    return not (candidate.model.pretrained or candidate.model.remote or candidate.model.combined)


def finish_cheapest(setting: RaceContext, policy: Policy) -> None:
    """Finish the cheapest candidate, if none is finished and there is a cheap one; the next one if it fails.

    Args:
        setting: Of the race that follows; its screening need not have been made.
        policy: At which rungs the candidate is scored.
    """
    for name in cheap_candidates(setting.pool, setting.clock.budget_seconds):
        done = {trial.candidate for trial in setting.workspace.read_trials() if trial.share >= 1}
        if any(map(decides, done - set(setting.workspace.read_failures()))):
            return
        spent = setting.clock.elapsed()
        clock = Clock(max(setting.clock.budget_seconds, spent + OVERDRAFT_SECONDS), spent)
        race(replace(setting, only=(name,), clock=clock), policy)
