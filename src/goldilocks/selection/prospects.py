"""Predicted final losses of unfinished candidates: they cannot win, but enter P(best) and the expected regret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldilocks.records import Measured, Objective, Pool
from goldilocks.selection.cost import running_cost
from goldilocks.selection.decide import Prospect, Prospects
from goldilocks.selection.joint_losses import LossPrior, contenders
from goldilocks.selection.loss_money import monthly_loss
from goldilocks.selection.loss_posterior import Observation, Posterior
from goldilocks.selection.loss_table import Finished
from goldilocks.selection.run_records import RunRecords
from goldilocks.selection.shorter_finish import can_be_shortened
from goldilocks.selection.standings import Standings

_Z = 1.96
_MAX_JOINT = 64
"""Finished candidates, and unfinished ones, that are drawn jointly: the others are too far behind for it to matter."""
_MAX_GAPS = 128
"""Finished candidates whose rungs are compared with their ends: more add little to what a rung is known to be off."""
_HOPEFUL = 2.0
"""Standard deviations below its forecast at which an unfinished candidate is compared with others."""


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts for the candidates that could still be run."""

    prospects: Prospects
    losses: Mapping[str, Measured]
    """Candidate -> expected final loss with its 95% interval."""
    seconds: Mapping[str, float]
    """Candidate -> seconds that the rest of its run is predicted to take."""
    least: Mapping[str, tuple[float, float]]
    """Candidate -> seconds that finishing it takes with the shortest schedule that a search would buy, and the share of
    its full schedule that this is."""


def forecasts_of(records: RunRecords, finished: Sequence[Finished]) -> Forecasts:
    """Forecasts from the posterior that the race goes by (``Standings.forecast``)."""
    screened_in = set(records.screening.kept)
    failures = records.workspace.read_failures()
    pool = [candidate for candidate in records.pool.candidates if candidate.name in screened_in]
    done = {standing.candidate.name for standing in finished} | set(failures)
    names = [candidate.name for candidate in pool if candidate.name not in done]
    standings = Standings(
        pool=pool,
        forecasts=records.pool.forecasts,
        short_schedules=records.pool.short_schedules,
        spec=records.spec,
        machine=records.machine,
        n_items=len(records.gold),
        n_labels=len(records.goal.labels),
        screening=records.screening,
        experience=records.workspace.read_experience(),
        trials=[trial for trial in records.trials if trial.candidate in screened_in],
        seed=records.spec.seed,
        excluded=failures,
    )
    if "epochs" not in records.spec.training:
        standings.shortenable = {candidate.name for candidate in pool if can_be_shortened(candidate)}
    latest = {trial.candidate: trial for trial in records.trials}
    cheapest = min((standing.cost.total for standing in finished), default=0.0)
    prospects: list[Prospect] = []
    losses: dict[str, Measured] = {}
    seconds: dict[str, float] = {}
    least: dict[str, tuple[float, float]] = {}
    for name in names:
        loss, spread = standings.forecast(name)
        trial = latest.get(name)
        cost = (
            running_cost(trial.seconds_per_text, records.spec, records.machine, trial.usage)
            if trial is not None
            else cheapest
        )
        prospects.append(Prospect(name, loss, spread, cost))
        losses[name] = Measured(
            loss, max(loss - _Z * spread, 0.0), min(loss + _Z * spread, 1.0), len(records.gold), "loss"
        )
        seconds[name] = standings.price(name, len(standings.rungs) - 1)
        least[name] = _least(name, records.pool, standings)
    prior = prior_of(standings, finished, prospects, records.spec.objective)
    return Forecasts(Prospects(tuple(prospects), prior), losses, seconds, least)


def _least(name: str, pool: Pool, standings: Standings) -> tuple[float, float]:
    """See ``Forecasts.least``."""
    planned, shortest = pool.short_schedules.get(name), pool.shortest.get(name)
    needed, part = standings.least_to_finish(name, pool.shortest_seconds.get(name))
    if needed >= standings.price(name, len(standings.rungs) - 1) or standings.bought(name) or shortest is None:
        return needed, part * (planned.share if planned is not None else 1.0)
    return needed, shortest.share


def prior_of(
    standings: Standings, finished: Sequence[Finished], prospects: Sequence[Prospect], objective: Objective
) -> LossPrior | None:
    """What a race tells of the final losses of its contenders without the final losses themselves.

    Args:
        standings: The race, with its trials.
        finished: Candidates that the decision is between.
        prospects: Candidates that did not finish.
        objective: What errors cost, for who the contenders are.

    Returns:
        ``None`` where none of the finished candidates is of the race and better than chance.
    """
    ended = [trial for trial in standings.trials if trial.share >= 1]
    majority = next((trial.loss for trial in ended if trial.candidate.startswith("majority/")), None)
    chance = majority if standings.chance is None else standings.chance
    posterior = Posterior(standings.pool, standings.experience, standings.n_items, standings.n_labels, chance)
    kept = {candidate.name for candidate in standings.pool if candidate.model.family != "majority"}
    ends = [end for end in finished if end.candidate.name in kept and not posterior.is_at_chance(end.trial.loss)]
    if not ends:
        return None
    for probe in standings.screening.looks if standings.screening else ():
        posterior.observe(Observation(f"{probe.model}/head_only", probe.probe_loss, 0.0))
    finals = {trial.candidate: trial.loss for trial in ended if not trial.repeat}
    cut = {trial.candidate for trial in ended if trial.schedule_share < 1}  # rungs of a longer run than they finished
    compared = set([name for name in finals if name not in cut][:_MAX_GAPS])
    for trial in standings.trials:
        schedule = standings.short_schedules.get(trial.candidate)
        share = trial.share if schedule is None else schedule.progress(trial.share)
        if trial.share < 1 and share > 0:
            rung = Observation(trial.candidate, trial.loss, share)
            if trial.candidate in compared:
                posterior.observe_gap(rung, finals[trial.candidate])
            elif trial.candidate not in finals:
                posterior.observe(rung)
    best = contenders([end.cost.total + float(monthly_loss(end.trial.loss, objective)) for end in ends], _MAX_JOINT)
    names = [ends[place].candidate.name for place in best.tolist()]
    low = [
        prospect.cost + float(monthly_loss(prospect.loss - _HOPEFUL * prospect.spread, objective))
        for prospect in prospects
    ]
    names += [prospects[place].candidate for place in contenders(low, _MAX_JOINT).tolist()]
    return posterior.joint([name for name in names if name in kept])
