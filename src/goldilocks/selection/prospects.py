"""Predicted final losses of unfinished candidates: they cannot win, but enter P(best) and the expected regret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldilocks.records import Measured
from goldilocks.selection.cost import running_cost
from goldilocks.selection.decide import Prospect
from goldilocks.selection.loss_table import Finished
from goldilocks.selection.run_records import RunRecords
from goldilocks.selection.standings import Standings

_Z = 1.96


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Of the candidates that could still be run."""

    prospects: tuple[Prospect, ...]
    losses: Mapping[str, Measured]
    """Candidate -> expected final loss with its 95 % interval."""
    seconds: Mapping[str, float]
    """Candidate -> seconds that the rest of its run is predicted to take."""


def forecasts_of(records: RunRecords, finished: Sequence[Finished]) -> Forecasts:
    """Forecasts from the posterior that the race goes by (``Standings.forecast``)."""
    kept = set(records.screening.kept)
    dropped = records.workspace.read_dropped()
    pool = [candidate for candidate in records.pool.candidates if candidate.name in kept]
    done = {standing.candidate.name for standing in finished} | set(dropped)
    names = [candidate.name for candidate in pool if candidate.name not in done]
    if not names:
        return Forecasts((), {}, {})
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
        trials=[trial for trial in records.trials if trial.candidate in kept],
        seed=records.spec.seed,
        dropped=dropped,
    )
    latest = {trial.candidate: trial for trial in records.trials}
    cheapest = min((standing.cost.total for standing in finished), default=0.0)
    prospects: list[Prospect] = []
    losses: dict[str, Measured] = {}
    seconds: dict[str, float] = {}
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
    return Forecasts(tuple(prospects), losses, seconds)
