"""Published result tables in the format of ``goldilocks replay``. Not a benchmark itself; see ``replay_peers.py``.

Run:    python benchmarks/replay_tables.py --out bench-work/tables
Needs:  ``results_setfit``, ``results_ft_scaling_law`` and ``results_model_recycling`` of the data folder; seconds.

results_setfit            Tunstall et al. 2022. A candidate is a method on a model; 8 examples per class stand for the
                          first rung, 64 for the end; each of 10 splits is a seed. Data sets with fewer than 3
                          candidates are left out. Seconds are proportional to the examples.
results_ft_scaling_law    Lin et al. 2024. 30 language models on 3 data sets; 1/64 and 1/8 of the largest size are
                          rungs. Scores are exp(-test loss); seconds are proportional to parameters times rows.
results_model_recycling   Choshen et al. 2022. Fine-tuned accuracy of models on 36 tasks, at the end only; 300 of the
                          1,265 that have all tasks are drawn (seed 0). Seconds are 60 for each model. The truth is
                          one run a model.
model_recycling_consistent
                          The same without the models whose 36 scores are unlike everybody else's (correlation with the
                          medians of the tasks below .8: 271 of 1,266). Most of them have the scores of one task in the
                          column of another: 187 have more than .65 on SST-5, where the best published are near .6. 100
                          of the rest are drawn. The truth is drawn to the median of the models fine-tuned from the same
                          base model, as far as training seeds (``base_models_seeds.csv``: six base models, 20
                          seeds a task) explain the differences; the best of 300 single runs is partly luck.

The scores of the tables are test scores; they stand for validation scores too, so that all regret is of the search, not
of the gap between the two.
"""

from __future__ import annotations

import csv
import gzip
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench_data import options

from goldilocks.selection.race_table import COLUMNS

EXAMPLES = {8: 0.125, 64: 1.0}
LABELS = {"SentEval-CR": 2, "sst5": 5, "ag_news": 4, "emotion": 6, "enron_spam": 2, "amazon_counterfactual_en": 2}
SETFIT_ITEMS = 1_000
"""About how many test items the published accuracies were counted on; their files do not say."""
SIZES = (64, 8, 1)
"""Divisors of the largest training size that stand for the rungs."""
MIN_MODELS = 36
SECONDS = 60
"""Of each model of ``results_model_recycling``: the table has no times. Runs of a second would be free."""
MIN_CORRELATION = 0.8
"""Of a model's scores with the medians of the tasks, for ``model_recycling_consistent``."""
MODELS = 300
"""Models of ``results_model_recycling`` that are drawn."""
FEWER_MODELS = 100
"""Of ``model_recycling_consistent``: a third of the models takes a third of the time."""
Row = dict[str, object]


