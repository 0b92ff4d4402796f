"""What do past races say before a new one begins? Records exhaustive races, fits the prior of
``selection/loss_posterior.py``.

Run:    python benchmarks/record_experience.py --work bench-work
Needs:  the data folder; about 5 minutes a data set on 2 quiet cores (1,200 rows each); resumable. ``--fit-only``
        refits.

Measured: validation loss of every candidate at every rung, on data sets that no other benchmark decides on; and,
leaving one data set out at a time, what each policy would have spent on it and chosen, with what the others say as its
experience. Writes ``src/goldilocks/select/experience.json``. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample, task_file
from scipy.stats import t

from goldilocks import plugins
from goldilocks.records import Pool, Screening, Trial
from goldilocks.selection.loss_posterior import parse_experience
from goldilocks.selection.replay import replay
from goldilocks.selection.standings import PATIENCE, Standings
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import read_task
from goldilocks.support.files import read_record
from goldilocks.support.machine.hardware import machine as this_machine

SETS = {
    "bitext_customer_support": "train",
    "mr": "all",
    "ag_news": "train_part",
    "sms_spam": "all",
    "airline_tweets": "stream",
    "csl": "cls_ctg_train",
}
GROUPS = {f"encoder/{method}": "encoder/tuned" for method in ("full", "lora", "bias_only", "top_layers")}
SLOPE_DOUBT = 4
"""One more curve for every so many, at a factor of e in the labels, that shows no slope."""
POOLED = 2
"""Curves of all kinds that a kind's own are mixed with: a kind is seen on few sets, none of them with many labels."""
PROBE_SHARED = 0.5
"""By judgement: how much more than the probe's few hundred rows the rest will teach, in logarithms of the loss."""
LEAST_BETWEEN_GROUPS = 0.3
"""By judgement: two sets, one of them nearly solved, show too little of how far tuning gets beyond a frozen encoder."""
EXPERIENCE = Path(__file__).parents[1] / "src" / "goldilocks" / "select" / "experience.json"
PATIENCES = (0.1, 0.2, 0.3, 0.5, 1.0)
ROWS = 1_200
BUDGET_TIMES = 3
"""Budget of a replay, in times what running everybody takes: about what 20 minutes are to small data."""
LEFT_OUT = ("recurrent/rnn/*", "recurrent/birnn/*", "recurrent/lstm/*", "recurrent/bigru/*")
"""Of one kind with those that stay, and slow."""


def record(data: Path, work: Path, name: str) -> list[Trial]:
    """The exhaustive race on one data set, from its record where it was run before."""
    found = sample(rows(data, name, SETS[name]), ROWS, seed=0)
    counts: dict[str, int] = defaultdict(int)
    for one in found:
        counts[str(one["label"])] += 1
    found = [one for one in found if counts[str(one["label"])] >= 8]
    folder = work / name
    task = task_file(folder, name, found, None, exclude=LEFT_OUT)
    run = folder / "run"
    if not (run / "decision.json").exists():
        resume = ["--resume"] if run.exists() else []
        command = [sys.executable, "-m", "goldilocks", "select", str(task), "--out", str(run)]
        subprocess.run([*command, "--policy", "exhaustive", "--budget", "3h", *resume], check=True)
    return Workspace(run).read_trials()


