"""A search finishes one cheap candidate first, whatever the speed of the machine. The clocks are made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from race_records import candidate, standings, trial
from test_race import FakeRun, dataset, setting

from goldilocks import plugins
from goldilocks.errors import BudgetError, IntegrityError
from goldilocks.policies import value
from goldilocks.records import Candidate, Forecast, Pool, Text
from goldilocks.selection.first_answer import cheap_candidates, finish_cheapest
from goldilocks.selection.race import race
from goldilocks.selection.race_context import RaceContext
from goldilocks.selection.screen import nothing_screened, worth_screening
from goldilocks.support.machine.clock import Clock

BAYES, LINEAR, ENCODER = "naive_bayes/word/scratch", "tfidf_linear/word/scratch", "encoder/m/full"
MAJORITY = "majority/majority/scratch"
SECONDS = {MAJORITY: 0.01, BAYES: 0.05, LINEAR: 0.1, ENCODER: 30.0}


def slow(folder: Path, budget: float, *, read: float, step: float, broken: Sequence[str] = ()) -> RaceContext:
    """A race on a machine on which reading the data, each run, and each footprint take so many seconds."""
    clock = Clock(budget_seconds=budget, spent_before=read)
    plain = setting(folder, [], clock)
    members = [candidate(name) for name in SECONDS]
    members[-1] = replace(members[-1], model=replace(members[-1].model, source="pypi://m/m"))

    def start(contender: Candidate) -> FakeRun:
        clock.spent_before += step
        if contender.name in broken:
            raise IntegrityError("damaged.")
        return FakeRun(0.8, [], contender.name)

    def measure(_contender: Candidate, _texts: Sequence[Text]) -> None:
        clock.spent_before += step

    pool = Pool(tuple(members), {name: Forecast(seconds, 1e6) for name, seconds in SECONDS.items()})
    spec = replace(plain.spec, budget_seconds=budget)
    return replace(plain, pool=pool, screening=nothing_screened(pool), start=start, measure=measure, spec=spec)


def finished(context: RaceContext) -> list[str]:
    return [trial.candidate for trial in context.workspace.read_trials() if trial.share >= 1]


@pytest.mark.parametrize(("budget", "read"), [(5.0, 4.0), (10.0, 30.0), (20.0, 16.0), (40.0, 32.0)])
@pytest.mark.parametrize("policy", ["value", "halving", "exhaustive", "random", "smallest_first"])
def test_every_short_budget_has_a_finished_candidate(budget: float, read: float, policy: str, tmp_path: Path) -> None:
    context = slow(tmp_path, budget, read=read, step=6.0)
    finish_cheapest(context, plugins.load("policies", policy))
    context.clock.spent_before += 100.0  # the screening of a busy machine

    trials, stopped = race(context, plugins.load("policies", policy))

    (first,) = {trial.candidate for trial in trials}
    assert first in (BAYES, LINEAR)
    assert stopped == "the budget ended"


def test_another_cheap_candidate_takes_the_place_of_one_that_fails(tmp_path: Path) -> None:
    context = slow(tmp_path, 20.0, read=15.0, step=4.0, broken=(BAYES,))
    finish_cheapest(context, plugins.load("policies", "value"))
    assert finished(context) == [LINEAR]
    assert BAYES in context.workspace.read_failures()


def test_nothing_is_bought_twice_and_nothing_dear_at_first(tmp_path: Path) -> None:
    context, policy = slow(tmp_path, 500.0, read=1.0, step=0.1), plugins.load("policies", "value")
    finish_cheapest(context, policy)
    finish_cheapest(context, policy)
    assert finished(context) == [BAYES]

    only = replace(context.pool, candidates=context.pool.candidates[-1:])
    alone = replace(slow(tmp_path / "b", 500.0, read=1.0, step=0.1), pool=only, screening=nothing_screened(only))
    finish_cheapest(alone, policy)
    assert finished(alone) == []


@pytest.mark.parametrize(("budget", "first"), [(240.0, ["crf/words/scratch"]), (200.0, [])])
def test_where_nothing_is_cheap_the_cheapest_takes_a_small_share_of_the_budget(budget: float, first: list[str]) -> None:
    seconds = {MAJORITY: 0.01, "crf/words/scratch": 32.5, "crf/shapes/scratch": 34.0, ENCODER: 10.0}
    members = [candidate(name) for name in seconds]
    members[-1] = replace(members[-1], model=replace(members[-1].model, source="pypi://m/m"))
    pool = Pool(tuple(members), {name: Forecast(each, 1e6) for name, each in seconds.items()})
    assert cheap_candidates(pool, budget)[:1] == first


def test_a_pool_without_a_cheap_candidate_ends_with_what_the_budget_lacks(tmp_path: Path) -> None:
    context, policy = slow(tmp_path, 5.0, read=6.0, step=1.0), plugins.load("policies", "value")
    only = replace(context.pool, candidates=context.pool.candidates[-1:])
    alone = replace(context, pool=only, screening=nothing_screened(only))
    finish_cheapest(alone, policy)
    with pytest.raises(BudgetError, match=r"the budget of 5 s ended before any candidate was finished; .* \d+ s more"):
        race(alone, policy)


def test_the_screening_needs_time_for_a_pretrained_run(tmp_path: Path) -> None:
    pool = slow(tmp_path, 60.0, read=0.0, step=0.0).pool
    *cheap, encoder = pool.candidates
    trained = replace(encoder, model=replace(encoder.model, groups=("head",)))
    with_encoder = replace(pool, candidates=(*cheap, trained))

    assert worth_screening(with_encoder, 20.0)
    assert not worth_screening(with_encoder, 5.0)  # a quarter of its 30 s does not fit
    assert not worth_screening(replace(pool, candidates=tuple(cheap)), 1e6)
    assert nothing_screened(pool, dataset().fingerprint).kept == tuple(SECONDS)


def test_of_runs_that_take_less_than_a_second_the_most_promising_comes_first() -> None:
    state = standings({"majority/m/scratch": 0.01, "naive_bayes/word/scratch": 0.1, "tfidf_linear/word/scratch": 0.2})
    state.trials.append(trial("naive_bayes/word/scratch", 2, 0.3, 0.1))
    bought = value.choose(state)
    assert bought is not None
    assert bought[0] == "tfidf_linear/word/scratch"  # the majority answer saves nothing
