"""What is the bank worth: regret on a data set that it has not seen, with and without the curves of the others?

Run:    python benchmarks/bank_worth.py
Needs:  ``results/bank.csv`` with at least three data sets (``bank.py``); CPU only, some minutes.

The races of the bank are replayed at shares of their exhaustive seconds (``goldilocks replay``), with the policy
``value`` and three priors:

package     the package's without a bank (``selection/experience.json``)
with bank   that with the bank's curves of the other data sets on top: what ``bank.py --ship`` would put into the
            package, had this data set never been seen
bank alone  the other data sets' curves alone, as ``goldilocks replay`` without ``--cold``

beside random order and smallest first. Regret is in points of test score. ``gain`` is the regret without the bank less
that with it, of the same races, with a 95 % bootstrap interval over data sets: few, so it is wide. Some data sets of
the bank are among those that the package's own prior was fitted on (other rows of them); that helps both sides.

``recorded_races`` asks the same of races recorded earlier on another machine (``results/races``; 200 or 250 rows, six
data sets): they are replayed as in ``race_regret.py``, with the prior of the other races, without and with the bank's
curves on top (those of the same data set left out). The last line of output is one JSON object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import race_regret
from bank import BANK, SHIPPED
from bench_data import keep, machine, options
from record_experience import fit, spread_of_models
from recorded_races import read_all

from goldilocks.errors import GoldilocksError
from goldilocks.selection.experience import Experience, parse_experience, read_experience
from goldilocks.selection.experience_fit import fit_experience
from goldilocks.selection.race_table import TableRace, read_table
from goldilocks.selection.replay_table import SHARES, ReplayPlan, experience_of_others, replay_table

STOPS = "stops"
Regrets = dict[str, dict[str, dict[str, float]]]
"""Side -> budget share, or ``stops`` -> data set -> mean regret."""


def priors(races: Sequence[TableRace], package: Experience) -> Mapping[str, Callable[[str], Experience]]:
    """Name -> the prior for a data set."""

    def with_bank(dataset: str) -> Experience:
        return fit_experience([race for race in races if race.dataset != dataset], package, keep_structure=True)

    return {
        "package": lambda _: package,
        "with bank": with_bank,
        "bank alone": lambda dataset: experience_of_others(races, dataset),
    }


def regrets(races: Sequence[TableRace], package: Experience, seeds: int) -> tuple[Regrets, dict[str, float]]:
    """Regrets of all sides, and the share of the seconds that each prior's race stops at."""
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    spent: dict[str, list[float]] = defaultdict(list)
    for name, prior in priors(races, package).items():
        for replayed in replay_table(races, ReplayPlan(("value",), SHARES), experience=prior):
            budget = STOPS if replayed.budget_share is None else f"{replayed.budget_share:g}"
            values[name, budget, replayed.dataset].append(replayed.regret)
            if replayed.budget_share is None:
                spent[name].append(replayed.spent_share)
    nulls = ReplayPlan(("random", "smallest_first"), SHARES, repeats=seeds, until_it_stops=False)
    for replayed in replay_table(races, nulls, experience=lambda _: package):
        values[replayed.policy, f"{replayed.budget_share:g}", replayed.dataset].append(replayed.regret)
    result: Regrets = defaultdict(lambda: defaultdict(dict))
    for (side, budget, dataset), seen in values.items():
        result[side][budget][dataset] = float(np.mean(seen))
    return result, {name: float(np.mean(shares)) for name, shares in spent.items()}


def with_interval(values: Sequence[float]) -> list[float]:
    """Mean, and a 95 % bootstrap interval over data sets."""
    seen = np.array(values)
    low, high = np.quantile(np.random.default_rng(0).choice(seen, (2_000, len(seen))).mean(1), (0.025, 0.975))
    return [round(float(value), 3) for value in (seen.mean(), low, high)]


def on_recorded_races(races: Sequence[TableRace], data: Path, draws: int) -> dict[str, Any]:
    """Regret on the recorded races without and with the bank, and the gain with its standard error over data sets."""
    records = read_all()
    within_model = spread_of_models(data)
    means: dict[float, list[tuple[float, float]]] = defaultdict(list)
    for name, record in records.items():
        others = {other: race for other, race in records.items() if other != name}
        without = parse_experience(fit(others, within_model=within_model))
        # The bank calls a data set by its name and its training rows.
        unseen = [race for race in races if race.dataset.rpartition("-")[0] != name]
        with_bank = fit_experience(unseen, without, keep_structure=True)
        for share in race_regret.SHARES:
            pairs = [
                [race_regret.one(record, prior, "value", share, 0.0, seed)[0] for prior in (without, with_bank)]
                for seed in range(draws)
            ]
            before, after = np.mean(pairs, axis=0)
            means[share].append((float(before), float(after)))
    result: dict[str, Any] = {"draws": draws, "data_sets": sorted(records)}
    for share, pairs_of_sets in means.items():
        seen = np.array(pairs_of_sets)
        gains = seen[:, 0] - seen[:, 1]
        result[f"{share:g}"] = {
            "without": round(float(seen[:, 0].mean()), 3),
            "with": round(float(seen[:, 1].mean()), 3),
            "gain": round(float(gains.mean()), 3),
            "standard_error": round(float(gains.std(ddof=1) / len(gains) ** 0.5), 3),
        }
        print(f"recorded races at {share:.0%}: {result[f'{share:g}']}", flush=True)
    return result


def main() -> None:
    """Regret with and without."""
    parser = options(__doc__)
    parser.add_argument("--bank", type=Path, default=BANK)
    parser.add_argument("--seeds", type=int, default=10, help="orders of the null `random`")
    parser.add_argument("--draws", type=int, default=6, help="halves of the recorded races' items")
    chosen = parser.parse_args()
    try:
        races = read_table(chosen.bank)
    except GoldilocksError as error:
        parser.error(str(error))
    if len({race.dataset for race in races}) < 3:
        parser.error(f"{chosen.bank} has fewer than three data sets: no prior could be fitted with one left out.")
    package = read_experience(SHIPPED.with_name("experience.json"))
    seen, stops = regrets(races, package, chosen.seeds)
    without, with_bank = seen["package"], seen["with bank"]
    result: dict[str, Any] = {
        "benchmark": "bank_worth",
        "data_sets": sorted({race.dataset for race in races}),
        "candidates": sorted({name for race in races for name in race.curves}),
        "cells": sum(len(race.curves) for race in races),
        "regret": {
            side: {at: with_interval(list(sets.values())) for at, sets in budgets.items()}
            for side, budgets in seen.items()
        },
        "by_data_set": {
            side: {at: {name: round(value, 3) for name, value in sets.items()} for at, sets in budgets.items()}
            for side, budgets in seen.items()
        },
        "stops_at_share": {side: round(share, 3) for side, share in stops.items()},
        "gain": {at: with_interval([sets[d] - with_bank[at][d] for d in sets]) for at, sets in without.items()},
    }
    for side, budgets in result["regret"].items():
        print(
            f"{side:16s}", *(f"{at}: {value[0]:.2f} ({value[1]:.2f}, {value[2]:.2f})" for at, value in budgets.items())
        )
    print(
        "gain of the bank",
        *(f"{at}: {value[0]:+.2f} ({value[1]:+.2f}, {value[2]:+.2f})" for at, value in result["gain"].items()),
    )
    result["recorded_races"] = on_recorded_races(races, chosen.data, chosen.draws)
    keep("bank_worth", result | machine())


if __name__ == "__main__":
    main()