def fit(records: dict[str, list[Trial]], labels: dict[str, int]) -> dict[str, Any]:
    """The prior's numbers from recorded curves of data sets with so many labels each.

    Levels are means over data sets of log final loss minus the data set's mean; the variances come from the residuals:
    what a family shares, what a group shares beyond it, and the rest.
    """
    logs: dict[str, dict[str, float]] = {}
    for name, trials in records.items():
        n = trials[0].score.n
        logs[name] = {one.candidate: float(np.log(max(one.loss, 0.5 / n))) for one in trials if one.share >= 1}
    real = {name: {c: v for c, v in found.items() if not c.startswith("majority/")} for name, found in logs.items()}
    centre = {name: float(np.mean(list(found.values()))) for name, found in real.items()}
    by_kind: dict[str, list[float]] = defaultdict(list)
    for name, found in logs.items():
        for candidate, value in found.items():
            by_kind[_kind(candidate)].append(value - centre[name])
    # Shrunk towards no difference as if one more data set had shown none: a kind is seen on few sets.
    sets = len(records)
    # How groups differ from one set to the next was seen on few sets, so the spread is widened to that of a prediction
    # for the next one: Student's t instead of the normal.
    doubt = float(t.ppf(NormalDist().cdf(1), max(sets - 1, 1)) * (1 + 1 / sets) ** 0.5)
    level = {kind: round(float(np.mean(values)) * sets / (sets + 1), 3) for kind, values in sorted(by_kind.items())}
    level["*"] = 0.0

    family_means, group_means, rests = [], [], []
    for name, found in real.items():
        families: dict[str, list[float]] = defaultdict(list)
        groups: dict[str, list[float]] = defaultdict(list)
        for candidate, value in found.items():
            residual = value - centre[name] - level[_kind(candidate)]
            families[candidate.split("/")[0]].append(residual)
            groups[_group(candidate)].append(residual)
        family_means += [float(np.mean(values)) for values in families.values()]
        group_means += [float(np.mean(values) - np.mean(families[one.split("/")[0]])) for one, values in groups.items()]
        rests += [value - float(np.mean(values)) for values in groups.values() if len(values) > 1 for value in values]
    # Part of every spread is that losses were counted on some 150 items: half the binomial variance, as models err on
    # the same items.
    counted = [(np.exp(v), trials[0].score.n) for name, trials in records.items() for v in real[name].values()]
    noise = float(np.mean([0.5 * (1 - loss) / max(loss * n, 0.5) for loss, n in counted]))
    middle = float(np.exp(np.mean([np.log(labels[name]) for name in records])))
    gaps: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for name, trials in records.items():
        n = trials[0].score.n
        for one in trials:
            if one.share < 1 and one.candidate in logs[name] and not one.candidate.startswith("majority/"):
                gap = float(np.log(max(one.loss, 0.5 / n))) - logs[name][one.candidate]
                pair = (float(np.log(labels[name] / middle)), gap)
                gaps[_kind(one.candidate)][str(one.share)].append(pair)
                gaps["*"][str(one.share)].append(pair)
    rungs = {
        kind: {share: _pooled(found, gaps["*"][share], 0 if kind == "*" else POOLED) for share, found in shares.items()}
        for kind, shares in sorted(gaps.items())
    }
    return {
        "level": level,
        "between_data": round(max(float(np.std(list(centre.values()))), 0.5), 3),
        "within_family": round(_net(family_means, noise, 0.2), 3),
        "within_group": round(max(_net(group_means, noise, 0.0) * doubt, LEAST_BETWEEN_GROUPS), 3),
        "own": round(_net(rests, noise, 0.12), 3),
        "base": round(float(np.mean(list(centre.values()))), 3),
        "rungs": rungs,
        "probe": {"bias": 0.15, "spread": 0.2},
        "probe_shared": PROBE_SHARED,
        "labels": round(middle, 2),
        "groups": GROUPS,
        "source": f"benchmarks/record_experience.py on {', '.join(sorted(records))}; {ROWS} rows each, seed 0",
    }


def _pooled(own: list[tuple[float, float]], everybody: list[tuple[float, float]], weight: float) -> dict[str, float]:
    """A line through a kind's gaps over the logarithm of the labels, and their spread about it.

    The slope is drawn to 0 as if one more data set, a factor of e away, had shown none; all three are drawn to those of
    all kinds as if ``weight`` more curves had shown them.
    """
    share = weight / (weight + len(own))
    mine, all_ = _line(own), _line(everybody)
    bias, slope = ((1 - share) * mine[i] + share * all_[i] for i in (0, 1))
    variance = (1 - share) * mine[2] + share * all_[2]
    return {"bias": round(bias, 3), "spread": round(max(variance**0.5, 0.08), 3), "per_label": round(slope, 3)}


