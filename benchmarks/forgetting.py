"""How much does a model forget that learns one data set after the other, and which strategy keeps most?

Run:    python benchmarks/forgetting.py --sequence intents
        python benchmarks/forgetting.py --sequence sentiment
        python benchmarks/forgetting.py --sequence intents --seeds 1 --rows 50 --test 50 --epochs 1 --name trial
Needs:  the data folder. On one core of an AMD EPYC without bfloat16 a run of `sentiment` (one arm, one seed) takes 13
        to 19 minutes, and there are 21 by default; `intents` is shorter. An interrupted run continues (--work).

Two sequences of three data sets, learnt one after the other by MiniLM (all weights), each with as many training rows:
  intents       Banking77, ten intents at a time: labels are added, those from before do not occur again
  sentiment     negative or positive in three domains: sentences of film reviews (SST-2), airline tweets, and the last
                words of long film reviews (IMDb sample)
Compared, each from the same bundle of the first data set:
  none          training on without a strategy (naive fine-tuning)
  replay        with a tenth of the rows of each earlier data set among the new ones
  distillation, l2_sp, ewc   with their default options
  domain_adapters   adapters and a head for each data set, which is stated when the test rows are answered; the average
                    score without it (routed to the nearest texts) is reported beside
  joint         the pretrained model on the rows of all three at once: what a strategy can hope for
Measured: accuracy (intents) or macro F1 (sentiment) on the test rows of each data set after each step; from it the
average score after the last one, forgetting (Chaudhry et al. 2018) and backward transfer (Lopez-Paz & Ranzato 2017),
means over the seeds, and the difference of the average score to training without a strategy with its 95 % t-interval
over the seeds. A seed draws the rows, the intents, the order of training and the head. The last line of output is one
JSON object.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample, write_rows
from scipy import stats

from goldilocks import plugins
from goldilocks.bundle.read import load
from goldilocks.continual import ContinueFrom, continue_tuning
from goldilocks.evaluation.forgetting import average_score, backward_transfer, forgetting
from goldilocks.evaluation.score import score
from goldilocks.fine_tune import tune_one
from goldilocks.settings import RunSettings, read_task

CANDIDATE = "encoder/all-MiniLM-L6-v2/full"
SEQUENCES = {"intents": ("first", "second", "third"), "sentiment": ("films", "tweets", "reviews")}
"""Name of a sequence -> its data sets."""
METRICS = {"intents": "accuracy", "sentiment": "macro_f1"}
EPOCHS = {"intents": 8.0, "sentiment": 4.0}
INTENTS = 10
"""Of each data set of the sequence ``intents``."""
DOMAINS = "domain_adapters"
ARMS = ("none", "replay", "distillation", "l2_sp", "ewc", DOMAINS)
JOINT = "joint"
LABELS = {"0": "negative", "1": "positive", "negative": "negative", "positive": "positive"}
WORDS = 60
"""Of a long review only the last words are read, where it concludes."""
VALIDATION = 100


def main() -> None:
    """Learn the data sets in turn with each strategy; print a table and one line of JSON."""
    parser = options(__doc__)
    parser.add_argument("--sequence", choices=tuple(SEQUENCES), default="intents")
    parser.add_argument("--rows", type=int, default=500, help="training rows of each data set")
    parser.add_argument("--test", type=int, default=400, help="test rows of each data set")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, help="default: 8 of intents, 4 of sentiment")
    parser.add_argument("--arms", nargs="+", choices=(*ARMS, JOINT), default=[*ARMS, JOINT])
    parser.add_argument("--option", action="append", default=[], help="STRATEGY.NAME=VALUE, e.g. ewc.strength=10")
    parser.add_argument("--name", help="of the result file; default: forgetting-SEQUENCE")
    parser.add_argument("--work", type=Path, default=Path("bench-work/forgetting"))
    given = parser.parse_args()
    sequence, epochs = given.sequence, given.epochs or EPOCHS[given.sequence]
    chosen: dict[str, dict[str, str]] = {"replay": {"rows": str(given.rows // 10)}}
    for pair in given.option:
        name, _, value = pair.partition("=")
        chosen.setdefault(name.split(".")[0], {})[name.split(".")[1]] = value

    begun = time.monotonic()
    tables: dict[str, list[list[list[float | None]]]] = {arm: [] for arm in given.arms}
    routed: list[list[float]] = []
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    for seed in seeds:
        folder = given.work / f"{sequence}-{given.rows}-{given.test}-{epochs:g}-{seed}"
        write_data(folder, sequence, given.data, (given.rows, given.test), seed)
        for arm in given.arms:
            run = Runs(folder, sequence, epochs, chosen.get(arm, {}))
            table = [run.joint()] if arm == JOINT else run.sequence(arm)
            tables[arm].append(table)
            routed += [run.routed] if run.routed else []
            print(f"seed {seed} {arm}: {json.dumps(table)} ({time.monotonic() - begun:.0f} s)", flush=True)
    summary = {arm: summary_of(arm, tables[arm]) for arm in given.arms}
    if "none" in summary:
        for arm in given.arms:
            if arm != "none":
                ours, plain = summary[arm]["averages"], summary["none"]["averages"]
                summary[arm]["gain over none"] = gap(ours, plain)
    if routed:
        summary[DOMAINS] |= {"routed": routed, "routed average": float(np.mean(routed))}
        print(f"{DOMAINS} without stated domains: average {summary[DOMAINS]['routed average']:.3f}")
    for arm, values in summary.items():
        lost = "" if arm == JOINT else f", forgetting {values['forgetting']:.3f}, backward {values['backward']:+.3f}"
        print(f"{arm:<13} average {values['average']:.3f}{lost}")
    result = {
        "benchmark": "forgetting",
        "sequence": sequence,
        "rows": given.rows,
        "test": given.test,
        "epochs": epochs,
        "seeds": list(seeds),
        "options": chosen,
        "candidate": CANDIDATE,
        "metric": METRICS[sequence],
        "tables": tables,
        "summary": summary,
        "seconds": time.monotonic() - begun,
        "machine": machine(),
    }
    keep(given.name or f"forgetting-{sequence}", result)


def write_data(folder: Path, sequence: str, data: Path, sizes: tuple[int, int], seed: int) -> None:
    """Train, validation and test rows of each data set with a task file, and a task of all training rows.

    ``sizes``: training and test rows of each.
    """
    if (folder / JOINT / "task.yaml").exists():
        return
    n_rows, n_test = sizes
    everything: dict[str, list[dict[str, Any]]] = {"train": [], "validation": [], "test": []}
    for at, name in enumerate(SEQUENCES[sequence]):
        pools = pools_of(name, at, data, seed)
        drawn = sample(pools["train"], n_rows + VALIDATION + (0 if "test" in pools else n_test), 1000 * seed + at)
        order = np.random.default_rng((seed, at)).permutation(len(drawn)).tolist()
        drawn = [drawn[place] for place in order]
        parts = {"train": drawn[:n_rows], "validation": drawn[n_rows : n_rows + VALIDATION]}
        parts["test"] = sample(pools.get("test", drawn[n_rows + VALIDATION :]), n_test, seed)
        for part, result in parts.items():
            write_rows(folder / name / f"{part}.jsonl", result)
            everything[part] += result
        write_task(folder / name, METRICS[sequence])
    for part, result in everything.items():
        write_rows(folder / JOINT / f"{part}.jsonl", result)
    write_task(folder / JOINT, METRICS[sequence])


def pools_of(name: str, at: int, data: Path, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Part -> rows of a data set to draw from; without ``test`` both are drawn from ``train``.

    ``at``: its place in the sequence, which says which intents it has.
    """
    if name == "films":
        return {part: labelled(rows(data, "sst2", part)) for part in ("train", "test")}
    if name == "tweets":
        return {"train": labelled(rows(data, "airline_tweets", "stream"))}
    if name == "reviews":
        long = labelled(rows(data, "imdb_sample", "all"))
        return {"train": [{**match, "text": " ".join(match["text"].split()[-WORDS:])} for match in long]}
    all_rows = {part: rows(data, "banking77", part) for part in ("train", "test")}
    every = sorted({str(match["label"]) for match in all_rows["train"]})
    drawn = np.random.default_rng(seed).permutation(len(every))[at * INTENTS : (at + 1) * INTENTS]
    intents = {every[place] for place in drawn.tolist()}
    return {part: [match for match in matches if match["label"] in intents] for part, matches in all_rows.items()}


