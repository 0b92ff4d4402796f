"""Records exhaustive races and fits the prior of the race to them.

Run:    python benchmarks/record_experience.py --work bench-work/experience
        python benchmarks/record_experience.py --fit-only     (from the records of record, a second)
Needs:  the data folder; about 3 minutes a data set on 2 quiet cores; resumable.

Measured, per data set (200 or 250 training and 250 or 350 validation rows, at most its 12 most frequent labels, seed
0): which validation items every candidate answers right at every rung, and the seconds; written to
``results/races/NAME.json``, without a row of the data. From these ``selection/experience.json`` is fitted: levels by
kind of candidate, how far data sets, families and models lie apart, and by rung the mean gap to the final loss, its
variance from one data set to the next (shared by all candidates of a run) and what is left for each candidate. Earlier
races at 1,200 rows are pooled with them: their curves were not kept, their fitted numbers are
(``results/experience-1200-rows.json``). The spread between pretrained models cannot come from races with one encoder:
it is the standard deviation of log error among six base models on 35 tasks, 20 seeds each, in the published table
``results_model_recycling``. The last line of output is one
JSON object.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from bench_data import RESULTS, keep, machine, options, rows, sample, write_rows
from recorded_races import RACES, RaceRecord, compact, finals, read_all
from scipy.stats import t

SETS = {
    "trec": "train",
    "bitext_customer_support": "train",
    "sms_spam": "all",
    "airline_tweets": "stream",
    "banking77": "train",
    "mr": "all",
    "tnews": "train",
    "ag_news": "train_part",
    "csl": "cls_ctg_train",
    "sst2": "train",
}
FAMILIES = ("majority", "naive_bayes", "tfidf_linear", "static_embedding", "cnn", "encoder")
GROUPS = {f"encoder/{method}": "encoder/tuned" for method in ("full", "lora", "bias_only", "top_layers")}
MAX_LABELS = 12
ROWS = {"trec": (250, 350), "bitext_customer_support": (250, 350), "sms_spam": (250, 350)}
"""Training and validation rows; the other sets have ``FEWER``, and fewer methods: the machine was busy."""
FEWER = (200, 250)
EXCLUDED: dict[str, tuple[str, ...]] = dict.fromkeys(ROWS, ()) | {"banking77": ("*/bias_only",)}
"""Candidates that were left out; of the sets that are not named ``bias_only`` and ``lora``."""
EARLIER = RESULTS / "experience-1200-rows.json"
EARLIER_SETS = 6
EXPERIENCE = Path(__file__).parents[1] / "src" / "goldilocks" / "selection" / "experience.json"
SLOPE_DOUBT = 0.5
"""One more curve for every so many, at a factor of e in the labels, that shows no slope: few sets show little of it."""
POOLED = 2
"""Curves of all kinds that a kind's own are mixed with: a kind is seen on few sets, none of them with many labels."""
SHARED_PRIOR = (0.8, 4)
"""Share of a rung's variance that all candidates have in common, and how many data sets that belief counts for."""
CORRELATION_PRIOR = (0.8, 4)
"""Correlation of what two rungs share (1 by a pure power law), and for how many pairs that belief counts."""
ROWS_SUFFIX = "/rows"
PROBE_SHARED = 0.5
"""By judgement: how much more than the probe's few hundred rows the rest will teach, in logarithms of the loss."""
MIN_BETWEEN_GROUPS = 0.3
"""By judgement: few sets, some nearly solved, show too little of how far tuning gets beyond a frozen encoder."""