def setfit(data: Path) -> Iterable[Row]:
    """Learning curves over examples per class."""
    scores: dict[tuple[str, str], dict[tuple[str, str], dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    with (data / "results_setfit" / "few_shot_long.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            dataset, examples = row["dataset"], row["examples_per_class"]
            if dataset in LABELS and examples.isdigit() and int(examples) in EXAMPLES:
                value = float(row["score"]) / (100 if float(row["score"]) > 1 else 1)
                scores[dataset, row["split"]][row["method"], row["model"]][int(examples)] = value
    for (dataset, split), candidates in sorted(scores.items()):
        whole = {key: values for key, values in candidates.items() if set(values) == set(EXAMPLES)}
        if len(whole) < 3:
            continue
        for (method, model), values in sorted(whole.items()):
            before = 0
            for examples in sorted(values):
                yield {
                    "dataset": dataset,
                    "candidate": f"{method} {model}",
                    "family": method,
                    "model": model,
                    "method": "few_shot",
                    "rung": EXAMPLES[examples],
                    "seconds": examples - before,
                    "validation_score": values[examples],
                    "test_score": values[examples],
                    "n": SETFIT_ITEMS,
                    "seed": split,
                    "labels": LABELS[dataset],
                    "parameters": 0,
                }
                before = examples


def scaling_law(data: Path) -> Iterable[Row]:
    """Test loss of 30 language models by size of the training set."""
    import math

    losses: dict[str, dict[tuple[str, str, int], dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    with (data / "results_ft_scaling_law" / "long.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["test_loss"]:
                key = row["family"], row["model"], int(float(row["n_params"]))
                losses[row["dataset"]][key][int(row["train_size"])] = float(row["test_loss"])
    for dataset, models in sorted(losses.items()):
        largest = max(size for sizes in models.values() for size in sizes)
        for (family, model, parameters), sizes in sorted(models.items()):
            if any(largest // divisor not in sizes for divisor in SIZES):
                continue
            before = 0.0
            for divisor in SIZES:
                size = largest // divisor
                yield {
                    "dataset": dataset,
                    "candidate": model,
                    "family": family,
                    "model": model.replace("/", ":"),
                    "method": "full",
                    "rung": 1 / divisor,
                    "seconds": parameters * (size - before) / 1e12,
                    "validation_score": math.exp(-sizes[size]),
                    "test_score": math.exp(-sizes[size]),
                    "n": 100_000,
                    "seed": 0,
                    "labels": 0,
                    "parameters": parameters,
                }
                before = size


def model_recycling(data: Path) -> Iterable[Row]:
    """Fine-tuned accuracy of models that have one on every task."""
    yield from _recycled(data, consistent=False)


def model_recycling_consistent(data: Path) -> Iterable[Row]:
    """The same without rows whose columns are mixed up, and with a truth that allows for training seeds."""
    yield from _recycled(data, consistent=True)


def _recycled(data: Path, *, consistent: bool) -> Iterable[Row]:
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    base: dict[str, str] = {}
    with gzip.open(data / "results_model_recycling" / "finetuned_long.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["score"] and row["task"] != "mnli_lp":
                scores[row["model"]][row["task"]] = float(row["score"])
                base[row["model"]] = row["base_model"]
    tasks = sorted({task for values in scores.values() for task in values})
    whole = {model: values for model, values in sorted(scores.items()) if len(values) >= min(MIN_MODELS, len(tasks))}
    if consistent:
        whole = consistent_rows(whole, tasks)
    drawn = sorted(random.Random(0).sample(sorted(whole), min(FEWER_MODELS if consistent else MODELS, len(whole))))
    spreads = seed_spreads(data) if consistent else {}
    for task in tasks:
        observed = {model: whole[model][task] for model in drawn if task in whole[model]}
        truth = denoised(observed, base, spreads[task]) if consistent else observed
        for model, score in observed.items():
            yield {
                "dataset": task,
                "candidate": model,
                "family": base[model].replace("/", ":") or "unknown",
                "model": model.replace("/", ":"),
                "method": "full",
                "rung": 1,
                "seconds": SECONDS,
                "validation_score": score,
                "test_score": truth[model],
                "n": 1_000,
                "seed": 0,
                "labels": 0,
                "parameters": 0,
            }


def consistent_rows(whole: dict[str, dict[str, float]], tasks: Sequence[str]) -> dict[str, dict[str, float]]:
    """The models whose scores over tasks go with the medians: see the top."""
    medians = [statistics.median(values[task] for values in whole.values() if task in values) for task in tasks]

    def alike(values: dict[str, float]) -> bool:
        own = [values.get(task, median) for task, median in zip(tasks, medians, strict=True)]
        return max(own) > min(own) and statistics.correlation(own, medians) >= MIN_CORRELATION

    return {model: values for model, values in whole.items() if alike(values)}


def seed_spreads(data: Path) -> dict[str, float]:
    """Task -> standard deviation of the score from seed to seed: the median of six base models."""
    runs: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (data / "results_model_recycling" / "base_models_seeds.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if score := row["accuracy"] or row["spearmanr"]:
                runs[row["task"]][row["base_model"]].append(float(score))
    return {
        task: statistics.median(statistics.stdev(values) for values in models.values() if len(values) > 1)
        for task, models in runs.items()
    }


def denoised(observed: dict[str, float], base: dict[str, str], seed_spread: float) -> dict[str, float]:
    """Expected score over seeds, given one run each: empirical Bayes within the models of one base model.

    Their spread is that of the better half about the median: a few failed runs must not pass for a wide spread, a few
    models that are much better count.
    """
    truth: dict[str, float] = {}
    for of in {base[model] for model in observed}:
        members = {model: score for model, score in observed.items() if base[model] == of}
        middle = statistics.median(members.values())
        better = [(score - middle) ** 2 for score in members.values() if score >= middle]
        real = max(statistics.fmean(better) - seed_spread**2, 0.0)
        weight = real / (real + seed_spread**2) if len(members) > 2 else 1.0
        truth |= {model: middle + weight * (score - middle) for model, score in members.items()}
    return truth


TABLES = {
    "setfit": setfit,
    "scaling_law": scaling_law,
    "model_recycling": model_recycling,
    "model_recycling_consistent": model_recycling_consistent,
}


def write(data: Path, out: Path, names: Iterable[str] = TABLES) -> dict[str, Path]:
    """Write the tables; name -> file."""
    out.mkdir(parents=True, exist_ok=True)
    files = {}
    for name in names:
        files[name] = out / f"{name}.csv"
        with files[name].open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*COLUMNS, "labels", "parameters"])
            writer.writeheader()
            writer.writerows(TABLES[name](data))
    return files


def main() -> None:
    """Write all tables."""
    parser = options(__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench-work/tables"))
    chosen = parser.parse_args()
    for name, file in write(chosen.data, chosen.out).items():
        print(f"{name}: {file}")


if __name__ == "__main__":
    main()
