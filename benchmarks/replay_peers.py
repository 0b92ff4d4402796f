"""What is the regret of our policy, of nulls and of peers on published result tables, at shares of the exhaustive time?

Run:    python benchmarks/replay_peers.py
        python benchmarks/replay_peers.py --tables setfit scaling_law --seeds 3
Needs:  the tables of ``replay_tables.py``; optuna (``pip install optuna``); CPU only, about half an hour with
        ``model_recycling``.

Every side may spend the same seconds and answers with the finished candidate that it holds for the best; a side that
finished nothing answers with its own best guess (``value``: lowest expected loss; nulls: the first of its order; peers:
the best score at any rung, else the candidate it began with). What was trained once is not paid for again.

value           goldilocks, with the experience of the other data sets of the table (leave one data set out)
value, cold     goldilocks with the experience of the package
halving         promotion of the better third at each rung (ASHA on one worker)
random          full runs in random order (null)
smallest_first  full runs by number of parameters, or by seconds where parameters are not known (null)
others' mean    full runs in the order of the mean score on the other data sets (null)
optuna          Optuna 5: TPE over one categorical parameter, pruned by Hyperband

Regret is in points of test score, against the mean over seeds of the table. Intervals are bootstrap over data sets. The
last line of output is one JSON object.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options
from replay_tables import TABLES, write

from goldilocks.selection.race_table import TableRace, read_table, true_scores
from goldilocks.selection.replay_table import ReplayPlan, replay_table

SHARES = (0.05, 0.1, 0.25, 0.5)
POLICIES = ("value", "halving", "random", "smallest_first")


class Purse:
    """The seconds that a side may spend, and what it has seen for them."""

    def __init__(self, race: TableRace, share: float) -> None:
        """An empty record."""
        self.race, self.left = race, share * race.seconds
        self.seen: dict[str, float] = {}
        """Candidate -> the last rung it has."""

    def buy(self, name: str, share: float) -> float | None:
        """The score after a share of the run; ``None``: the budget ended on the way."""
        points = self.race.curves[name].points
        price = sum(point.seconds for at, point in points.items() if self.seen.get(name, 0.0) < at <= share)
        self.left -= price
        if self.left < 0:
            return None
        self.seen[name] = max(share, self.seen.get(name, 0.0))
        return 1 - points[share].loss

    def answer(self, guess: str) -> str:
        """The best finished candidate, else the best at any rung, else the guess."""
        points = {name: self.race.curves[name].points for name in self.seen}
        finished = [name for name, share in self.seen.items() if share >= 1]
        if finished:
            return min(finished, key=lambda name: points[name][1.0].loss)
        return min(self.seen, key=lambda name: points[name][self.seen[name]].loss, default=guess)


def in_order(race: TableRace, order: Sequence[str], share: float) -> str:
    """Full runs in an order, as long as they fit."""
    purse = Purse(race, share)
    for name in order:
        if purse.buy(name, 1.0) is None:
            break
    return purse.answer(order[0])


def others_mean(races: Sequence[TableRace]) -> Callable[[TableRace, float, int], str]:
    """The null that knows the mean rank of each candidate on the other data sets."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for race in races:
        losses = race.final_losses
        centre = float(np.mean(list(losses.values())))
        for name, loss in losses.items():
            scores[name][race.dataset].append(centre - loss)

    def side(race: TableRace, share: float, seed: int) -> str:  # noqa: ARG001
        def mean(name: str) -> float:
            values = [value for dataset, seen in scores[name].items() if dataset != race.dataset for value in seen]
            return float(np.mean(values)) if values else -1.0

        return in_order(race, sorted(race.curves, key=lambda name: (-mean(name), name)), share)

    return side


def optuna_side(race: TableRace, share: float, seed: int) -> str:
    """TPE over one categorical parameter, with Hyperband as the pruner."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = sorted(race.curves)
    steps = [max(1, round(rung * 1000)) for rung in race.rungs]
    pruner = optuna.pruners.HyperbandPruner(min_resource=steps[0], max_resource=1000, reduction_factor=3)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=False)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    purse = Purse(race, share)
    for _ in range(4 * len(names)):
        if purse.left <= 0:
            break
        trial = study.ask()
        name = trial.suggest_categorical("candidate", names)
        state, value = optuna.trial.TrialState.COMPLETE, 0.0
        for rung, step in zip(race.rungs, steps, strict=True):
            score = purse.buy(name, rung)
            if score is None:
                return purse.answer(names[0])
            value = score
            trial.report(score, step)
            if rung < 1 and trial.should_prune():
                state = optuna.trial.TrialState.PRUNED
                break
        study.tell(trial, value if state == optuna.trial.TrialState.COMPLETE else None, state)
    return purse.answer(names[0])


def replays(races: Sequence[TableRace], seeds: int) -> Iterator[tuple[str, str, float, float]]:
    """(side, data set, share, regret)."""
    truth = true_scores(races)
    for cold in (False, True):
        plan = ReplayPlan(policies=("value",) if cold else POLICIES, shares=SHARES, cold=cold, repeats=seeds)
        for result in replay_table(races, plan):
            if result.budget_share is not None:
                name = f"{result.policy}, cold" if cold else result.policy
                yield name, result.dataset, result.budget_share, result.regret
    sides = {"others' mean": (others_mean(races), 1), "optuna": (optuna_side, seeds)}
    for name, (side, repeats) in sides.items():
        for race in races:
            best = max(truth[race.dataset].values())
            for share in SHARES:
                for seed in range(repeats):
                    yield name, race.dataset, share, 100 * (best - truth[race.dataset][side(race, share, seed)])


def summary(rows: Sequence[tuple[str, str, float, float]]) -> dict[str, dict[str, Any]]:
    """Side -> share -> mean regret over data sets, with its interval."""
    groups: dict[tuple[str, float], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for side, dataset, share, regret in rows:
        groups[side, share][dataset].append(regret)
    rng = np.random.default_rng(0)
    table: dict[str, dict[str, Any]] = defaultdict(dict)
    for (side, share), by_set in groups.items():
        means = np.array([float(np.mean(values)) for values in by_set.values()])
        low, high = np.quantile(rng.choice(means, (2_000, len(means))).mean(1), (0.025, 0.975))
        table[side][f"{share:g}"] = [round(float(means.mean()), 3), round(float(low), 3), round(float(high), 3)]
    return table


def main() -> None:
    """All tables."""
    parser = options(__doc__)
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--splits", type=int, default=10**9, help="most seeds of the table that are used per data set")
    chosen = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = write(chosen.data, Path(folder), chosen.tables)
        for name, file in files.items():
            begun = time.perf_counter()
            counts: dict[str, int] = defaultdict(int)
            races = []
            for race in read_table(file):
                counts[race.dataset] += 1
                if counts[race.dataset] <= chosen.splits:
                    races.append(race)
            table = summary(list(replays(races, chosen.seeds)))
            results[name] = {
                "data_sets": len(counts),
                "races": len(races),
                "candidates": len({candidate for race in races for candidate in race.curves}),
                "regret": table,
                "seconds": round(time.perf_counter() - begun, 1),
            }
            for side, cells in table.items():
                print(f"{name:16s} {side:16s}", *(f"{float(s):.0%} {v[0]:.2f}" for s, v in cells.items()), flush=True)
    keep("replay_peers", {"benchmark": "replay_peers", "seeds": chosen.seeds, "tables": results} | machine())


if __name__ == "__main__":
    main()
