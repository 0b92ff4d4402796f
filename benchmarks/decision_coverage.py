"""Do the intervals, the best set and P(best) of a decision have their nominal coverage, and what is the rule's regret?

Run:    python benchmarks/decision_coverage.py --seconds 20 --out benchmarks/results/decision_coverage.json
Read:   python benchmarks/decision_coverage.py --read benchmarks/results/decision_coverage.json
Needs:  CPU only; 150 cells of at most --seconds each (2,000 simulations of all take about an hour on one core).
        The results of record are in benchmarks/results/.

Simulated: a validation set of n items and k candidates. Candidate i errs on an item where a normal variable, correlated
.5 between the candidates of the item, lies below the quantile of its true loss: items are hard or easy for all.
Designs: ``equal`` (all true losses are the same: the hardest case for a selection), ``spread`` (log-normal about the
stated loss, standard deviation .3) and ``leader`` (one at the stated loss, the others half as bad again). Coverage,
best set and P(best) are measured with equal costs (the selection is by loss alone); regret in J with costs that are
log-normal about 2 USD a month and an alpha of 500 times a factor drawn between .001 and 1, so that both matter.

Measured per cell: coverage of the chosen candidate's true loss by the corrected interval and by Wilson's own; how often
the best set holds the true best (of equals, a given one), and its mean size; mean regret in J of the rule and of plain
argmin J. Over all cells of ``spread``: P(best) in ten bins. ``adaptive``: 15 candidates, of which the third with the
lowest loss at a rung on the same items is finished; only these are corrected for.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from goldilocks.support.scoring.best_set import best_set, selection_error
from goldilocks.support.scoring.shrinkage import shrink
from goldilocks.support.scoring.statistics import bootstrap_weights, normal_quantile, wilson, wilson_end

ITEMS, LOSSES, CANDIDATES = (30, 100, 300, 1000, 3000), (0.02, 0.1, 0.4), (1, 2, 15, 200)
DRAWS, CORRELATION = 500, 0.5


def true_losses(design: str, loss: float, k: int, rng: np.random.Generator) -> np.ndarray:
    """True losses of the candidates, ``(k,)``."""
    if design == "equal":
        return np.full(k, loss)
    if design == "spread":
        return np.minimum(loss * np.exp(0.3 * rng.normal(size=k)), 0.95)
    losses = np.full(k, min(1.5 * loss, 0.95))
    losses[rng.integers(k)] = loss
    return losses


def errors_of(losses: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Errors, ``(n, k)``."""
    shared = rng.standard_normal((n, 1), dtype=np.float32) * np.float32(CORRELATION**0.5)
    own = rng.standard_normal((n, len(losses)), dtype=np.float32) * np.float32((1 - CORRELATION) ** 0.5)
    wrong: np.ndarray = shared + own < ndtri(losses).astype(np.float32)
    return wrong.astype(np.float32)


