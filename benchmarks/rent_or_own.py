"""Banking77: a bundle of one's own, served here, compared with the published figures of hosted decision models. Rent or
own?

Run:    python benchmarks/rent_or_own.py --bundle BUNDLE
Needs:  the data folder (banking77, results_decision_models) and a bundle tuned on Banking77's training part:
        goldilocks tune task.yaml --candidate encoder/all-MiniLM-L6-v2/full --out BUNDLE; about two minutes.

Ours is measured here: accuracy, macro F1, Brier score and ECE on the official test part (3,080 texts); latency as one
client of `goldilocks serve` on loopback sees it, requests per second with eight clients, and processor seconds per
request. The figures of others are copied from their reports (`published.csv`: source and date of each); nothing is
asked of any hosted service. Their protocol differs: a sample of the test part, prompts with all 77 labels, no training
rows, latency over the internet. Their Brier score is that of the chosen label, (confidence - right)^2, so that ours is
given in this form too, beside the usual sum over labels.

Money, per month: own = machines that are held the whole month at `cpu_hour` (as many as the volume needs at 50 % of the
measured capacity), plus labelling of the training rows and the hours of work, spread over 12 months. A second line
leaves out labels and work: what it costs a team that has the labels. Rent = the published price per 1,000 requests. The
break-even is the volume from which owning is cheaper. Prices are options with defaults, and in the result. The last
line of output is one JSON object; the plot is written beside the page.
"""

from __future__ import annotations

import asyncio
import csv
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from bench_data import keep, machine, options, rows
from http_load import Load, first_answer, running
from markupsafe import Markup

from goldilocks.report.scales import Scale
from goldilocks.report.svg import Label, axes, line_boxes, path_of, picture, place_labels, tag

HOURS = 730.0
"""Hours of a month."""
VOLUMES = (10**4, 10**5, 10**6, 10**7, 10**8)
PORT = 18_441
PLOT = Path(__file__).parent.parent / "docs" / "rent_or_own.svg"
_STYLE = """
svg { background: #fff } text { font: 12px system-ui, sans-serif; fill: #1d1f23 }
.tick, .title { fill: #5a5f68 } .grid { stroke: #ebe8e2 } .axis { stroke: #5a5f68 } .leader { stroke: #5a5f68 }
.label { paint-order: stroke; stroke: #fff; stroke-width: 3px } .run { fill: none; stroke-width: 2.2 }
.c1 { stroke: #2460a7 } .c2 { stroke: #a8480a } .c3 { stroke: #1f7a4d } .c4 { stroke: #93358a } .c0 { stroke: #5f6b7a }
"""


@dataclass(frozen=True, slots=True)
class Prices:
    """What the comparison assumes, in USD."""

    cpu_hour: float
    label: float
    labels: int
    work_hours: float
    work_hour: float
    months: float = 12.0
    utilisation: float = 0.5

    def once(self) -> float:
        """Labels and work, per month of the horizon."""
        return (self.label * self.labels + self.work_hours * self.work_hour) / self.months

    def own(self, volume: float, per_second: float, *, labels: bool) -> float:
        """Money per month for a volume of requests per month."""
        capacity = per_second * self.utilisation * HOURS * 3600
        machines = max(1, math.ceil(volume / capacity))
        return machines * self.cpu_hour * HOURS + (self.once() if labels else 0.0)


def break_even(prices: Prices, per_second: float, per_1000: float, *, labels: bool) -> float | None:
    """The smallest volume per month from which owning is not dearer; ``None`` if there is none up to 10^9."""
    for exponent in np.arange(3.0, 9.0, 0.001):
        volume = 10.0 ** float(exponent)
        if prices.own(volume, per_second, labels=labels) <= volume * per_1000 / 1000:
            return float(round(volume, -int(exponent) + 1))
    return None


# ---------------------------------------------------------------------------------------------------- our figures


def quality(bundle: str, test: list[dict[str, Any]]) -> dict[str, float]:
    """Quality on the test part, from the bundle's probabilities."""
    from sklearn.metrics import accuracy_score, f1_score

    import goldilocks

    loaded = goldilocks.load(bundle)
    answers = loaded.answers([row["text"] for row in test])
    gold = [str(row["label"]) for row in test]
    predicted = [str(value) for value in answers.values]
    table = np.asarray(answers.probabilities, dtype=np.float64)
    column = {label: place for place, label in enumerate(answers.labels)}
    given = table[np.arange(len(gold)), [column[label] for label in gold]]
    confidence, right = table.max(axis=1), np.array([a == b for a, b in zip(predicted, gold, strict=True)], dtype=float)
    return {
        "rows": len(gold),
        "accuracy": accuracy_score(gold, predicted),
        "macro_f1": f1_score(gold, predicted, average="macro"),
        "brier_of_the_chosen_label": float(((confidence - right) ** 2).mean()),
        "brier_over_labels": float(((table**2).sum(axis=1) - 2 * given + 1).mean()),
        "ece_10_equal_bins": ece(confidence, right),
    }


def ece(confidence: Any, right: Any, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Naeini et al. 2015)."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs((confidence - right)[place == number].sum()) for number in range(bins)]
    return float(sum(gaps) / len(right))


