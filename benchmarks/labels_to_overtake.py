"""How many labels until an owned model overtakes a hosted one: does the forecast hold on published curves?

Run:    python benchmarks/labels_to_overtake.py
Needs:  ``results_decision_models`` of the data folder (facts from reports of others); CPU only, seconds.

The table has five curves of small models over labelled rows (elcronos/jev-vs-open-decision-models: features of MiniLM
or tf-idf with logistic regression, on emotion, tweet_topic and fin_topic) and the accuracy of three hosted or zero-shot
models on the same rows. From each size of a curve at which the small model is still behind, the number of rows at which
it draws level is forecast as ``goldilocks select`` does (``selection/hosted_or_own.labels_needed``): with the exponent
of other data (``learning_curve.EXPONENT``) and, where the curve has half of the rows, corrected by the last doubling.
Both accuracies have the binomial error of the rows they were counted on. It is compared with the size at which the
published curve crosses (interpolated in the logarithms of size and loss).

Reported: how many crossings lie in the 95 % interval, the median of |log2(forecast / crossing)| in doublings, and the
same for the exponent of other data alone. A curve that never crosses within its sizes is listed: the interval should
reach beyond its last size. Crossings of a curve are not independent of each other. The last line of output is one JSON
object.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options

from goldilocks.records import Measured
from goldilocks.selection.hosted_or_own import labels_needed
from goldilocks.selection.learning_curve import HalfRows, exponent

SUITES = {
    "dair-ai emotion (6-way, 2000)": 2_000,
    "tweet_topic (6-way, 1693)": 1_693,
    "fin_topic (20-way, 4117)": 4_117,
}
"""Suite -> rows that accuracies were counted on; as stated in its name."""
DRAWS = 4_000
PRICE = 0.08
"""USD for a label, as in ``prices.label``."""
Curve = dict[int, float]
"""Training rows -> loss."""


def published(data: Path) -> tuple[dict[tuple[str, str], Curve], dict[tuple[str, str], float]]:
    """Curves by (suite, model), and losses by (suite, hosted model)."""
    curves: dict[tuple[str, str], Curve] = defaultdict(dict)
    hosted: dict[tuple[str, str], float] = {}
    with (data / "results_decision_models" / "published.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["suite"] in SUITES:
                loss, labels = 1 - float(row["accuracy"]), int(row["labels_used"])
                if labels:
                    curves[row["suite"], row["contender"]][labels] = loss
                else:
                    hosted[row["suite"], row["contender"]] = loss
    return curves, hosted


def crossing(curve: Mapping[int, float], target: float) -> float | None:
    """Rows at which the curve first reaches the loss; ``None``: it does not."""
    sizes = sorted(curve)
    for smaller, larger in pairwise(sizes):
        if curve[smaller] > target >= curve[larger]:
            share = math.log(curve[smaller] / target) / math.log(curve[smaller] / curve[larger])
            return float(smaller * (larger / smaller) ** share)
    return None


def error(loss: float, n: int) -> float:
    """Standard deviation of a loss counted on ``n`` rows."""
    return math.sqrt(loss * (1 - loss) / n)


def forecast(curve: Curve, rows: int, target: float, n: int, *, with_half: bool) -> Measured | None:
    """As ``goldilocks select`` would give it with this many rows."""
    rng = np.random.default_rng(0)
    now = curve[rows] + error(curve[rows], n) * rng.standard_normal(DRAWS)
    to_reach = target + error(target, n) * rng.standard_normal(DRAWS)
    half = None
    if with_half and rows // 2 in curve:
        # Of the ratio of two losses on the same rows, taken as independent: rather too wide.
        of_ratio = math.hypot(error(curve[rows // 2], n) / curve[rows // 2], error(curve[rows], n) / curve[rows])
        half = HalfRows(curve[rows // 2], curve[rows], of_ratio)
    return labels_needed(now, to_reach, exponent(half), rows, 0)


def judged(cases: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Coverage and error of one kind of forecast over the cases with a crossing."""
    known = [case for case in cases if case["crossing"] is not None]
    predicted = [case for case in known if case[kind] is not None]
    off = [abs(math.log2(case[kind][0] / case["crossing"])) for case in predicted]
    held = [case[kind][1] <= case["crossing"] <= case[kind][2] for case in predicted]
    beyond = [case for case in cases if case["crossing"] is None]
    return {
        "crossings": len(known),
        "held": sum(held),
        "said_never": len(known) - len(predicted),
        "upper_end_beyond_a_billion": sum(case[kind][2] >= 1e9 for case in predicted),
        "median_ratio_to_crossing": round(
            float(np.median([case[kind][0] / case["crossing"] for case in predicted])), 2
        ),
        "median_doublings_off": round(float(np.median(off)), 2),
        "largest_doublings_off": round(max(off), 2),
        "not_crossed": len(beyond),
        "not_crossed_held": sum(case[kind] is None or case[kind][2] >= case["last_size"] for case in beyond),
    }


def main() -> None:
    """All curves against all hosted models on the same rows."""
    chosen = options(__doc__).parse_args()
    curves, hosted = published(chosen.data)
    cases: list[dict[str, Any]] = []
    for (suite, model), curve in curves.items():
        for (of, rival), target in hosted.items():
            if of != suite:
                continue
            at = crossing(curve, target)
            for rows in sorted(curve):
                if curve[rows] <= target:
                    break
                case: dict[str, Any] = {
                    "suite": suite,
                    "own": model,
                    "hosted": rival,
                    "rows": rows,
                    "last_size": max(curve),
                }
                case |= {
                    "crossing": None if at is None else round(at),
                    "label_money": None if at is None else round(at * PRICE, 2),
                }
                for kind, with_half in (("with_half", True), ("prior", False)):
                    got = forecast(curve, rows, target, SUITES[suite], with_half=with_half)
                    case[kind] = None if got is None else [round(got.value), round(got.low), round(got.high)]
                cases.append(case)
    for case in cases:
        print(
            f"{case['suite'][:14]:14s} {case['own'][:8]:8s} {case['hosted'][:16]:16s} {case['rows']:6d} rows: "
            f"crosses at {case['crossing']}, forecast {case['with_half']}, by the prior {case['prior']}"
        )
    result = {"with_half": judged(cases, "with_half"), "prior": judged(cases, "prior")}
    for kind, entry in result.items():
        print(kind, entry)
    keep("labels_to_overtake", {"benchmark": "labels_to_overtake"} | result | {"cases": cases} | machine())


if __name__ == "__main__":
    main()
