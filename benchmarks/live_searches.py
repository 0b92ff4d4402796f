"""Does a search of a few minutes choose as well as one that finishes every candidate?

Run:    python benchmarks/live_searches.py --minutes 4 --seeds 0 1
        python benchmarks/live_searches.py --sets trec --threads 1
        python benchmarks/live_searches.py --sets         (no value: only prints the table of the record)
Needs:  the data folder; the budget for each set and seed, and for the reference half an hour or more a set on 2 cores.
        Finished runs in --work are not repeated, an interrupted one is continued.

For each set ``goldilocks select`` runs with its defaults and the whole pool, in a process of its own, once a seed. The
seed also draws the validation rows where the set has none. The reference is one search with the policy ``exhaustive``
that finishes every candidate except those of the families in --reference-without (decoders: tuning them on this
processor takes hours), with --reference-minutes as its limit. Then the test score of every candidate that a run
finished is computed. Reported: the winner with its test score and 95 % interval over items, the verdict,
what was finished, seconds of the race and of the whole search, why it stopped; the difference to the reference's choice
on the same test rows with its paired standard error (bootstrap over items), whether it is within one of these, and the
best candidate by test score, which no search can know.

    trec, tnews, conll2003          development: the rule was tuned with these in view
    sst2, imdb_sample, chnsenticorp, mrpc    run once with frozen code, no reference unless --reference; seen since
    lcqmc, rte, cluener, weibo_ner  run once with the code frozen after that

The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import RESULTS, keep, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.evaluation.score import draws, measured
from goldilocks.protocols import Metric
from goldilocks.records import Decision, Part, Pool
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import read_task
from goldilocks.support.files import read_record
from goldilocks.support.scoring.statistics import bootstrap_weights

DEVELOPMENT = ("trec", "tnews", "conll2003")
SCORED = 2_000
"""Test rows that are scored, at most."""
WALL = "wall_seconds.json"
"""In a run's folder: seconds of its processes from start to end, test part, bundle and report included."""
Parts = dict[str, list[dict[str, Any]]]


def _split(name: str, most: int, **files: str) -> Callable[[Path], Parts]:
    """Makes the parts of a set: at most so many training rows; ``files``: part -> file."""

    def parts_of(data: Path) -> Parts:
        parts = {part: rows(data, name, file) for part, file in files.items()}
        return parts | {"train": sample(parts["train"], most, 0), "test": sample(parts["test"], SCORED, 0)}

    return parts_of


def _imdb(data: Path) -> Parts:
    """700 of the 1,000 reviews for training, the others for the test."""
    drawn = rows(data, "imdb_sample", "all")
    random.Random(0).shuffle(drawn)
    return {"train": drawn[:700], "test": drawn[700:]}


SETS: dict[str, tuple[str, Callable[[Path], Parts]]] = {
    "trec": ("text_classification", _split("trec", 10_000, train="train", test="test")),
    "tnews": ("text_classification", _split("tnews", 8_000, train="train", test="dev")),
    "conll2003": ("ner", _split("conll2003", 3_000, train="train", test="test")),
    "sst2": ("text_classification", _split("sst2", 10_000, train="train", validation="dev", test="test")),
    "imdb_sample": ("text_classification", _imdb),
    "chnsenticorp": (
        "text_classification",
        _split("chnsenticorp", 10_000, train="train", validation="dev", test="test"),
    ),
    "mrpc": ("pair_classification", _split("mrpc", 10_000, train="train", validation="dev", test="test")),
    "lcqmc": ("pair_classification", _split("lcqmc", 8_000, train="dev", test="test")),
    "rte": ("pair_classification", _split("rte", 10_000, train="train", test="dev")),
    "cluener": ("ner", _split("cluener", 3_000, train="train", test="dev")),
    "weibo_ner": ("ner", _split("weibo_ner", 10_000, train="train", validation="dev", test="test")),
}
"""Name -> task and rows."""