def speed(bundle: str, texts: list[str], seconds: float) -> dict[str, float]:
    """Latency of one client, capacity with eight, and processor seconds per request."""
    with running([sys.executable, "-m", "goldilocks", "serve", bundle, "--port", str(PORT)], port=PORT) as process:
        asyncio.run(first_answer(Load(PORT, texts)))
        single, eight = Load(PORT, texts), Load(PORT, texts)
        asyncio.run(single.run(1, seconds))
        before, begun = process.cpu_times(), time.perf_counter()
        asyncio.run(eight.run(8, seconds))
        after, took = process.cpu_times(), time.perf_counter() - begun
        memory = process.memory_info().rss / 1e6
    busy = after.user + after.system - before.user - before.system
    cuts = statistics.quantiles(single.milliseconds, n=100)
    per_second = len(eight.milliseconds) / seconds
    return {
        "p50_ms": round(cuts[49], 2),
        "p95_ms": round(cuts[94], 2),
        "requests_per_second_8_clients": round(per_second, 1),
        "cpu_seconds_per_request": round(busy / (per_second * took), 5),
        "memory_mb": round(memory),
        "failures": single.failures + eight.failures,
    }


# ----------------------------------------------------------------------------------------------------- the offers


def published(data: Path) -> list[dict[str, str]]:
    """The published rows on Banking77, and the prices of offers on other data."""
    with (data / "results_decision_models" / "published.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["suite"].startswith("banking77") or row["usd_per_1000"]]


def offers(table: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Hosted offers with a price, the cheapest row of each; those on Banking77 first."""
    priced = [row for row in table if row["usd_per_1000"] and float(row["usd_per_1000"]) > 0]
    hosted = [row for row in priced if "self-hosted" not in row["contender"] and row["contender"] != "random"]
    listed = [
        {
            "contender": row["contender"],
            "usd_per_1000": float(row["usd_per_1000"]),
            "measured_on": row["suite"],
            "source": row["source"],
        }
        for row in hosted
    ]
    return sorted(listed, key=lambda offer: (not offer["measured_on"].startswith("banking77"), offer["usd_per_1000"]))


# -------------------------------------------------------------------------------------------------------- the plot


def chart(prices: Prices, per_second: float, priced: Sequence[dict[str, Any]]) -> str:
    """Money per month by volume, one line for each way, as SVG that stands alone."""
    volumes = [10 ** (4 + step / 50) for step in range(201)]
    lines: dict[str, list[float]] = {
        "own: machines, labels, work": [prices.own(volume, per_second, labels=True) for volume in volumes],
        "own: machines only": [prices.own(volume, per_second, labels=False) for volume in volumes],
    }
    for offer in (priced[0], priced[1], priced[-1]):  # on this data; the cheapest and the dearest on other data
        name = f"{offer['contender']}, ${offer['usd_per_1000']:g} per 1,000"
        lines[name] = [volume * offer["usd_per_1000"] / 1000 for volume in volumes]
    values = [value for line in lines.values() for value in line]
    x, y = Scale(1e4, 1e8, 70, 700, log=True), Scale(min(values), max(values), 360, 40, log=True)
    parts = axes(x, y, "requests per month", "USD per month", x_ticks=5)
    labels, boxes = [], []
    for number, (name, line) in enumerate(lines.items()):
        spots = [(x(volume), y(value)) for volume, value in zip(volumes, line, strict=True)]
        parts.append(tag("path", class_=f"run c{(number + 1) % 5}", d=path_of(spots)))
        boxes += line_boxes(spots)
        labels.append(Label(name, *spots[40 + 45 * (number % 3)], "", must=True))
    parts += place_labels(labels, [], (x.start, y.end - 8, x.end + 8, y.start), boxes)
    drawn = picture(
        "rent-or-own",
        "Money per month by requests per month",
        "Owning is a step function of the machines held; renting is a line through the origin.",
        760,
        410,
        [tag("style", Markup(_STYLE)), *parts],
        role="wide",
    )
    return str(drawn).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def main() -> None:
    """Measure the bundle, compare it with the published figures, and find the break-even volumes."""
    parser = options(__doc__)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--cpu-hour", type=float, default=0.05, help="A machine like this one, in USD.")
    parser.add_argument("--label", type=float, default=0.08, help="One label, in USD.")
    parser.add_argument("--work-hours", type=float, default=16.0, help="To set up and watch the service, in 12 months.")
    parser.add_argument("--work-hour", type=float, default=60.0, help="One hour of that work, in USD.")
    chosen = parser.parse_args()
    test = rows(chosen.data, "banking77", "test")
    labels = len(rows(chosen.data, "banking77", "train"))
    prices = Prices(chosen.cpu_hour, chosen.label, labels, chosen.work_hours, chosen.work_hour)
    measured = quality(chosen.bundle, test) | speed(chosen.bundle, [row["text"] for row in test], chosen.seconds)
    print(json.dumps(measured, indent=1), flush=True)
    per_second = measured["requests_per_second_8_clients"]
    table = published(chosen.data)
    priced = offers(table)
    money = {
        str(volume): {
            "own": prices.own(volume, per_second, labels=True) / volume * 1000,
            "own_machines_only": prices.own(volume, per_second, labels=False) / volume * 1000,
        }
        for volume in VOLUMES
    }
    for offer in priced:
        offer["break_even"] = break_even(prices, per_second, offer["usd_per_1000"], labels=True)
        offer["break_even_machines_only"] = break_even(prices, per_second, offer["usd_per_1000"], labels=False)
    PLOT.write_text(chart(prices, per_second, priced), encoding="utf-8")
    info = json.loads((Path(chosen.bundle) / "bundle.json").read_text(encoding="utf-8"))
    result = {
        "benchmark": "rent_or_own",
        "data": f"banking77, official test part ({len(test)} texts); bundle tuned on the training part ({labels} rows)",
        "bundle": f"{info['family']}/{info['model']}/{info['method']}",
        "ours": measured,
        "prices": asdict(prices),
        "usd_per_1000_by_volume": money,
        "offers": priced,
        "published": [row for row in table if row["suite"].startswith("banking77")],
        "load_average": psutil.getloadavg(),
    }
    keep("rent_or_own", result | machine())


if __name__ == "__main__":
    main()
