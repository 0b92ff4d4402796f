"""Do the winner's interval and P(best) hold over repeated races, adaptive purchases and second seeds included?

Run:    python benchmarks/race_coverage.py --seconds 40 --out benchmarks/results/race_coverage.json
        python benchmarks/race_coverage.py --seconds 20 --seed 1 --differences 2 --seed-spread 0.12 --out other.json
Read:   python benchmarks/race_coverage.py --read benchmarks/results/race_coverage.json
Needs:  CPU only; 18 cells of --seconds each. Results of record are in benchmarks/results/.

A simulated race has 14 candidates: four n-gram models, a CNN, a recurrent network and two encoders with four methods
each. Their final losses are log-normal about ``--loss``: levels of the kinds and deviations of families, groups, models
and candidates are those of the shipped prior, while the level of the data set is fixed. The losses at .1 and .3 of the
run lie above the final one by the prior's bias, what candidates share and what they do not. Each training seed moves
the logarithm of a loss by .057 (standard deviation). ``--differences``, ``--rungs``, ``--seed-spread`` and
``--between`` draw races that are unlike what the posterior believes. The validation items are drawn last: a candidate
errs on an item where a normal variable, correlated .5 between candidates and .8 between runs of one candidate, lies
below the quantile of its loss. The policy ``value`` then plays the race through ``selection/replay.py`` with the
shipped prior, a quarter of the exhaustive seconds or all of them and the default price of waiting; up to three seeds of
a network are in the record. ``selection/decide.py`` decides among what has finished, with the joint posterior of these
and what has not (``selection/joint_losses.py``).

Measured per cell: how often the winner's 95 % interval (corrected for selection) and its own Wilson interval cover the
mean true score of the runs it was measured from; how often the best set holds the best of the finished candidates;
second seeds; regret in J against the best of all candidates. Over all cells: P(best) in ten bins, where the best is the
candidate with the lowest J over all training seeds, finished or not.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from recorded_races import MACHINE, named
from scipy.special import ndtri

from goldilocks import plugins
from goldilocks.protocols import Metric, Policy
from goldilocks.records import Candidate, Cost, DataSpec, Footprint, Forecast, Measured, TaskSpec, Trial
from goldilocks.selection.cost import running_cost
from goldilocks.selection.decide import Choice, Prospect, Prospects, decide
from goldilocks.selection.experience import Experience, kind_of, recorded_experience
from goldilocks.selection.loss_table import Finished, SeedRun
from goldilocks.selection.prospects import prior_of
from goldilocks.selection.replay import replay
from goldilocks.selection.seeds import MAX_SEEDS, depends_on_seed
from goldilocks.selection.standings import RUNGS, Standings
from goldilocks.support.scoring.statistics import wilson

METHODS = ("full", "lora", "top_layers", "head_only")
SECONDS = {"naive_bayes": 0.3, "tfidf_linear": 1.5, "cnn": 20.0, "recurrent": 40.0}
SECONDS_OF_METHODS = {"full": 160.0, "lora": 130.0, "top_layers": 80.0, "head_only": 25.0}
ITEMS, LOSSES, BUDGETS = (100, 300, 1000), (0.02, 0.1, 0.4), (0.25, 1.0)
WITHIN = 0.8
"""Correlation of errors on an item between the runs of a candidate."""
SPEC = TaskSpec(name="simulated", data=DataSpec(""))
GOLD = "a"
Floats = np.ndarray


@dataclass(frozen=True)
class World:
    """What races are drawn from; the posterior always believes the defaults."""

    differences: float = 1.0
    """How many times as far as in the prior the candidates of a race lie apart."""
    rungs: float = 1.0
    """How many times as far as in the prior rungs are off, both what is shared and what is not."""
    seed_spread: float = 0.057
    """Standard deviation of log loss from one training seed to the next."""
    between: float = 0.5
    """Correlation of errors on an item between candidates; less than ``WITHIN``."""


def pool() -> tuple[list[Candidate], dict[str, Forecast]]:
    """The candidates and what their runs are predicted to take."""
    names = ["naive_bayes/word/scratch", "naive_bayes/char/scratch", "tfidf_linear/word/scratch"]
    names += ["tfidf_linear/char/scratch", "cnn/textcnn/scratch", "recurrent/gru/scratch"]
    candidates = [
        named(name, 10**6, pretrained=False, one_go=name.split("/")[0] in ("naive_bayes", "tfidf_linear"))
        for name in names
    ]
    candidates += [
        named(f"encoder/m{i}/{method}", 10**7 * (i + 1), pretrained=True) for i in range(2) for method in METHODS
    ]
    seconds = {
        c.name: SECONDS.get(c.model.family) or SECONDS_OF_METHODS[c.method] * (2 if c.model.name == "m1" else 1)
        for c in candidates
    }
    return candidates, {name: Forecast(predicted, 0.0) for name, predicted in seconds.items()}


def true_curves(
    candidates: list[Candidate], loss: float, e: Experience, world: World, rng: np.random.Generator
) -> Floats:
    """True losses at each rung, before seeds, ``(n_candidates, n_rungs)``."""
    shared: dict[Any, float] = defaultdict(lambda: float(rng.standard_normal()))
    effects, effects_of_rows = (
        {share: world.rungs * e.shared_spread(f"{share:g}{kind}") * rng.standard_normal() for share in RUNGS[:-1]}
        for kind in ("", "/rows")
    )
    levels = np.array([e.level.get(kind_of(c), 0.0) for c in candidates])
    rows = []
    for candidate, level in zip(candidates, levels - levels.mean(), strict=True):
        family, kind = candidate.model.family, kind_of(candidate)
        apart = e.within_family * shared[family] + e.within_group * shared[e.groups.get(kind, kind)]
        apart += e.within_model * shared[family, candidate.model.name] + e.own * rng.standard_normal()
        z = np.log(loss) + level + world.differences * apart
        logs = [z]
        for share in reversed(RUNGS[:-1]):
            rung = (e.rungs.get(kind) or e.rungs["*"])[f"{share:g}"]
            common = (effects if candidate.model.groups else effects_of_rows)[share]
            logs.insert(0, z + rung.bias + rung.loading * common + world.rungs * rung.spread * rng.standard_normal())
        rows.append(logs)
    return np.minimum(np.exp(np.array(rows)), 0.9)


class Simulated:
    """One race: true losses, answers and the record that is replayed."""

    def __init__(self, n: int, loss: float, world: World, rng: np.random.Generator) -> None:
        """Draw it."""
        self.candidates, self.forecasts = pool()
        e = recorded_experience()
        curves = true_curves(self.candidates, loss, e, world, rng)
        self.final = {c.name: float(row[-1]) for c, row in zip(self.candidates, curves, strict=True)}
        hard = world.between**0.5 * rng.standard_normal(n, dtype=np.float32)
        self.runs: dict[tuple[str, int, int], tuple[float, np.ndarray]] = {}
        """(candidate, rung, repeat) -> true loss of the run, which items it answers wrong."""
        for candidate, row in zip(self.candidates, curves, strict=True):
            own = hard + (WITHIN - world.between) ** 0.5 * rng.standard_normal(n, dtype=np.float32)
            trained = depends_on_seed(candidate)
            for repeat in range(MAX_SEEDS if trained else 1):
                seed = np.exp(world.seed_spread * rng.standard_normal()) if trained else 1.0
                for rung in range(len(RUNGS)) if repeat == 0 else (len(RUNGS) - 1,):
                    true = float(min(row[rung] * seed, 0.95))
                    errs = own + (1 - WITHIN) ** 0.5 * rng.standard_normal(n, dtype=np.float32) < ndtri(true)
                    self.runs[candidate.name, rung, repeat] = true, errs
        paces = np.exp(0.3 * rng.standard_normal(len(self.candidates)))
        self.took = {
            c.name: float(self.forecasts[c.name].seconds * pace) for c, pace in zip(self.candidates, paces, strict=True)
        }
        self.per_text = {c.name: (1e-2 if c.model.pretrained else 1e-3) for c in self.candidates}

    def record(self) -> list[Trial]:
        """Every rung and seed."""
        trials = []
        before = dict.fromkeys(self.final, 0.0)
        for (name, rung, repeat), (_, wrong) in self.runs.items():
            share = RUNGS[rung]
            seconds = self.took[name] * (1.0 if repeat else share - before[name])
            before[name] = before[name] if repeat else share
            loss, n = float(wrong.mean()), len(wrong)
            score = Measured(1 - loss, *wilson((1 - loss) * n, n), n, "accuracy")
            trials.append(
                Trial(
                    candidate=name,
                    rung=rung,
                    share=share,
                    seconds=seconds,
                    score=score,
                    loss=loss,
                    predictions="",
                    seconds_per_text=self.per_text[name],
                    elapsed=0.0,
                    predicted_seconds=seconds,
                    value=0.0,
                    why="",
                    data_fingerprint="",
                    repeat=repeat,
                )
            )
        return trials

    def cost(self, name: str) -> float:
        """Money per month."""
        return running_cost(self.per_text[name], SPEC, MACHINE)

    def true_j(self, name: str) -> float:
        """Of a candidate over all training seeds."""
        return self.cost(name) + SPEC.objective.alpha * self.final[name]


def answered(wrong: np.ndarray) -> tuple[str, ...]:
    """Answers to items whose right answer is ``GOLD``."""
    return tuple(np.where(wrong, "b", GOLD).tolist())


def decided(race: Simulated, standings: Standings, metric: Metric) -> Choice:
    """The decision among what has finished."""
    latency = Measured(5.0, 5.0, 5.0, 50, "ms")
    finished, names = [], set()
    n = len(next(iter(race.runs.values()))[1])
    by_name = {candidate.name: candidate for candidate in race.candidates}
    for trial in standings.trials:
        if trial.share < 1 or trial.repeat:
            continue
        names.add(trial.candidate)
        further = tuple(
            SeedRun(other, answered(race.runs[other.candidate, other.rung, other.repeat][1]))
            for other in standings.trials
            if other.candidate == trial.candidate and other.repeat
        )
        finished.append(
            Finished(
                by_name[trial.candidate],
                trial,
                answered(race.runs[trial.candidate, trial.rung, 0][1]),
                trial.seconds,
                Footprint(0.5, latency, latency, 1000.0, 10**8, 10**6),
                Cost(0.0, 0.0, race.cost(trial.candidate), 0.0, 0.0),
                further=further,
            )
        )
    others = [Prospect(name, *standings.forecast(name), race.cost(name)) for name in race.final if name not in names]
    prospects = Prospects(tuple(others), prior_of(standings, finished, others, SPEC.objective))
    return decide(finished, [GOLD] * n, metric, SPEC, prospects=prospects, n_draws=500)


def simulate(n: int, loss: float, budget: float, world: World, rng: np.random.Generator) -> dict[str, Any]:
    """One race and its decision."""
    policy: Policy = plugins.load("policies", "value")
    metric: Metric = plugins.load("metrics", "accuracy")
    race = Simulated(n, loss, world, rng)
    standings = Standings(
        pool=race.candidates,
        forecasts=race.forecasts,
        spec=SPEC,
        machine=MACHINE,
        n_items=n,
        n_labels=2,
    )
    record = race.record()
    exhaustive = sum(trial.seconds for trial in record if not trial.repeat)
    replay(standings, record, policy, budget_seconds=budget * exhaustive)
    choice = decided(race, standings, metric)
    winner, ends = choice.winner.candidate, {trial.candidate for trial in standings.trials if trial.share >= 1}
    seeds = [trial.repeat for trial in standings.trials if trial.candidate == winner and trial.share >= 1]
    truth = 1 - float(np.mean([race.runs[winner, len(RUNGS) - 1, repeat][0] for repeat in seeds]))
    score = choice.winner.score
    assert score is not None
    own = wilson(score.value * n, n)
    best_of_all = min(race.final, key=race.true_j)
    best_finished = min(ends, key=race.true_j)
    return {
        "covered": score.low <= truth <= score.high,
        "covered_by_own": own[0] <= truth <= own[1],
        "best_in_set": best_finished in choice.tied,
        "size": len(choice.tied),
        "finished": len(ends),
        "second_seeds": sum(trial.repeat > 0 for trial in standings.trials),
        "regret": race.true_j(winner) - race.true_j(best_of_all),
        "expected_regret": choice.expected_regret,
        "p_best": [(choice.p_best[name], name == best_of_all) for name in race.final],
    }


def bins(kept: list[dict[str, Any]]) -> list[list[float]]:
    """Of each tenth of P(best): candidates, their summed P(best), how many of them were the best."""
    pairs = np.array([pair for simulation in kept for pair in simulation["p_best"]])
    tenth = np.minimum((pairs[:, 0] * 10).astype(int), 9)
    return [
        [int((tenth == i).sum()), float(pairs[tenth == i, 0].sum()), int(pairs[tenth == i, 1].sum())] for i in range(10)
    ]


def cell(setting: tuple[int, float, float], world: World, chosen: argparse.Namespace) -> dict[str, Any]:
    """All simulations of one cell (items, loss, budget), as means."""
    n, loss, budget = setting
    rng = np.random.default_rng([chosen.seed, n, round(loss * 100), round(budget * 100)])
    kept: list[dict[str, Any]] = []
    end = time.monotonic() + chosen.seconds
    while len(kept) < chosen.simulations and (len(kept) < 20 or time.monotonic() < end):
        kept.append(simulate(n, loss, budget, world, rng))
    row: dict[str, Any] = {"n": n, "loss": loss, "budget": budget, "simulations": len(kept)}
    for name in kept[0]:
        if name != "p_best":
            row[name] = round(float(np.mean([simulation[name] for simulation in kept])), 4)
    row["bins"] = bins(kept)
    return row


def summary(cells: list[dict[str, Any]]) -> list[str]:
    """Every cell, the means, and P(best) by tenths."""
    lines = [str({key: value for key, value in row.items() if key != "bins"}) for row in cells]
    total = sum(row["simulations"] for row in cells)
    for name in ("covered", "covered_by_own", "best_in_set", "second_seeds", "regret", "expected_regret"):
        mean = sum(row[name] * row["simulations"] for row in cells) / total
        lines.append(f"{name}: {mean:.4f} over {total} races; lowest cell {min(row[name] for row in cells):.4f}")
    table = np.sum([row["bins"] for row in cells], axis=0)
    lines += [
        f"P(best) {i / 10:.1f} to {(i + 1) / 10:.1f}: {int(n)} candidates, stated {p / max(n, 1):.3f}, "
        f"were the best {hits / max(n, 1):.3f}"
        for i, (n, p, hits) in enumerate(table)
    ]
    return lines


def main() -> None:
    """Run every cell and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000, help="Most simulations a cell.")
    parser.add_argument("--seconds", type=float, default=40.0, help="Most seconds a cell (at least 20 simulations).")
    parser.add_argument("--seed", type=int, default=0)
    for field in fields(World):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    parser.add_argument("--items", type=int, nargs="+", default=ITEMS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--read", type=Path, nargs="+", help="Results to summarise instead of running anything.")
    chosen = parser.parse_args()
    if chosen.read:
        print("\n".join(summary([row for path in chosen.read for row in json.loads(path.read_text())["cells"]])))
        return
    rows = []
    world = World(**{field.name: getattr(chosen, field.name) for field in fields(World)})
    for setting in product(chosen.items, LOSSES, BUDGETS):
        rows.append(cell(setting, world, chosen))
        print({key: value for key, value in rows[-1].items() if key != "bins"}, flush=True)
    result = {
        "benchmark": "race_coverage",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "seed": chosen.seed,
        "world": asdict(world),
        "cells": rows,
    }
    text = json.dumps(result)
    if chosen.out:
        chosen.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