def written(name: str, data: Path, folder: Path, without: tuple[str, ...] = ()) -> Path:
    """The task file of a set, and its rows as a user's would be; ``without``: families that are left out."""
    task, make = SETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    parts = make(data)
    for part, own in parts.items():
        lines = (json.dumps({**row, **_label(row)}, ensure_ascii=False) for row in own)
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    content: dict[str, Any] = {"name": name, "task": task, "data": {part: f"{part}.jsonl" for part in parts}}
    if without:
        content["candidates"] = {"exclude": [f"{family}/*" for family in without]}
    file = folder / "task.yaml"
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return file


def _label(row: dict[str, Any]) -> dict[str, str]:
    return {"label": str(row["label"])} if "label" in row else {}


def search(task: Path, out: Path, minutes: float, seed: int, policy: str, threads: int) -> None:
    """One search in a process of its own; nothing is done where it was finished before."""
    if (out / "evaluation.json").exists():
        return
    command = [sys.executable, "-m", "goldilocks", "select", str(task), "--out", str(out), "--policy", policy]
    command += ["--budget", f"{60 * minutes:.0f}s", "--seed", str(seed), "--threads", str(threads)]
    started = time.monotonic()
    ended = subprocess.run([*command, *(["--resume"] if out.exists() else [])], check=False)
    before = json.loads((out / WALL).read_text(encoding="utf-8")) if (out / WALL).exists() else 0.0
    (out / WALL).write_text(json.dumps(before + time.monotonic() - started), encoding="utf-8")
    if ended.returncode not in (0, 3):  # 3: decided, and nothing useful among the candidates
        raise SystemExit(f"{out}: the search ended with exit code {ended.returncode}")