def labelled(result: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with one of the two labels, each text once."""
    kept = {
        str(match["text"]): {"text": str(match["text"]), "label": LABELS[str(match["label"])]}
        for match in result
        if str(match["label"]) in LABELS
    }
    return list(kept.values())


def write_task(folder: Path, metric: str) -> None:
    """A task file over the rows in a folder."""
    data = {part: f"{part}.jsonl" for part in ("train", "validation", "test")}
    task = {"name": folder.name, "language": "en", "metric": metric, "data": data}
    (folder / "task.yaml").write_text(json.dumps(task, indent=1), encoding="utf-8")


class Runs:
    """The runs of one seed and strategy; their scores are kept in files, so that a stopped run goes on."""

    def __init__(self, folder: Path, sequence: str, epochs: float, chosen: Mapping[str, str]) -> None:
        """``chosen``: options of the strategy."""
        self.folder, self.names, self.epochs, self.chosen = folder, SEQUENCES[sequence], {"epochs": epochs}, chosen
        self.metric = plugins.load("metrics", METRICS[sequence])
        self.routed: list[float] = []
        """Scores on the data sets after the last of them, without a stated domain; empty: there are no domains."""

    def joint(self) -> list[float | None]:
        """Scores on all data sets of the model that was trained on all of them at once."""
        kept = self.folder / "joint.json"
        if not kept.exists():
            bundle = load(self._tuned(JOINT))
            values: list[float | None] = []
            for name in self.names:
                test = rows(self.folder, name, "test")
                answers = [prediction.label for prediction in bundle.predict([match["text"] for match in test])]
                values.append(score(self.metric, [match["label"] for match in test], answers))
            kept.write_text(json.dumps(values), encoding="utf-8")
        scores: list[float | None] = json.loads(kept.read_text(encoding="utf-8"))
        return scores

    def sequence(self, arm: str) -> list[list[float | None]]:
        """Scores on the data sets learnt so far after each of them, the others ``None``."""
        options = "".join(f"-{name}{value}" for name, value in sorted(self.chosen.items()))
        bundle, table = self._tuned(self.names[0]), []
        for at in range(1, len(self.names)):
            out = self.folder / f"{arm}{options}-{at}"
            kept = out.with_suffix(".json")
            if not kept.exists():
                shutil.rmtree(out, ignore_errors=True)
                old = tuple(str(self.folder / name / "task.yaml") for name in self.names[:at])
                named = {"name": self.names[at], "old_name": self.names[0]} if arm == DOMAINS else {}
                start = ContinueFrom(bundle, old, arm, {**named, **self.chosen})
                spec = read_task(self.folder / self.names[at] / "task.yaml")
                report = continue_tuning(spec, start, RunSettings(out=out, threads=1), self.epochs)
                both = {
                    when: [getattr(domain, when).value for domain in report.test.domains]
                    for when in ("before", "after")
                }
                if report.routed is not None:
                    both["routed"] = [domain.after.value for domain in report.routed.domains]
                kept.write_text(json.dumps(both), encoding="utf-8")
            scores = json.loads(kept.read_text(encoding="utf-8"))
            if at == 1:
                table.append(_padded(scores["before"][:1]))
            table.append(_padded(scores["after"]))
            bundle = out
            self.routed = scores.get("routed", [])
        return table

    def _tuned(self, name: str) -> Path:
        out = self.folder / f"{name}-bundle"
        if not (out / "bundle.json").exists():
            spec = read_task(self.folder / name / "task.yaml")
            tune_one(spec, CANDIDATE, RunSettings(out=out, threads=1), self.epochs)
        return out


def _padded(values: Sequence[float]) -> list[float | None]:
    return [*values, *[None] * (3 - len(values))]


def summary_of(arm: str, tables: Sequence[Sequence[Sequence[float | None]]]) -> dict[str, Any]:
    """Means over the seeds, and the average score of each seed."""
    if arm == JOINT:
        averages = [float(np.mean(np.asarray(table[0], dtype=float))) for table in tables]
        return {"average": float(np.mean(averages)), "averages": averages}
    filled = [np.nan_to_num(np.asarray(table, dtype=float)) for table in tables]
    averages = [average_score(table) for table in filled]
    return {
        "average": float(np.mean(averages)),
        "averages": averages,
        "forgetting": float(np.mean([forgetting(table) for table in filled])),
        "backward": float(np.mean([backward_transfer(table) for table in filled])),
        "last data set": float(np.mean([table[-1, -1] for table in filled])),
    }


def gap(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """Mean difference over seeds with its 95 % t-interval."""
    each = np.subtract(first, second)
    if len(each) < 2:
        return {"mean": float(each.mean()), "low": None, "high": None}
    half = float(stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each)))
    return {"mean": float(each.mean()), "low": float(each.mean()) - half, "high": float(each.mean()) + half}


if __name__ == "__main__":
    main()