def _line(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Height at 0, slope, and variance about the line."""
    x, y = np.array(pairs).T
    slope = float((x - x.mean()) @ (y - y.mean()) / ((x - x.mean()) @ (x - x.mean()) + len(x) / SLOPE_DOUBT))
    height = float(y.mean() - slope * x.mean())
    return height, slope, float(np.var(y - height - slope * x))


def n_labels(work: Path, name: str) -> int:
    """Labels of a recorded data set."""
    return len(json.loads(Workspace(work / name / "run").data.read_text(encoding="utf-8"))["labels"])


def experience_of(work: Path, records: dict[str, list[Trial]]) -> dict[str, Any]:
    """What goes into ``experience.json``."""
    found = fit(records, {name: n_labels(work, name) for name in records})
    found["probe"] = fit_probe(work, records)
    found["probe"]["spread"] = max(found["probe"]["spread"], found["within_group"])
    return found


def left_out(work: Path, records: dict[str, list[Trial]], patience: float = PATIENCE) -> dict[str, Any]:
    """Each data set replayed with the experience of the others: share of all seconds, and how far from the best."""
    found: dict[str, Any] = {}
    for name, recorded in records.items():
        others = {other: trials for other, trials in records.items() if other != name}
        experience = parse_experience(experience_of(work, others))
        workspace = Workspace(work / name / "run")
        pool, n = read_record(Pool, workspace.pool), recorded[0].score.n
        finals = {one.candidate: one.loss for one in recorded if one.share >= 1}
        best, total = min(finals.values()), sum(one.seconds for one in recorded)
        for policy in ("value", "halving"):
            standings = Standings(
                pool=pool.candidates,
                forecasts=pool.forecasts,
                spec=read_task(workspace.task),
                machine=this_machine(),
                n_items=n,
                n_labels=n_labels(work, name),
                screening=read_record(Screening, workspace.screening),
                experience=experience,
                patience=patience,
            )
            bought = replay(standings, recorded, plugins.load("policies", policy), budget_seconds=BUDGET_TIMES * total)
            finished = {one.candidate: one.loss for one in bought if one.share >= 1}
            chosen = min(finished, key=lambda one: finished[one])
            error = max((best * (1 - best) / n) ** 0.5, 0.5 / n)
            found.setdefault(name, {})[policy] = {
                "share_of_exhaustive": round(bought[-1].elapsed / total, 4),
                "chosen": chosen,
                "regret": round(finished[chosen] - best, 4),
                "regret_in_standard_errors": round((finished[chosen] - best) / error, 2),
            }
    return found


def fit_probe(work: Path, records: dict[str, list[Trial]]) -> dict[str, float]:
    """How the screening's linear probe relates to the final loss of ``head_only``."""
    gaps = []
    for name, trials in records.items():
        screening = json.loads(Workspace(work / name / "run").screening.read_text(encoding="utf-8"))
        final = {one.candidate: one for one in trials if one.share >= 1}
        for look in screening["looks"]:
            one = final.get(f"{look['model']}/head_only")
            if one is not None:
                floor = 0.5 / one.score.n
                gaps.append(float(np.log(max(look["probe_loss"], floor)) - np.log(max(one.loss, floor))))
    return {"bias": round(float(np.mean(gaps)), 3), "spread": round(max(float(np.std(gaps)), 0.1), 3)}


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
    records = {}
    for name in chosen.sets:
        if chosen.fit_only and not (chosen.work / name / "run" / "decision.json").exists():
            continue
        records[name] = record(chosen.data, chosen.work, name)
    experience = experience_of(chosen.work, records)
    EXPERIENCE.write_text(json.dumps(experience, indent=1) + "\n", encoding="utf-8")
    finals = {
        name: {one.candidate: {"loss": one.loss, "n": one.score.n} for one in trials if one.share >= 1}
        for name, trials in records.items()
    }
    seconds = {name: trials[-1].elapsed for name, trials in records.items()}
    sweep = {one: left_out(chosen.work, records, one) for one in PATIENCES}
    by_patience = {
        one: {
            measure: round(float(np.mean([policies["value"][measure] for policies in found.values()])), 4)
            for measure in ("share_of_exhaustive", "regret", "regret_in_standard_errors")
        }
        for one, found in sweep.items()
    }
    result = {"benchmark": "record_experience", "rows": ROWS, "seed": 0, "seconds": seconds, "final": finals}
    keep("record_experience", result | {"left_out": sweep[PATIENCE], "by_patience": by_patience} | machine())


if __name__ == "__main__":
    main()