def answers_of(run: Path, test: Part) -> dict[str, list[Any]]:
    """What every candidate that the run finished answers to the test rows."""
    kept = run / "test_answers.json"
    result: dict[str, list[Any]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    workspace = Workspace(run)
    for trial in workspace.read_trials():
        if trial.share >= 1 and trial.candidate not in result:
            folder = workspace.of_candidate(trial.candidate) / "model"
            model = plugins.load("families", trial.candidate.split("/")[0]).restore(folder)
            result[trial.candidate] = list(model.predict(test.texts).values)
            kept.write_text(json.dumps(result), encoding="utf-8")
    return result


def outcome(run: Path, answers: dict[str, list[Any]], test: Part, metric: Metric) -> dict[str, Any]:
    """What one run chose, and the test score of all it finished."""
    decision = read_record(Decision, Workspace(run).decision)
    score, verdict = decision.test_score, decision.verdict
    assert score is not None
    scores = {name: measured(metric, test.gold, own).value for name, own in answers.items()}
    best = (max if metric.HIGHER_IS_BETTER else min)(scores, key=lambda name: scores[name])
    return {
        "winner": decision.winner.candidate,
        "test": [score.value, score.low, score.high],
        "useful": None if verdict is None else verdict.useful,
        "best_set": list(decision.tied),
        "p_best": decision.p_best,
        "seconds": decision.search.seconds,
        "wall_seconds": json.loads((run / WALL).read_text(encoding="utf-8")) if (run / WALL).exists() else None,
        "stopped": decision.search.stopped,
        "candidates": len(read_record(Pool, Workspace(run).pool).candidates),
        "test_of_finished": scores,
        "best_by_test": best,
        "best_by_test_score": scores[best],
    }


def paired(metric: Metric, test: Part, own: list[Any], other: list[Any]) -> dict[str, Any]:
    """How much better ``other`` is than ``own`` on the same rows, with the standard error over rows."""
    weights = bootstrap_weights(len(test.gold), 1_000, 0)
    sign = 1 if metric.HIGHER_IS_BETTER else -1
    gap = sign * (measured(metric, test.gold, other).value - measured(metric, test.gold, own).value)
    error = float(np.std(draws(metric, test.gold, other, weights) - draws(metric, test.gold, own, weights)))
    return {"gap": gap, "standard_error": error, "within_one_standard_error": bool(gap <= error)}


def measure(name: str, chosen: Any) -> dict[str, Any]:
    """All searches on one set, and the reference where there is to be one."""
    task = written(name, chosen.data, chosen.work / name)
    for seed in chosen.seeds:
        search(task, chosen.work / name / f"seed{seed}", chosen.minutes, seed, "value", chosen.threads)
    spec = read_task(task)
    plugin = plugins.load("tasks", spec.task)
    test = load(spec, plugin).test
    metric = plugins.load("metrics", plugin.METRICS[0])
    result: dict[str, Any] = {"task": spec.task, "metric": plugin.METRICS[0], "test_rows": len(test), "searches": {}}
    result["train_rows"] = (chosen.work / name / "train.jsonl").read_text(encoding="utf-8").count("\n")
    answers = {seed: answers_of(chosen.work / name / f"seed{seed}", test) for seed in chosen.seeds}
    for seed in chosen.seeds:
        result["searches"][str(seed)] = outcome(chosen.work / name / f"seed{seed}", answers[seed], test, metric)
    if name in chosen.reference:
        without = tuple(chosen.reference_without)
        task = written(name, chosen.data, chosen.work / f"{name}-reference", without)
        run = chosen.work / f"{name}-reference" / "run"
        search(task, run, chosen.reference_minutes, chosen.seeds[0], "exhaustive", chosen.threads)
        finished = answers_of(run, test)
        result["reference"] = outcome(run, finished, test, metric) | {"without": list(without)}
        for seed in chosen.seeds:
            own = result["searches"][str(seed)]
            choice = finished[result["reference"]["winner"]]
            own["to_reference"] = paired(metric, test, answers[seed][own["winner"]], choice)
    return result


def section(result: dict[str, Any]) -> str:
    """The table in Markdown."""
    lines = [
        "| set (rows to train, to test) | seed | chosen | test (95 % interval) | reference's choice | its test score "
        "| gap ± paired SE | best by test of all finished | seconds: race, whole search |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, own in result["sets"].items():
        reference = own.get("reference")
        for seed, run in own["searches"].items():
            value, low, high = run["test"]
            cells = [f"{name} ({own['train_rows']:,}, {own['test_rows']:,})", seed, f"`{run['winner']}`"]
            cells.append(f"{value:.3f} ({low:.3f} to {high:.3f})" + ("" if run["useful"] else ", not useful"))
            if reference:
                gap = run["to_reference"]
                cells += [f"`{reference['winner']}`", f"{reference['test'][0]:.3f}"]
                cells.append(f"{gap['gap']:+.3f} ± {gap['standard_error']:.3f}")
            else:
                cells += ["–", "–", "–"]
            best = max((run, reference or run), key=lambda ran: ran["best_by_test_score"])
            wall = f", {run['wall_seconds']:.0f}" if run.get("wall_seconds") else ""
            cells += [f"`{best['best_by_test']}` {best['best_by_test_score']:.3f}", f"{run['seconds']:.0f}{wall}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what has no result yet, score it, and print the table."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--reference", nargs="*", default=list(DEVELOPMENT), choices=list(SETS))
    parser.add_argument("--reference-without", nargs="*", default=["decoder"], help="families it leaves out")
    parser.add_argument("--reference-minutes", type=float, default=180)
    parser.add_argument("--minutes", type=float, default=4.0, help="budget of each search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "goldilocks-live-searches")
    chosen = parser.parse_args()
    file = RESULTS / "live_searches.json"
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"sets": {}}
    settings = {"minutes": chosen.minutes, "threads": chosen.threads}
    if chosen.sets and result["sets"] and any(result[name] != value for name, value in settings.items()):
        parser.error(f"{file.name} is of other settings; pass the same, or remove the file")
    if chosen.sets:
        result |= {"benchmark": "live_searches"} | settings | machine()
    for name in chosen.sets:
        print(f"== {name}", flush=True)
        result["sets"][name] = measure(name, chosen)
        file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(section(result))
    keep("live_searches", result)


if __name__ == "__main__":
    main()