def record(data: Path, work: Path, name: str) -> None:
    """The exhaustive race on one data set, unless it is recorded."""
    if (RACES / f"{name}.json").exists():
        return
    kept = sample(rows(data, name, SETS[name]), 6_000, seed=1)
    random.Random(0).shuffle(kept)
    counts: dict[str, int] = defaultdict(int)
    for row in kept:
        counts[str(row["label"])] += 1
    frequent = sorted(counts, key=lambda label: -counts[label])[:MAX_LABELS]
    kept = [row for row in kept if str(row["label"]) in frequent]
    n_train, n_validation = ROWS.get(name, FEWER)
    train, rest = kept[:n_train], kept[n_train:]
    labels = {str(row["label"]) for row in train}
    parts = {"train": train, "validation": rest[:n_validation], "test": rest[n_validation:][:50]}
    folder = work / name
    for part, result in parts.items():
        write_rows(folder / f"{part}.jsonl", [row for row in result if str(row["label"]) in labels])
    task = folder / "task.yaml"
    files = {part: f"{part}.jsonl" for part in parts}
    pool = {"families": FAMILIES, "exclude": EXCLUDED.get(name, ("*/bias_only", "*/lora"))}
    content = {"name": name, "data": files, "metric": "accuracy", "candidates": pool}
    task.write_text(json.dumps(content), encoding="utf-8")
    resume = ["--resume"] if (folder / "run").exists() else []
    command = [sys.executable, "-m", "goldilocks", "select", str(task), "--out", str(folder / "run")]
    command += ["--policy", "exhaustive", "--budget", "3h", "--threads", "1", *resume]
    subprocess.run(command, check=True)
    RACES.mkdir(parents=True, exist_ok=True)
    text = json.dumps(compact(folder / "run", name), separators=(",", ":"))
    (RACES / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def fit(records: dict[str, RaceRecord], *, within_model: float, data_sets: int = 0) -> dict[str, Any]:
    """The numbers of the prior from recorded races alone; ``data_sets``: how many they come from (0: one each).

    Levels are means over data sets of log final loss minus the data set's mean; the variances come from the residuals:
    what a family shares, what a group shares beyond it, and the rest.
    """
    logs = {name: _logs(finals(record), record.n_items) for name, record in records.items()}
    real = {name: {c: v for c, v in losses.items() if not c.startswith("majority/")} for name, losses in logs.items()}
    centre = {name: float(np.mean(list(losses.values()))) for name, losses in real.items()}
    level = _levels(logs, centre)
    family_means, group_means, rests = [], [], []
    for name, losses in real.items():
        families: dict[str, list[float]] = defaultdict(list)
        groups: dict[str, list[float]] = defaultdict(list)
        for candidate, value in losses.items():
            residual = value - centre[name] - level[_kind(candidate)]
            families[candidate.split("/")[0]].append(residual)
            groups[_group(candidate)].append(residual)
        family_means += [float(np.mean(values)) for values in families.values()]
        group_means += [float(np.mean(values) - np.mean(families[key.split("/")[0]])) for key, values in groups.items()]
        rests += [value - float(np.mean(values)) for values in groups.values() if len(values) > 1 for value in values]
    # Part of every spread is that losses were counted on a few hundred items: half the binomial variance, as models err
    # on the same items.
    counted = [(np.exp(v), records[name].n_items) for name in records for v in real[name].values()]
    noise = float(np.mean([0.5 * (1 - loss) / max(loss * n, 0.5) for loss, n in counted]))
    middle = float(np.exp(np.mean([np.log(record.n_labels) for record in records.values()])))
    sets = data_sets or len(records)
    rungs, shared, correlation = _rungs(records, logs, middle, sets)
    probe = fit_probe(records, logs)
    within_group = max(_net(group_means, noise, 0.0) * _doubt(sets), MIN_BETWEEN_GROUPS)
    return {
        "level": {kind: round(value, 3) for kind, value in level.items()},
        "between_data": round(max(float(np.std(list(centre.values()))), 0.5), 3),
        "within_family": round(_net(family_means, noise, 0.2), 3),
        "within_group": round(within_group, 3),
        "within_model": within_model,
        "own": round(_net(rests, noise, 0.12), 3),
        "base": round(float(np.mean(list(centre.values()))), 3),
        "rungs": rungs,
        "shared": shared,
        "rung_correlation": correlation,
        "spread_freedom": 4.0,
        "probe": {"bias": probe[0], "spread": round(max(probe[1], within_group), 3)},
        "probe_shared": PROBE_SHARED,
        "labels": round(middle, 2),
        "groups": GROUPS,
        "source": f"benchmarks/record_experience.py on {', '.join(sorted(records))}; 200 or 250 rows each, seed 0",
    }


def _logs(losses: dict[str, float], n: int) -> dict[str, float]:
    return {candidate: float(np.log(max(loss, 0.5 / n))) for candidate, loss in losses.items()}


def _levels(logs: dict[str, dict[str, float]], centre: dict[str, float]) -> dict[str, float]:
    """Mean of each kind relative to its data set, drawn to 0 as if one more data set had shown no difference."""
    by_kind: dict[str, list[float]] = defaultdict(list)
    for name, losses in logs.items():
        for candidate, value in losses.items():
            by_kind[_kind(candidate)].append(value - centre[name])
    sets = len(logs)
    return {kind: float(np.mean(values)) * sets / (sets + 1) for kind, values in sorted(by_kind.items())} | {"*": 0.0}


def _doubt(sets: int) -> float:
    """How much wider than normal a 90 % prediction for the next data set is, when spreads were seen on this many."""
    return float(t.ppf(0.95, max(sets - 1, 1)) / NormalDist().inv_cdf(0.95) * (1 + 1 / sets) ** 0.5)


Residual = tuple[str, float, float]
"""(kind, its loading, log loss at the rung less what its line says)."""
Gap = tuple[str, float, float]
"""(data set, logarithm of its labels less the middle, log loss at the rung less that at the end)."""


def _gaps(
    records: dict[str, RaceRecord], logs: dict[str, dict[str, float]], middle: float
) -> dict[str, dict[str, list[Gap]]]:
    """Kind -> share -> what was seen; under ``*`` those of all kinds."""
    gaps: dict[str, dict[str, list[Gap]]] = defaultdict(lambda: defaultdict(list))
    for name, record in records.items():
        chance = next((loss for key, loss in finals(record).items() if key.startswith("majority/")), 1.0)
        bar = chance - 2 * (chance * (1 - chance) / record.n_items) ** 0.5
        for trial in record.trials:
            # At chance it says nothing, and is not asked: see selection/loss_posterior.py.
            if trial.share < 1 and trial.loss < bar and not trial.candidate.startswith("majority/"):
                gap = float(np.log(max(trial.loss, 0.5 / record.n_items))) - logs[name][trial.candidate]
                for kind in (_kind(trial.candidate), "*"):
                    gaps[kind][f"{trial.share:g}"].append((name, float(np.log(record.n_labels / middle)), gap))
    return gaps


def _rungs(
    records: dict[str, RaceRecord], logs: dict[str, dict[str, float]], middle: float, sets: int
) -> tuple[dict[str, dict[str, dict[str, float]]], dict[str, float], float]:
    """Kind -> share -> how a rung relates to the end; share -> what all candidates of a run share of it; and the
    correlation of that between rungs.
    """
    gaps = _gaps(records, logs, middle)
    one_go = {
        _kind(candidate.name): not candidate.model.groups for record in records.values() for candidate in record.pool
    }
    kinds: dict[str, dict[str, dict[str, float]]] = {kind: {} for kind in sorted(gaps)}
    for kind, shares in gaps.items():
        for share, seen in sorted(shares.items()):
            bias, slope = _pooled(seen, gaps["*"][share], 0 if kind == "*" else POOLED)
            kinds[kind][share] = {"bias": round(bias, 3), "spread": 0.0, "per_label": round(slope, 3), "loading": 1.0}
    shared: dict[str, float] = {}
    effects: dict[str, dict[str, float]] = {}
    for share in sorted(gaps["*"]):
        own: list[tuple[str, float]] = []
        for suffix, members in (
            ("", [k for k in one_go if not one_go[k]]),
            ("/rows", [k for k in one_go if one_go[k]]),
        ):
            lines = {kind: kinds[kind][share] for kind in members if share in kinds.get(kind, {})}
            if not lines:
                continue
            middle_bias = max(float(np.mean([line["bias"] for line in lines.values()])), 0.05)
            residuals: dict[str, list[Residual]] = defaultdict(list)
            for kind, line in lines.items():
                # A kind that has far to go at the rung moves with the data, one that is near its end does not.
                line["loading"] = round(min(max(line["bias"] / middle_bias, 0.0), 2.0), 3)
                for name, x, gap in gaps[kind][share]:
                    residuals[name].append((kind, line["loading"], gap - line["bias"] - line["per_label"] * x))
            effects[f"{share}{suffix}"], together, rests = _split(residuals, sets)
            shared[f"{share}{suffix}"] = round(together, 3)
            own += rests
        everything = [value for _, value in own]
        for kind, shares_of_kind in kinds.items():
            if share in shares_of_kind:
                mine = [value for of, value in own if kind in ("*", of)]
                spread = _pooled_variance(mine, everything) ** 0.5 * _doubt(sets)
                shares_of_kind[share]["spread"] = round(max(spread, 0.08), 3)
    return kinds, shared, round(_correlation(effects), 3)


def _pooled_variance(mine: list[float], everything: list[float], weight: float = 4) -> float:
    """Of a kind, drawn to that of all kinds as if ``weight`` more candidates had shown it."""
    total = sum(value**2 for value in mine) + weight * float(np.mean(np.square(everything)))
    return total / (len(mine) + weight)


def _correlation(effects: dict[str, dict[str, float]]) -> float:
    """Of the shared effects of two rungs, drawn to ``CORRELATION_PRIOR``.

    Args:
        effects: Rung (``0.1``, ``0.3/rows``) -> data set -> effect.
    """
    pairs = [
        (effects[first][name], effects[second][name])
        for first, second in (("0.1", "0.3"), (f"0.1{ROWS_SUFFIX}", f"0.3{ROWS_SUFFIX}"))
        if first in effects and second in effects
        for name in effects[first].keys() & effects[second].keys()
    ]
    prior, weight = CORRELATION_PRIOR
    x, y = (np.array([pair[index] for pair in sorted(pairs)]) for index in (0, 1))
    observed = float(x @ y / max(float(np.sqrt((x @ x) * (y @ y))), 1e-9)) if pairs else 0.0
    return (len(pairs) * observed + weight * prior) / (len(pairs) + weight)


def _split(residuals: dict[str, list[Residual]], sets: int) -> tuple[dict[str, float], float, list[tuple[str, float]]]:
    """What a data set's candidates share, its standard deviation, widened for the next data set, and what is left."""
    shared = {
        name: sum(loading * value for _, loading, value in seen) / max(sum(loading**2 for _, loading, _ in seen), 1e-6)
        for name, seen in residuals.items()
    }
    own = [(kind, value - loading * shared[name]) for name, seen in residuals.items() for kind, loading, value in seen]
    within = float(np.mean([value**2 for _, value in own]))
    observed = sum(value**2 for value in shared.values()) / max(len(shared) - 1, 1)
    share, weight = SHARED_PRIOR
    between = (sets * observed + weight * share * (within + observed)) / (sets + weight)
    return shared, float(between**0.5 * _doubt(sets)), own


def _pooled(own: list[Gap], all_: list[Gap], weight: float) -> tuple[float, float]:
    """Height and slope of a line through a kind's gaps over the logarithm of the labels.

    The slope is drawn to 0 as if one more data set, a factor of e away, had shown none; both are drawn to those of all
    kinds as if ``weight`` more curves had shown them.
    """
    share = weight / (weight + len(own))
    mine, everything = _line(own), _line(all_)
    return (1 - share) * mine[0] + share * everything[0], (1 - share) * mine[1] + share * everything[1]


def _line(seen: list[Gap]) -> tuple[float, float]:
    """Height at 0, and slope."""
    x, y = (np.array([entry[index] for entry in seen]) for index in (1, 2))
    slope = float((x - x.mean()) @ (y - y.mean()) / ((x - x.mean()) @ (x - x.mean()) + len(x) / SLOPE_DOUBT))
    return float(y.mean() - slope * x.mean()), slope


def fit_probe(records: dict[str, RaceRecord], logs: dict[str, dict[str, float]]) -> tuple[float, float]:
    """Mean and standard deviation of log loss of the screening's probe less that of ``head_only`` at its end."""
    gaps = []
    for name, record in records.items():
        for probe in record.screening.looks:
            final = logs[name].get(f"{probe.model}/head_only")
            if final is not None:
                gaps.append(float(np.log(max(probe.probe_loss, 0.5 / record.n_items))) - final)
    if not gaps:
        return 0.0, PROBE_SHARED
    return round(float(np.mean(gaps)), 3), round(max(float(np.std(gaps)), 0.1), 3)


def together_with_earlier(result: dict[str, Any], sets: int) -> dict[str, Any]:
    """The fit, pooled with that of the earlier races in proportion to the data sets."""
    earlier = json.loads(EARLIER.read_text(encoding="utf-8"))
    weight = EARLIER_SETS / (EARLIER_SETS + sets)

    def mixed(new: float | None, old: float | None) -> float:
        if new is None or old is None:
            return float((new or 0.0) if old is None else old)
        return round((1 - weight) * new + weight * old, 3)

    kinds = sorted(set(result["level"]) | set(earlier["level"]))
    result["level"] = {kind: mixed(result["level"].get(kind), earlier["level"].get(kind)) for kind in kinds}
    for key in ("between_data", "base", "within_family", "own"):
        result[key] = mixed(result[key], earlier[key])
    for kind, shares in earlier["rungs"].items():
        for share, old in shares.items():
            # What the earlier fit calls spread is the whole of it; only what is a candidate's own is kept of it.
            whole = old["spread"] ** 2
            own = max(whole * (1 - SHARED_PRIOR[0]), 0.08**2) ** 0.5
            new = result["rungs"].setdefault(kind, {}).get(share)
            pair = {"loading": 1.0} | old | {"spread": own}
            result["rungs"][kind][share] = {key: mixed(new[key] if new else None, pair[key]) for key in pair}
    result["labels"] = round(float(np.exp(mixed(float(np.log(result["labels"])), float(np.log(earlier["labels"]))))), 2)
    result["source"] += f"; pooled with {earlier['source']}"
    return result


def spread_of_models(data: Path) -> float:
    """Standard deviation of log error among base models, over the tasks of a published table, without that of seeds."""
    runs: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (data / "results_model_recycling" / "base_models_seeds.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["accuracy"]:
                runs[row["task"]][row["base_model"]].append(float(np.log(max(1 - float(row["accuracy"]), 1e-3))))
    squares = []
    for models in runs.values():
        means = [float(np.mean(values)) for values in models.values()]
        seeds = float(np.mean([np.var(values, ddof=1) / len(values) for values in models.values() if len(values) > 1]))
        squares.append(float(np.var(means, ddof=1)) - seeds)
    return round(float(np.mean(squares) ** 0.5), 3)


def _net(values: list[float], noise: float, least: float) -> float:
    """Standard deviation with the variance of counting taken off."""
    return float(max(float(np.var(values)) - noise, least**2) ** 0.5)


def _group(candidate: str) -> str:
    return GROUPS.get(_kind(candidate), _kind(candidate))


def _kind(candidate: str) -> str:
    family, _, method = candidate.split("/")
    return f"{family}/{method}"


def main() -> None:
    """Record what is not recorded yet, fit, write."""
    parser = options(__doc__)
    parser.add_argument("--work", type=Path, default=Path("bench-work/experience"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--fit-only", action="store_true")
    chosen = parser.parse_args()
    for name in [] if chosen.fit_only else chosen.sets:
        record(chosen.data, chosen.work, name)
    records = read_all()
    experience = together_with_earlier(fit(records, within_model=spread_of_models(chosen.data)), len(records))
    EXPERIENCE.write_text(json.dumps(experience, indent=1) + "\n", encoding="utf-8")
    result = {
        "benchmark": "record_experience",
        "rows": {name: ROWS.get(name, FEWER) for name in records},
        "seed": 0,
        "seconds": {name: round(race.seconds, 1) for name, race in records.items()},
        "final": {name: {c: round(loss, 4) for c, loss in finals(race).items()} for name, race in records.items()},
    }
    keep("record_experience", result | machine())


if __name__ == "__main__":
    main()
