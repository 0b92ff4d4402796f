"""What is the regret of each policy at a budget, does it rise with the budget, and where does ``value`` stop?

Run:    python benchmarks/race_regret.py --draws 20
Needs:  ``results/races`` (in the repository); CPU only, some minutes.

Measured by replay of the recorded exhaustive races, the prior fitted on the other data sets. In each draw half of the
validation items, drawn at random, are the race's; the candidate it would choose (lowest posterior expected J among the
finished) is then scored on the other half. Regret is its J there above the lowest J of any candidate there, in points
of loss (100 * (J - lowest J) / alpha). A race that finishes nothing answers with the majority class.

1. Budget: 5, 10, 25 and 50 % of the seconds of the exhaustive race, and all; nothing but the budget stops ``value``
   (waiting_hour 0). The same draws for every policy and budget; ``rise`` is the difference to the next smaller budget,
   with its standard error over data sets and draws.
2. Stopping: budget without end, waiting_hour 0, 5 and 500: share of the exhaustive seconds that ``value`` spends, and
   regret.
3. Shorter schedules: ``value`` with and without them, on the same draws. Their losses are interpolated
   (``replay.shorter_end``), so this shows what the purchases are worth if such a run lacks as much as assumed.
4. Milliseconds of processor time of one ``choose`` with 1,000 candidates, over a race of 60 purchases.

Seconds are those of the forecasts with a log-normal error of 30 % for each candidate and draw: the recorded ones are of
a machine that other work slowed up to sixfold in the middle of a race. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from typing import Any

import numpy as np
from bench_data import keep, machine, options
from record_experience import fit, spread_of_models
from recorded_races import MACHINE, RaceRecord, finals, named, read_all

from goldilocks import plugins
from goldilocks.records import DataSpec, Forecast, Measured, Prices, TaskSpec, Trial
from goldilocks.selection.cost import running_cost
from goldilocks.selection.experience import Experience, parse_experience, recorded_experience
from goldilocks.selection.replay import replay, shorter_end
from goldilocks.selection.standings import Standings

POLICIES = ("value", "halving", "random", "smallest_first")
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
WAITING = (0.0, 5.0, 500.0)
PLENTY = 1e9


def spec(waiting_hour: float) -> TaskSpec:
    """A task with the default prices, and this price of waiting."""
    return TaskSpec(name="replay", data=DataSpec(""), prices=Prices(waiting_hour=waiting_hour))


def regret(chosen: str | None, held_out: RaceRecord, task: TaskSpec) -> float:
    """Points of loss, on items that the race has not seen."""
    alpha = task.objective.alpha
    per_text = {trial.candidate: trial.seconds_per_text for trial in held_out.trials if trial.share >= 1}
    monthly = {
        name: running_cost(per_text[name], task, MACHINE) + alpha * loss for name, loss in finals(held_out).items()
    }
    name = chosen or next(name for name in monthly if name.startswith("majority/"))
    return 100 * (monthly[name] - min(monthly.values())) / alpha


def one(
    record: RaceRecord,
    experience: Experience,
    policy: str,
    share: float,
    waiting_hour: float,
    seed: int,
    *,
    shorter: bool = False,
) -> tuple[float, float, str]:
    """(regret, share of the exhaustive seconds, candidate) of one replay on half of the items."""
    record = record.timed(seed)
    items = np.random.default_rng(seed).permutation(record.n_items)
    seen, held_out = record.on(items[: len(items) // 2]), record.on(items[len(items) // 2 :])
    standings = seen.standings(experience, spec(waiting_hour), seed)
    if shorter:
        standings.shortenable = {candidate.name for candidate in record.pool if candidate.model.groups}
    plugin = plugins.load("policies", policy)
    bought = replay(standings, seen.trials, plugin, budget_seconds=share * record.seconds)
    spent = bought[-1].elapsed if bought else 0.0
    lost = regret(standings.best, held_out, spec(waiting_hour)) + 100 * _lacking(standings, held_out)
    return lost, spent / record.seconds, standings.best or ""


def _lacking(standings: Standings, held_out: RaceRecord) -> float:
    """Loss on the other items by which the chosen run ends above its full schedule."""
    chosen = next((t for t in standings.trials if t.candidate == standings.best and t.share >= 1), None)
    if chosen is None or chosen.schedule_share >= 1:
        return 0.0
    curve = {trial.rung: trial for trial in held_out.trials if trial.candidate == chosen.candidate}
    return shorter_end(curve, chosen.schedule_share).loss - finals(held_out)[chosen.candidate]


def shorter_schedules(records: dict[str, RaceRecord], priors: dict[str, Experience], draws: int) -> dict[str, Any]:
    """Regret of ``value`` with shorter schedules less that without, at every budget."""
    result: dict[str, Any] = {}
    for share in SHARES:
        pairs = [
            [one(record, priors[name], "value", share, 0.0, seed, shorter=shorter)[0] for shorter in (False, True)]
            for name, record in records.items()
            for seed in range(draws)
        ]
        without, with_ = np.array(pairs).T
        error = float(np.std(with_ - without, ddof=1) / len(pairs) ** 0.5)
        result[f"{share:g}"] = {
            "without": round(float(without.mean()), 3),
            "with": round(float(with_.mean()), 3),
            "difference": round(float((with_ - without).mean()), 3),
            "standard_error": round(error, 3),
        }
        print(f"shorter schedules at {share:.0%}: {result[f'{share:g}']}", flush=True)
    return result


def budgets(records: dict[str, RaceRecord], priors: dict[str, Experience], draws: int) -> dict[str, Any]:
    """Mean regret of every policy at every budget."""
    result: dict[str, Any] = {}
    for policy in POLICIES:
        regrets: dict[float, list[float]] = defaultdict(list)
        by_set: dict[float, dict[str, float]] = defaultdict(dict)
        for share in SHARES:
            for name, record in records.items():
                values = [one(record, priors[name], policy, share, 0.0, seed)[0] for seed in range(draws)]
                regrets[share] += values
                by_set[share][name] = round(float(np.mean(values)), 2)
        result[policy] = {
            f"{share:g}": {
                "regret": round(float(np.mean(regrets[share])), 3),
                "standard_error": round(float(np.std(regrets[share], ddof=1) / len(regrets[share]) ** 0.5), 3),
                "by_data_set": by_set[share],
            }
            | _rise(regrets, share)
            for share in SHARES
        }
        line = "  ".join(f"{share:.0%} {result[policy][f'{share:g}']['regret']:.2f}" for share in SHARES)
        print(f"{policy:15s} {line}", flush=True)
    return result


def _rise(regrets: dict[float, list[float]], share: float) -> dict[str, Any]:
    """How far the regret is above that at the next smaller budget, and the standard error of that."""
    place = SHARES.index(share)
    if place == 0:
        return {}
    gaps = np.array(regrets[share]) - np.array(regrets[SHARES[place - 1]])
    return {"rise": round(float(gaps.mean()), 3), "rise_error": round(float(gaps.std(ddof=1) / len(gaps) ** 0.5), 3)}


def stopping(records: dict[str, RaceRecord], priors: dict[str, Experience], draws: int) -> dict[str, Any]:
    """Where ``value`` stops by itself."""
    result: dict[str, Any] = {}
    for waiting in WAITING:
        runs = {
            name: [one(record, priors[name], "value", PLENTY, waiting, seed) for seed in range(draws)]
            for name, record in records.items()
        }
        result[f"{waiting:g}"] = {
            "regret": round(float(np.mean([run[0] for seen in runs.values() for run in seen])), 3),
            "share_of_exhaustive": round(float(np.mean([run[1] for seen in runs.values() for run in seen])), 3),
            "by_data_set": {
                name: {
                    "regret": round(float(np.mean([run[0] for run in seen])), 2),
                    "share_of_exhaustive": round(float(np.mean([run[1] for run in seen])), 3),
                }
                for name, seen in runs.items()
            },
        }
        mean = result[f"{waiting:g}"]
        print(
            f"waiting_hour {waiting:5g}: regret {mean['regret']:.2f}, {mean['share_of_exhaustive']:.0%} of the seconds"
        )
    return result


def choosing(candidates: int = 1_000, purchases: int = 60) -> dict[str, float]:
    """Processor seconds of ``choose``, the last trial taken into account, with this many candidates."""
    methods = ("full", "lora", "bias_only", "top_layers", "head_only")
    names = [f"encoder/m{i}/{method}" for i in range(candidates // len(methods)) for method in methods]
    standings = Standings(
        pool=[named(name, 1, pretrained=True) for name in names],
        forecasts={name: Forecast(30.0, 0.0) for name in names},
        spec=spec(0.0),
        machine=MACHINE,
        n_items=400,
        left=PLENTY,
    )
    value, rng = plugins.load("policies", "value"), np.random.default_rng(0)
    seconds = []
    for _ in range(purchases):
        begun = time.process_time()
        chosen = value.choose(standings)
        seconds.append(time.process_time() - begun)
        assert chosen is not None
        loss = float(np.exp(-2 + 0.5 * rng.standard_normal()))
        score = Measured(1 - loss, 1 - loss, 1 - loss, 400, "accuracy")
        share = standings.rungs[chosen[1]]
        standings.trials.append(Trial(chosen[0], chosen[1], share, 3.0, score, loss, "", 1e-3, 0.0, 3.0, 0.0, "", ""))
    return {
        "candidates": candidates,
        "purchases": purchases,
        "median_ms": round(1e3 * float(np.median(seconds)), 2),
        "slowest_ms": round(1e3 * max(seconds), 2),
    }


def main() -> None:
    """All three."""
    parser = options(__doc__)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--only-shorter", action="store_true", help="only shorter schedules; keeps no record")
    parser.add_argument("--shipped", action="store_true", help="the prior of the package instead of the others'")
    chosen = parser.parse_args()
    records = read_all()
    priors = {name: recorded_experience() for name in records}
    if not chosen.shipped:
        within_model = spread_of_models(chosen.data)
        for name in records:
            others = {other: record for other, record in records.items() if other != name}
            priors[name] = parse_experience(fit(others, within_model=within_model))
    if chosen.only_shorter:
        print(json.dumps(shorter_schedules(records, priors, chosen.draws)))
        return
    result = {
        "benchmark": "race_regret",
        "draws": chosen.draws,
        "data_sets": sorted(records),
        "exhaustive_seconds": {name: round(record.timed(0).seconds, 1) for name, record in records.items()},
        "prior": "shipped" if chosen.shipped else "of the other data sets",
        "budget": budgets(records, priors, chosen.draws),
        "shorter_schedules": shorter_schedules(records, priors, chosen.draws),
        "stopping": stopping(records, priors, chosen.draws),
        "choose": choosing(),
    }
    keep("race_regret", result | machine())


if __name__ == "__main__":
    main()
