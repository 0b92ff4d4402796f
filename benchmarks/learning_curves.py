"""How fast do losses fall with the training rows, and do the intervals for twice the rows hold?

Run:    python benchmarks/learning_curves.py
Needs:  ``results/races`` (in the repository) and ``results_setfit`` of the data folder; CPU only, seconds.

Two collections of learning curves over rows (not over epochs):

1. Recorded races: models fitted in a single pass at .1, .3 and 1 of 200 or 250 rows (6 data sets, 4 models each).
2. results_setfit (Tunstall et al. 2022): networks on 16, 32 and 64 examples per class, mean of 10 splits.

Reported: mean and standard deviation of the exponent b of ``loss ~ rows ** -b`` between the last two sizes, and the
standard deviation of the difference to the exponent between the two sizes before; these are the constants of
``selection/learning_curve.py``. Then the coverage of the 90 % interval of the loss at the last size, given the two
before, leaving one data set out at a time (mean and deviations from the other sets), and of the prior alone. The sizes
of the races are 3.3 times apart and those of results_setfit twice; the law is used at the factor at hand.
The last line of output is one JSON object.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from bench_data import keep, machine, options
from recorded_races import read_all

Z = NormalDist().inv_cdf(0.95)
PER_CLASS = (16, 32, 64)


@dataclass(frozen=True)
class Curve:
    """Losses of one model on one data set at three sizes."""

    data_set: str
    losses: tuple[float, float, float]
    factors: tuple[float, float]
    """Rows at a size over rows at the size before."""
    n_items: int

    def exponent(self, step: int) -> float:
        """Between size ``step`` and the next."""
        return math.log(self.losses[step] / self.losses[step + 1]) / math.log(self.factors[step])

    def noise(self, step: int) -> float:
        """Standard deviation of that by counting: the same items, so that half of the variance cancels."""
        variances = [(1 - loss) / (loss * self.n_items) for loss in self.losses[step : step + 2]]
        return math.sqrt(0.5 * sum(variances)) / math.log(self.factors[step])


def recorded() -> list[Curve]:
    """Models fitted in a single pass."""
    curves = []
    for name, record in read_all().items():
        one_go = {candidate.name for candidate in record.pool if not candidate.model.groups}
        by_candidate: dict[str, dict[float, float]] = defaultdict(dict)
        for trial in record.trials:
            by_candidate[trial.candidate][trial.share] = max(trial.loss, 0.5 / record.n_items)
        curves += [
            Curve(name, (losses[0.1], losses[0.3], losses[1.0]), (3.0, 1 / 0.3), record.n_items)
            for candidate, losses in by_candidate.items()
            if candidate in one_go and not candidate.startswith("majority/") and {0.1, 0.3, 1.0} <= set(losses)
        ]
    return curves


def published(data: Path) -> list[Curve]:
    """Networks on a few examples per class."""
    result: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (data / "results_setfit" / "few_shot_long.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["examples_per_class"] in map(str, PER_CLASS):
                loss = max(1 - float(row["score"]) / 100, 1e-3)
                key = row["method"], row["model"], row["dataset"]
                result[key][int(row["examples_per_class"])].append(loss)
    return [
        Curve(key[2], tuple(float(np.mean(sizes[size])) for size in PER_CLASS), (2.0, 2.0), 10_000)  # type: ignore[arg-type]
        for key, sizes in result.items()
        if set(PER_CLASS) <= set(sizes)
    ]


def spreads(curves: list[Curve]) -> tuple[float, float, float]:
    """Mean and deviation of the last exponent, and deviation of its difference to the one before."""
    last = np.array([curve.exponent(1) for curve in curves])
    change = last - [curve.exponent(0) for curve in curves]
    return float(last.mean()), float(last.std(ddof=1)), float(np.sqrt(np.mean(change**2)))


def coverage(curves: list[Curve]) -> dict[str, float]:
    """Share of last losses within the 90 % interval, by the prior alone and with the two sizes before."""
    held: dict[str, list[bool]] = defaultdict(list)
    for name in {curve.data_set for curve in curves}:
        mean, spread, change = spreads([curve for curve in curves if curve.data_set != name])
        for curve in (curve for curve in curves if curve.data_set == name):
            noise = curve.noise(0)
            weight = spread**2 / (spread**2 + noise**2)
            for situation, centre, width in (
                ("prior", mean, math.hypot(spread, change)),
                ("with the sizes before", mean + weight * (curve.exponent(0) - mean), math.hypot(change, noise)),
            ):
                width = math.hypot(width, curve.noise(1))
                held[situation].append(abs(curve.exponent(1) - centre) <= Z * width)
    return {situation: round(float(np.mean(values)), 3) for situation, values in held.items()}


def main() -> None:
    """Both collections."""
    chosen = options(__doc__).parse_args()
    result: dict[str, Any] = {"benchmark": "learning_curves"}
    for name, curves in (("races", recorded()), ("results_setfit", published(chosen.data))):
        mean, spread, change = spreads(curves)
        result[name] = {
            "curves": len(curves),
            "data_sets": len({curve.data_set for curve in curves}),
            "exponent": round(mean, 3),
            "spread": round(spread, 3),
            "change": round(change, 3),
            "coverage_of_90": coverage(curves),
        }
        print(name, result[name])
    keep("learning_curves", result | machine())


if __name__ == "__main__":
    main()
