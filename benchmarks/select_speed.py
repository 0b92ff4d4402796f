"""How much of an exhaustive search does the race save, and does it find as good a candidate?

Run:    python benchmarks/select_speed.py --work bench-work/select
        python benchmarks/select_speed.py --work /tmp/small --sets trec --rows 300 --seeds 3 --name small \
            --families majority naive_bayes tfidf_linear
Needs:  the data folder (trec, banking77) and a quiet machine: the exhaustive side takes hours on 2 cores. Resumable: an
        interrupted search goes on, finished ones are kept in --work, and the record is written after every set.
        ``--sets`` measures some of them and leaves the record of the others.

Measured, per data set (at most 4,000 training rows, the official test set, seed 0), each run a process of its own:
wall-clock seconds of ``goldilocks select`` to its decision with the policy ``value`` and with ``exhaustive``; the test
accuracy of what each chose, scored after the fact, and its standard error: is what the race chose within one standard
error of what the exhaustive search chose? The same on the validation rows, which are all that a search can know
(standard error of the paired difference). Beside it the best of the whole pool by test accuracy, which no search can
know (it is chosen on the test set, and by accuracy alone, where a decision also counts the cost). Then the record is
replayed for further seeds: validation items are resampled with replacement, which changes all scores. How much test
accuracy the choice of each draw loses against what the exhaustive search chooses on the same draw is ``loss_all``; the
aim is that no draw loses more than .02 (``worst_loss``). ``test_regret_all`` is against the best of the pool by test.
The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import RESULTS, keep, machine, options, rows, sample, task_file

from goldilocks import plugins
from goldilocks.records import Goal, Pool, Screening, Trial
from goldilocks.selection.replay import replay
from goldilocks.selection.standings import Standings
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import read_task
from goldilocks.support.files import read_record
from goldilocks.support.machine.hardware import machine as this_machine

SETS = ("trec", "banking77")
TRAIN_ROWS = 4_000
POLICIES = ("value", "halving", "random")
BUDGET_SECONDS = 1_200.0
NOT_USEFUL = 3
"""Exit code of a search whose winner is not better than the baselines; its records are complete."""
FAMILIES = ("majority", "naive_bayes", "tfidf_linear", "static_embedding", "cnn", "recurrent", "encoder")
"""Decoders stay out: tuning one of 270 M weights on two cores would make the exhaustive side take a day."""


def search(task: Path, out: Path, policy: str, budget_seconds: float) -> None:
    """One search in a process of its own; nothing is done where it was finished before."""
    if (out / "evaluation.json").exists():
        return
    resume = ["--resume"] if (out / "task.yaml").exists() else []
    command = [sys.executable, "-m", "goldilocks", "select", str(task), "--out", str(out), "--policy", policy]
    done = subprocess.run([*command, "--budget", f"{budget_seconds:g}s" if policy == "value" else "6h", *resume])
    if done.returncode not in (0, NOT_USEFUL):
        raise SystemExit(
            f"goldilocks select ended with exit code {done.returncode}; run this again to go on with {out}"
        )


def test_accuracies(run: Path, test: list[dict[str, Any]]) -> dict[str, float]:
    """Test accuracy of every finished candidate of a run."""
    kept = run / "test_accuracies.json"
    if kept.exists():
        loaded: dict[str, float] = json.loads(kept.read_text())
        return loaded
    texts, gold = [entry["text"] for entry in test], [str(entry["label"]) for entry in test]
    result = {}
    for trial in Workspace(run).read_trials():
        if trial.share >= 1:
            folder = Workspace(run).of_candidate(trial.candidate) / "model"
            model = plugins.load("families", trial.candidate.split("/")[0]).restore(folder)
            answers = model.predict(texts).values
            result[trial.candidate] = float(np.mean([a == g for a, g in zip(answers, gold, strict=True)]))
    kept.write_text(json.dumps(result, indent=1))
    return result


def replays(run: Path, accuracies: dict[str, float], seeds: int, budget_seconds: float) -> dict[str, Any]:
    """Every policy on the record, with the validation items redrawn for each seed."""
    workspace = Workspace(run)
    recorded = workspace.read_trials()
    pool, screening = read_record(Pool, workspace.pool), read_record(Screening, workspace.screening)
    labels = json.loads(workspace.data.read_text())["labels"]
    gold = validation_gold(run)
    goal = Goal(labels=tuple(labels))
    right = {
        (entry.candidate, entry.rung, entry.repeat): np.array(workspace.read_answers(entry.predictions, goal).values)
        == gold
        for entry in recorded
    }
    total = sum(entry.seconds for entry in recorded)
    best_accuracy = max(accuracies.values())
    result: dict[str, Any] = {}
    for policy in POLICIES:
        shares, regrets, losses = [], [], []
        for seed in range(seeds):
            drawn = np.random.default_rng(seed).integers(0, len(gold), len(gold))
            redrawn = [_rescored(entry, right[entry.candidate, entry.rung, entry.repeat][drawn]) for entry in recorded]
            standings = Standings(
                pool=pool.candidates,
                forecasts=pool.forecasts,
                spec=read_task(workspace.task),
                machine=this_machine(),
                n_items=len(gold),
                n_labels=len(labels),
                screening=screening,
                short_schedules=pool.short_schedules,
                seed=seed,
            )
            # Random search stops at no point of its own: it is given a quarter of the exhaustive seconds.
            budget = 0.25 * total if policy == "random" else budget_seconds
            bought = replay(standings, redrawn, plugins.load("policies", policy), budget_seconds=budget)
            chosen, exhaustive = (_lowest(entries) for entries in (bought, redrawn))
            shares.append(bought[-1].elapsed / total)
            regrets.append(best_accuracy - accuracies.get(chosen, 0.0))
            losses.append(accuracies[exhaustive] - accuracies.get(chosen, 0.0))
        result[policy] = {
            "share_of_exhaustive_median": float(np.median(shares)),
            "share_all": [round(share, 4) for share in shares],
            "test_regret_mean": float(np.mean(regrets)),
            "test_regret_all": [round(regret, 4) for regret in regrets],
            "loss_all": [round(loss, 4) for loss in losses],
            "worst_loss": round(max(losses), 4),
        }
    return result


def _lowest(trials: Sequence[Trial]) -> str:
    """The finished candidate with the lowest mean loss over its seeds; empty where none is finished."""
    losses: dict[str, list[float]] = defaultdict(list)
    for entry in trials:
        if entry.share >= 1:
            losses[entry.candidate].append(entry.loss)
    return min(losses, key=lambda name: float(np.mean(losses[name])), default="")


def on_validation(run: Path, chosen: str, other: str) -> dict[str, Any]:
    """How much more accurate ``other`` is than ``chosen`` on the validation rows of a run that finished both."""
    workspace = Workspace(run)
    gold = validation_gold(run)
    goal = Goal(labels=tuple(json.loads(workspace.data.read_text())["labels"]))
    finished = {trial.candidate: trial.predictions for trial in workspace.read_trials() if trial.share >= 1}
    right, better = (np.array(workspace.read_answers(finished[name], goal).values) == gold for name in (chosen, other))
    gaps = better.astype(float) - right
    error = float(gaps.std(ddof=1) / len(gaps) ** 0.5)
    gap = float(gaps.mean())
    return {"rows": len(gold), "gap": gap, "standard_error": error, "within_one_standard_error": gap <= error}


def validation_gold(run: Path) -> np.ndarray[Any, np.dtype[np.str_]]:
    """Gold labels of the validation items of a run, split again from its data."""
    from goldilocks.flow import check

    return np.array(check(read_task(run / "task.yaml")).validation.gold)


def _rescored(trial: Trial, right: np.ndarray[Any, np.dtype[np.bool_]]) -> Trial:
    accuracy = float(right.mean())
    return replace(trial, loss=1 - accuracy, score=replace(trial.score, value=accuracy))


def main() -> None:
    """Run both sides, score them on the test sets, replay the record."""
    parser = options(__doc__)
    parser.add_argument("--work", type=Path, default=Path("bench-work/select"))
    parser.add_argument("--seeds", type=int, default=20, help="replays of the record")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--rows", type=int, default=TRAIN_ROWS, help="maximum number of training rows")
    parser.add_argument("--budget", type=float, default=BUDGET_SECONDS, help="seconds that the race may take")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--name", default="select_speed", help="name of the record")
    chosen = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "select_speed", "train_rows": chosen.rows, "seed": 0}
    file = RESULTS / f"{chosen.name}.json"
    result["sets"] = json.loads(file.read_text(encoding="utf-8"))["sets"] if file.exists() else {}
    for name in chosen.sets:
        train = sample(rows(chosen.data, name, "train"), chosen.rows, seed=0)
        test = rows(chosen.data, name, "test")
        task = task_file(chosen.work / name, name, train, test, families=tuple(chosen.families))
        for policy in ("value", "exhaustive"):
            search(task, chosen.work / name / policy, policy, chosen.budget)
        accuracies = test_accuracies(chosen.work / name / "exhaustive", test)
        decisions = {
            policy: json.loads((chosen.work / name / policy / "decision.json").read_text())
            for policy in ("value", "exhaustive")
        }
        best = max(accuracies, key=lambda accuracy: accuracies[accuracy])
        chosen_name, full_name = (decisions[entry]["winner"]["candidate"] for entry in ("value", "exhaustive"))
        error = float(np.sqrt(accuracies[full_name] * (1 - accuracies[full_name]) / len(test)))
        chosen_accuracy = decisions["value"]["test_scores"]["accuracy"]["value"]
        seconds = {policy: decision["search"]["seconds"] for policy, decision in decisions.items()}
        result["sets"][name] = {
            "seconds": seconds,
            "share": seconds["value"] / seconds["exhaustive"],
            "chosen": chosen_name,
            "chosen_test_accuracy": chosen_accuracy,
            "exhaustive_chosen": full_name,
            "on_validation": on_validation(chosen.work / name / "exhaustive", chosen_name, full_name),
            "exhaustive_chosen_test_accuracy": accuracies[full_name],
            "standard_error": error,
            "within_one_standard_error": accuracies[full_name] - chosen_accuracy <= error,
            "best_by_test": best,
            "best_by_test_accuracy": accuracies[best],
            "within_one_standard_error_of_best_by_test": accuracies[best] - chosen_accuracy <= error,
            "test_accuracies": accuracies,
            "replays": replays(chosen.work / name / "exhaustive", accuracies, chosen.seeds, chosen.budget),
        } | machine()
        figures = result["sets"][name]
        took = f"{seconds['value']:.0f} s of {seconds['exhaustive']:.0f} s"
        lost = figures["replays"]["value"]["worst_loss"]
        print(f"{name}: {took} ({figures['share']:.0%}), chose {chosen_name}; the worst of the draws loses {lost:.3f}")
        file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    keep(chosen.name, result)


if __name__ == "__main__":
    main()
