"""What a policy would have chosen from recorded races, at which share of the exhaustive seconds: ``goldilocks replay``.

Each data set is replayed with the experience of the *others* in the table. Regret is the best candidate's test score
less that of the chosen one, in points (100 times the score), both means over the seeds of the table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from goldilocks import plugins
from goldilocks.protocols import Policy
from goldilocks.records import Measured
from goldilocks.selection.experience import Experience, recorded_experience
from goldilocks.selection.experience_fit import MIN_SETS, fit_experience
from goldilocks.selection.race_table import TableRace, true_scores
from goldilocks.selection.replay import replay
from goldilocks.selection.standings import Standings

SHARES = (0.05, 0.1, 0.25, 0.5)
_DRAWS = 2_000
_PLENTY = 1e18


@dataclass(frozen=True, slots=True)
class Replayed:
    """One replay."""

    dataset: str
    seed: str
    policy: str
    budget_share: float | None
    """Share of the exhaustive seconds that the policy may spend; ``None``: it stops on its own."""
    spent_share: float
    chosen: str
    regret: float
    """Points of test score."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The mean of the replays of one policy at one budget, over data sets."""

    policy: str
    budget_share: float | None
    regret: Measured
    """Points; the interval is over data sets."""
    spent_share: float


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What is replayed."""

    policies: Sequence[str] = ("value", "halving", "random", "smallest_first")
    shares: Sequence[float] = SHARES
    waiting_hour: float = 5.0
    """Price of an hour of waiting, for where ``value`` stops on its own."""
    cold: bool = False
    """Without the experience of the other data sets."""
    repeats: int = 1
    """Replays of each race with other random seeds, for randomised policies."""
    until_it_stops: bool = True
    """Also replay each race without a budget."""


def replay_table(
    races: Sequence[TableRace],
    plan: ReplayPlan,
    progress: Callable[[str], None] = lambda _: None,
    experience: Callable[[str], Experience] | None = None,
) -> list[Replayed]:
    """Replay all races of a table.

    Args:
        races: See ``read_table``.
        plan: Policies, budgets and experience.
        progress: Called with each data set.
        experience: Data set -> prior of its races; ``None``: ``experience_of_others``, cold or not as the plan says.

    Raises:
        InputError: a candidate has no test score; there is no such policy.
    """
    policies: dict[str, Policy] = {name: plugins.load("policies", name) for name in plan.policies}
    truth = true_scores(races)
    results: list[Replayed] = []
    for dataset in sorted(truth):
        progress(dataset)
        prior = experience(dataset) if experience else experience_of_others(races, dataset, cold=plan.cold)
        for race in races:
            if race.dataset == dataset:
                for name, policy in policies.items():
                    results += _replays(race, name, policy, prior, plan, truth[dataset])
    return results


def experience_of_others(races: Sequence[TableRace], dataset: str, *, cold: bool = False) -> Experience:
    """The experience of all data sets but one; that of the package where they are too few, or on demand."""
    others = [race for race in races if race.dataset != dataset]
    if cold or len({race.dataset for race in others}) < MIN_SETS:
        return recorded_experience()
    return fit_experience(others)


def _replays(
    race: TableRace, name: str, policy: Policy, experience: Experience, plan: ReplayPlan, truth: dict[str, float]
) -> list[Replayed]:
    results = []
    for repeat in range(plan.repeats if name == "random" else 1):
        for share in (*plan.shares, None) if plan.until_it_stops else plan.shares:
            waiting = plan.waiting_hour if share is None else 0.0
            standings = race.standings(experience, waiting_hour=waiting, seed=repeat)
            budget = _PLENTY if share is None else share * race.seconds
            bought = replay(standings, race.trials(), policy, budget_seconds=budget)
            chosen = standings.best or _forecast(race, standings)
            spent = bought[-1].elapsed / race.seconds if bought else 0.0
            regret = 100 * (max(truth.values()) - truth[chosen])
            results.append(Replayed(race.dataset, race.seed, name, share, spent, chosen, regret))
    return results


def _forecast(race: TableRace, standings: Standings) -> str:
    """The answer of a race that finished nothing: the candidate with the lowest expected loss."""
    return min(race.curves, key=lambda name: (standings.forecast(name)[0], name))


def summarise(results: Sequence[Replayed], seed: int = 0) -> list[Summary]:
    """Mean regret of each policy at each budget, with a 95% bootstrap interval over data sets."""
    groups: dict[tuple[str, float | None], list[Replayed]] = defaultdict(list)
    for result in results:
        groups[result.policy, result.budget_share].append(result)
    rng = np.random.default_rng(seed)
    summaries = []
    for (policy, share), group in groups.items():
        by_set: dict[str, list[float]] = defaultdict(list)
        for result in group:
            by_set[result.dataset].append(result.regret)
        means = np.array([float(np.mean(values)) for values in by_set.values()])
        drawn = rng.choice(means, (_DRAWS, len(means))).mean(1)
        low, high = (float(value) for value in np.quantile(drawn, (0.025, 0.975)))
        regret = Measured(float(means.mean()), low, high, len(means), "points")
        summaries.append(Summary(policy, share, regret, float(np.mean([result.spent_share for result in group]))))
    return summaries