def simulate(weights: np.ndarray, losses: np.ndarray, errors: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """One decision, as ``selection/decide.py`` makes it."""
    n, k = errors.shape
    alpha = 500 * 10 ** rng.uniform(-3, 0)
    costs = 2 * np.exp(rng.normal(size=k))
    observed = errors.mean(axis=0, dtype=np.float64)
    noise = (weights @ errors / n - observed.astype(np.float32)) * np.float32((n / (n - 1)) ** 0.5)
    posterior = shrink(observed, noise, n_items=n)
    # Coverage, best set and P(best): all costs equal, so that the selection is by loss alone and misleads most.
    selected = int(np.argmin(posterior.mean))
    result = best_set(observed, noise, step=1 / n)
    z = selection_error(noise, posterior, np.zeros(k), n_items=n) if k > 1 else normal_quantile()
    own = wilson(observed[selected] * n, n)
    low, high = own[0], wilson_end(float(observed[selected]), n, z)
    drawn = posterior.draws(rng)
    best = int(np.argmin(losses))
    # Regret in J: with costs.
    truth = costs + alpha * losses
    by_rule, by_argmin = int(np.argmin(costs + alpha * posterior.mean)), int(np.argmin(costs + alpha * observed))
    return {
        "covered": low <= losses[selected] <= high,
        "covered_by_own": own[0] <= losses[selected] <= own[1],
        "best_in_set": bool(result.members[best]),
        "size": int(result.members.sum()),
        "regret": float(truth[by_rule] - truth.min()),
        "regret_argmin": float(truth[by_argmin] - truth.min()),
        "p_best": np.bincount(np.argmin(drawn, axis=1), minlength=k) / len(drawn),
        "best": best,
    }


def cell(design: str, n: int, loss: float, k: int, most: int, seconds: float) -> dict[str, Any]:
    """All simulations of one cell, as means."""
    rng = np.random.default_rng([n, k, int(loss * 100), len(design)])
    weights = bootstrap_weights(n, DRAWS, seed=0).astype(np.float32)
    kept: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    while len(kept) < most and (len(kept) < 100 or time.monotonic() < end):
        if design == "adaptive":
            every = true_losses("spread", loss, k, rng)
            errors = errors_of(np.concatenate([every, np.minimum(1.3 * every, 0.95)]), n, rng)
            errors[:, k:] = np.maximum(errors[:, k:] * (rng.random((n, k)) < 0.7), errors[:, :k])  # the same items err
            bought = np.argsort(errors[:, k:].mean(axis=0), kind="stable")[: max(k // 3, 2)]
            kept.append(simulate(weights, every[bought], errors[:, bought], rng))
        else:
            losses = true_losses(design, loss, k, rng)
            kept.append(simulate(weights, losses, errors_of(losses, n, rng), rng))
    row: dict[str, Any] = {"design": design, "n": n, "loss": loss, "candidates": k, "simulations": len(kept)}
    for name in ("covered", "covered_by_own", "best_in_set", "size", "regret", "regret_argmin"):
        row[name] = round(float(np.mean([kept_item[name] for kept_item in kept])), 5)
    difference = np.array([kept_item["regret"] - kept_item["regret_argmin"] for kept_item in kept])
    row["regret_difference_error"] = round(float(difference.std() / len(kept) ** 0.5), 5)
    row["bins"] = bins(kept) if design == "spread" and k > 1 else None
    return row


def bins(kept: list[dict[str, Any]]) -> list[list[float]]:
    """Of each tenth of P(best): candidates, their summed P(best), how many of them were the best."""
    p = np.concatenate([kept_item["p_best"] for kept_item in kept])
    best = np.concatenate([np.arange(len(kept_item["p_best"])) == kept_item["best"] for kept_item in kept])
    tenth = np.minimum((p * 10).astype(int), 9)
    return [[int((tenth == i).sum()), float(p[tenth == i].sum()), int(best[tenth == i].sum())] for i in range(10)]


def summary(cells: list[dict[str, Any]]) -> list[str]:
    """The result in words: coverage, best set and regret by design and number of candidates; P(best) by tenths."""
    lines = [
        "design    k    cells  simulations  covered mean/min  Wilson mean  best set mean/min  size   regret rule/argmin"
    ]
    for design, k in dict.fromkeys((cell["design"], cell["candidates"]) for cell in cells):
        rows = [cell for cell in cells if (cell["design"], cell["candidates"]) == (design, k)]
        mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name not in ("design", "bins")}
        least = {name: min(row[name] for row in rows) for name in ("covered", "best_in_set", "simulations")}
        most = max(row["simulations"] for row in rows)
        lines.append(
            f"{design:9} {k:3}  {len(rows):5}  {least['simulations']:4} to {most:4}  {mean['covered']:.3f} / "
            f"{least['covered']:.3f}     {mean['covered_by_own']:.3f}        {mean['best_in_set']:.3f} / "
            f"{least['best_in_set']:.3f}     {mean['size']:6.1f} {mean['regret']:.3f} / {mean['regret_argmin']:.3f}"
        )
    worse = [cell for cell in cells if cell["regret"] - cell["regret_argmin"] > 2 * cell["regret_difference_error"] > 0]
    better = [
        cell for cell in cells if cell["regret_argmin"] - cell["regret"] > 2 * cell["regret_difference_error"] > 0
    ]
    lines.append(f"{len(cells)} cells, covered {np.mean([cell['covered'] for cell in cells]):.4f} on average")
    lines.append(f"regret above argmin J by more than two standard errors: {len(worse)} cells; below: {len(better)}")
    for name, bar in (("covered", 0.93), ("best_in_set", 0.94)):
        for cell in cells:
            if cell[name] < bar:
                lines.append(f"{name} {cell[name]:.3f}: " + str({key: cell[key] for key in list(cell)[:5]}))
    table = np.sum([cell["bins"] for cell in cells if cell["bins"]], axis=0)
    lines += [
        f"P(best) {i / 10:.1f} to {(i + 1) / 10:.1f}: {int(n)} candidates, stated {p / max(n, 1):.3f}, "
        f"were the best {hits / max(n, 1):.3f}"
        for i, (n, p, hits) in enumerate(table)
    ]
    return lines


def main() -> None:
    """Run every cell and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulations", type=int, default=2000, help="Most simulations a cell.")
    parser.add_argument("--seconds", type=float, default=20.0, help="Most seconds a cell (at least 100 simulations).")
    parser.add_argument("--designs", default="equal,spread,leader,adaptive")
    parser.add_argument("--only", default="", help="One cell, as candidates,items,loss: 15,300,0.02.")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--read", type=Path, nargs="+", help="Results to summarise instead of running anything.")
    chosen = parser.parse_args()
    if chosen.read:
        print("\n".join(summary([cell for path in chosen.read for cell in json.loads(path.read_text())["cells"]])))
        return
    rows: list[dict[str, Any]] = []
    for design, k, n, loss in product(chosen.designs.split(","), CANDIDATES, ITEMS, LOSSES):
        if (k == 1 and design != "equal") or (design == "leader" and k == 200) or (design == "adaptive" and k != 15):
            continue
        if chosen.only and chosen.only != f"{k},{n},{loss}":
            continue
        rows.append(cell(design, n, loss, k, chosen.simulations, chosen.seconds))
        print({key: value for key, value in rows[-1].items() if key != "bins"}, flush=True)
    result = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "draws": DRAWS,
        "correlation": CORRELATION,
        "cells": rows,
    }
    text = json.dumps(result)
    if chosen.out:
        chosen.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
