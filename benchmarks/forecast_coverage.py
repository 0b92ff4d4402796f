"""How often do the race's 90 % intervals hold the loss a candidate ends with?

Run:    python benchmarks/forecast_coverage.py
Needs:  ``results/races`` (in the repository), ``results_setfit`` and ``results_ft_scaling_law`` of the data folder; CPU
        only, a minute.

Measured, leaving one data set out at a time: the prior is fitted on the others, all candidates of the data set are
seen up to a rung (and none at its end), and the 90 % interval of each candidate's final loss, widened by the error of
counting it, is compared with the loss recorded. The same once more with one candidate finished, the cheapest, which
tells how far the rung is off; and before anything but the screening was seen (``prior``).

1. Recorded races: candidates of 12 kinds at .1 and .3 of their runs.
2. results_setfit (Tunstall et al. 2022): learning curves over examples per class of 3 to 8 method-model pairs on 6 data
   sets, 10 splits each: 8 and (for 4 of the pairs) 32 a class stand for the rungs, 64 for the end. The loss is 1 less
   the accuracy, for one set 1 less Matthews' correlation. Each split is a race of its own; all splits of a data set are
   left out together.

3. Tables as ``goldilocks replay`` and ``select --experience local`` use them, with the prior of single candidates
   (``fit_experience``): results_setfit with 8 a class as the rung, results_ft_scaling_law (30 language models on 3 data
   sets) with 1/64 and 1/8 of the largest training set, and the bank (``bank.py``) once it is recorded.

The last line of output is one JSON object.
"""

from __future__ import annotations

import csv
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from bench_data import RESULTS, keep, machine, options
from record_experience import fit, spread_of_models
from recorded_races import RaceRecord, curves, finals, named, read_all
from replay_tables import write

from goldilocks.records import Candidate, Measured, Screening, Trial
from goldilocks.selection.experience import Experience, parse_experience
from goldilocks.selection.loss_posterior import Observation, Posterior
from goldilocks.selection.race_table import TableRace, read_table
from goldilocks.selection.replay_table import experience_of_others

LEVEL = 0.9
BANK = RESULTS / "bank.csv"
Prior = Callable[[str], Experience]
"""Data set -> what is believed of its races before any of it was seen."""
EXAMPLES = {8: 0.1, 32: 0.3, 64: 1.0}
"""Examples per class -> the share of the run they stand for."""
LABELS = {"SentEval-CR": 2, "sst5": 5, "ag_news": 4, "emotion": 6, "enron_spam": 2, "amazon_counterfactual_en": 2}
SETFIT_ITEMS = 1_000
"""About how many test items the published accuracies were counted on; their files do not say."""


def inside(record: RaceRecord, experience: Experience, seen: list[Observation], skip: set[str]) -> list[bool]:
    """Whether each candidate's final loss lies in its interval, given what was seen."""
    chance = next((loss for name, loss in finals(record).items() if name.startswith("majority/")), None)
    posterior = Posterior(record.pool, experience, record.n_items, record.n_labels, chance)
    for observation in seen:
        posterior.observe(observation)
    mean, spread = posterior.moments()
    held = []
    for place, candidate in enumerate(record.pool):
        loss = finals(record)[candidate.name]
        if candidate.name in skip or candidate.model.family == "majority":
            continue
        # The interval is of the loss that will be counted, on the items of the record.
        width = NormalDist().inv_cdf(0.5 + LEVEL / 2) * np.hypot(spread[place], posterior.counting_noise(loss))
        held.append(bool(abs(posterior.log(loss) - mean[place]) <= width))
    return held


def coverage(record: RaceRecord, experience: Experience) -> dict[str, list[bool]]:
    """Situation -> whether each final loss was inside."""
    shares = sorted({trial.share for trial in record.trials} - {1.0})
    by_candidate = curves(record.trials)
    cheapest = min(
        (trial for trial in record.trials if trial.share >= 1 and not trial.candidate.startswith("majority/")),
        key=lambda trial: trial.seconds,
    ).candidate
    probes = [Observation(f"{probe.model}/head_only", probe.probe_loss, 0.0) for probe in record.screening.looks]
    held = {"prior": inside(record, experience, probes, set())}
    seen = list(probes)
    for share in shares:
        seen += [Observation(name, losses[share], share) for name, losses in by_candidate.items() if share in losses]
        held[f"{share:g}"] = inside(record, experience, seen, set())
        end = Observation(cheapest, by_candidate[cheapest][1.0], 1.0)
        held[f"{share:g}, one finished"] = inside(record, experience, [*seen, end], {cheapest})
    return held


def of_kinds(records: dict[str, RaceRecord], group: dict[str, str], within_model: float) -> Prior:
    """The prior of kinds of candidate, as the package has it, fitted on the other data sets."""

    def prior(data_set: str) -> Experience:
        others = {name: record for name, record in records.items() if group[name] != data_set}
        sets = len({group[name] for name in others})
        return parse_experience(fit(others, within_model=within_model, data_sets=sets))

    return prior


def left_out(records: dict[str, RaceRecord], group: dict[str, str], prior: Prior) -> dict[str, Any]:
    """Coverage over all data sets (``group``: record -> data set), each with the prior fitted on the others."""
    held: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for data_set in sorted(set(group.values())):
        experience = prior(data_set)
        for name, record in records.items():
            if group[name] == data_set:
                for situation, values in coverage(record, experience).items():
                    held[situation][data_set] += values
    return {
        situation: {
            "coverage": round(float(np.mean(np.concatenate([np.array(values) for values in sets.values()]))), 3),
            "forecasts": sum(map(len, sets.values())),
            "by_data_set": {name: round(float(np.mean(values)), 3) for name, values in sets.items()},
        }
        for situation, sets in held.items()
    }


def setfit(data: Path) -> tuple[dict[str, RaceRecord], dict[str, str]]:
    """The published learning curves as races, one a split; and the data set of each."""
    result: dict[tuple[str, str], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    with (data / "results_setfit" / "few_shot_long.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["dataset"] in LABELS and row["examples_per_class"] in map(str, EXAMPLES):
                method = "head_only" if row["model"].endswith("linear-probe") else "full"
                name = f"{row['method']}/{row['model']}/{method}"
                loss = 1 - float(row["score"]) / 100
                result[row["dataset"], row["split"]][name][int(row["examples_per_class"])] = loss
    records: dict[str, RaceRecord] = {}
    group: dict[str, str] = {}
    for (data_set, split), losses in result.items():
        whole = {name: curve for name, curve in losses.items() if {min(EXAMPLES), max(EXAMPLES)} <= set(curve)}
        if len(whole) >= 3:
            key = f"{data_set}, split {split}"
            records[key] = _race(key, LABELS[data_set], whole)
            group[key] = data_set
    return records, group


def _race(key: str, n_labels: int, losses: dict[str, dict[int, float]]) -> RaceRecord:
    pool: tuple[Candidate, ...] = tuple(named(name, 1, pretrained=True) for name in losses)
    trials = tuple(
        _trial(name, rung, share, curve[examples])
        for name, curve in losses.items()
        for rung, (examples, share) in enumerate(EXAMPLES.items())
        if examples in curve
    )
    return RaceRecord(key, SETFIT_ITEMS, n_labels, pool, {}, Screening((), {}, tuple(losses), (), 0.0, ""), trials, {})


def of_table(races: Sequence[TableRace]) -> dict[str, Any]:
    """Coverage of a table in the format of ``goldilocks replay``, with the prior of single candidates."""
    records = {f"{race.dataset}, seed {race.seed}": _record(race) for race in races}
    group = {f"{race.dataset}, seed {race.seed}": race.dataset for race in races}
    return left_out(records, group, lambda data_set: experience_of_others(races, data_set))


def _record(race: TableRace) -> RaceRecord:
    pool = tuple(curve.candidate for curve in race.curves.values())
    screening = Screening((), {}, tuple(race.curves), (), 0.0, "")
    return RaceRecord(race.dataset, race.n_items, race.n_labels, pool, {}, screening, tuple(race.trials()), {})


def _trial(name: str, rung: int, share: float, loss: float) -> Trial:
    score = Measured(1 - loss, 1 - loss, 1 - loss, SETFIT_ITEMS, "accuracy")
    return Trial(name, rung, share, share, score, loss, "", 0.0, 0.0, 0.0, 0.0, "", "")


def main() -> None:
    """Both collections, leaving one data set out at a time."""
    chosen = options(__doc__).parse_args()
    within_model = spread_of_models(chosen.data)
    races = read_all()
    published, group = setfit(chosen.data)
    coverages = {
        "races": left_out(races, {name: name for name in races}, of_kinds(races, {n: n for n in races}, within_model)),
        "results_setfit": left_out(published, group, of_kinds(published, group, within_model)),
    }
    with tempfile.TemporaryDirectory() as folder:
        tables = write(chosen.data, Path(folder), ("setfit", "scaling_law"))
        tables |= {"bank": BANK} if BANK.exists() else {}
        coverages |= {f"table {name}": of_table(read_table(file)) for name, file in tables.items()}
    for collection, situations in coverages.items():
        print(collection)
        for situation, entry in situations.items():
            sets = ", ".join(f"{name} {value:.2f}" for name, value in entry["by_data_set"].items())
            print(f"  {situation:24s} {entry['coverage']:.3f} of {entry['forecasts']:4d}   {sets}")
    result = {"benchmark": "forecast_coverage", "level": LEVEL, "setfit_races": len(published)} | coverages
    keep("forecast_coverage", result | machine())


if __name__ == "__main__":
    main()
