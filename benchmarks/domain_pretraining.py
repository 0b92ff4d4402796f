"""Does domain-adaptive pre-training on unlabelled text improve the fine-tuned score when labels are few?

Run:    python benchmarks/domain_pretraining.py --seeds 5
        python benchmarks/domain_pretraining.py --set banking77 --rows 231 --seeds 3   (another domain)
        python benchmarks/domain_pretraining.py --rows 100 --epochs 2 --arms plain domain   (half an hour)
Needs:  the data folder; about 110 minutes on 2 cores (an estimate; with --seeds 3 about 80). Stopped and started again
        it continues where it stopped (--work).

Five models are tuned on the same labelled rows, redrawn for each seed, and scored on the same test rows:
  plain         the catalogue's MiniLM
  domain        MiniLM continued by masked LM on the text of all training rows, without their labels
  foreign       the same number of steps on news (AG News), so that the domain is separated from the steps
  new           a small BERT that starts from nothing, with a tokenizer of the domain
  new + domain  the same one pretrained on the domain's text
Airline tweets: the first 10,000 by date are the text and the pool labels are drawn from, the last 4,640 the test.
Banking77: its official parts. Measured: accuracy and macro F1 on test; the difference to the model without the text,
with a 95 % t-interval over the seeds. Each continuation is made once (seed 0): the interval covers the labelled rows
drawn and the order of tuning, not a second continuation. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample
from scipy import stats

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.data.corpus import documents
from goldilocks.evaluation.score import score
from goldilocks.pretrain.run import Pretrained, pretrain
from goldilocks.pretrain.settings import PretrainSettings
from goldilocks.records import Candidate, Goal, Part, Workload
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tuning.run import Run, RunSetup

ARMS = ("plain", "domain", "foreign", "new", "new + domain")
PAIRS = (("domain", "plain"), ("foreign", "plain"), ("domain", "foreign"), ("new + domain", "new"))
METRICS = ("accuracy", "macro_f1")


def parts(data: Path, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows whose text may be read and whose labels may be drawn, and test rows."""
    if name == "airline_tweets":
        stream = rows(data, name, "stream")
        return stream[:10_000], stream[10_000:]
    return rows(data, name, "train"), rows(data, name, "test")


def models(
    data: Path, train: Sequence[dict[str, Any]], work: Path, arms: Sequence[str], epochs: float, new_epochs: float
) -> dict[str, tuple[Path, Pretrained | None]]:
    """Arm -> folder of its model, and how it was pretrained."""
    known = next(entry for entry in catalogue() if entry.name == "all-MiniLM-L6-v2")
    start = folder_of(known, offline=True)
    corpora = {"domain": train, "foreign": rows(data, "ag_news", "train_part")}
    for name, result in corpora.items():
        path = work / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps({"text": match["text"]}) + "\n" for match in result), encoding="utf-8")
    made: dict[str, tuple[Path, Pretrained | None]] = {"plain": (start, None)}

    def arm(name: str, corpus: str, **given: Any) -> Pretrained:
        out = work / name.replace(" + ", "-")
        result = pretrain([work / f"{corpus}.jsonl"], PretrainSettings(out=out, resume=True, **given), documents)
        print(f"{name}: {result.tokens_read:,} tokens in {result.steps} steps, {result.seconds:.0f} s; held-out loss "
              f"{result.held_out_before} before, {result.held_out_after} after", flush=True)  # fmt: skip
        made[name] = (out, result)
        return result

    if "domain" in arms or "foreign" in arms:
        domain = arm("domain", "domain", start=start, epochs=epochs)
        if "foreign" in arms:
            arm("foreign", "foreign", start=start, steps=domain.steps)
    if "new" in arms:
        arm("new", "domain", size="mini", steps=0)
    if "new + domain" in arms:
        arm("new + domain", "domain", size="mini", epochs=new_epochs)
    return {name: made[name] for name in arms}


def part_of(result: Sequence[dict[str, Any]]) -> Part:
    """Rows as tuning takes them."""
    return Part(
        tuple(str(match["text"]) for match in result),
        tuple(str(match["label"]) for match in result),
        tuple(range(1, len(result) + 1)),
    )


def tuned(folder: Path, train: Part, test: Part, goal: Goal, seed: int) -> dict[str, float]:
    """Test scores of the encoder in ``folder`` after a full run."""
    family = plugins.load("families", "encoder")
    facts = family.describe(folder, str(folder))
    assert facts is not None
    lengths = [(len(str(text)), len(str(text).split())) for text in train.texts]
    characters, words = np.mean(lengths, axis=0)
    work = Workload(len(train), float(characters), float(words), len(goal.labels))
    run = Run(Candidate(facts, "full"), train, goal, RunSetup(model_folder=folder, work=work, seed=seed))
    run.advance(1.0)
    answers = run.predict(test.texts)
    return {name: score(plugins.load("metrics", name), test.gold, answers.values) for name in METRICS}


def gap(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """Mean difference over seeds with its 95 % t-interval."""
    each = np.subtract(first, second)
    if len(each) < 2:
        return {"mean": float(each.mean()), "low": None, "high": None, "each": each.tolist()}
    half = float(stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each)))
    return {"mean": float(each.mean()), "low": each.mean() - half, "high": each.mean() + half, "each": each.tolist()}


def main() -> None:
    """Pretrain, tune, compare."""
    parser = options(__doc__)
    parser.add_argument("--set", default="airline_tweets", choices=("airline_tweets", "banking77"))
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 500], help="labelled rows to tune on")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=float, default=5.0, help="passes over the domain's text from MiniLM")
    parser.add_argument("--new-epochs", type=float, default=10.0, help="the same from nothing")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--work", type=Path, default=Path("bench-work/domain_pretraining"))
    given = parser.parse_args()
    set_threads()
    begun = time.monotonic()
    work = given.work / given.set
    train, test_rows = parts(given.data, given.set)
    test = part_of(test_rows)
    goal = Goal(labels=tuple(sorted({str(entry["label"]) for entry in train})))
    arms = models(given.data, train, work, given.arms, given.epochs, given.new_epochs)
    kept = work / "scores.json"
    scores: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
    for count in given.rows:
        for seed in range(given.seeds):
            labelled = part_of(sample(train, count, seed))
            for name, (folder, _) in arms.items():
                key = f"{count}/{seed}/{name}"
                if key not in scores:
                    scores[key] = tuned(folder, labelled, test, goal, seed)
                    kept.write_text(json.dumps(scores))
                    print(f"{count} rows, seed {seed}, {name}: accuracy {scores[key]['accuracy']:.4f}", flush=True)

    def column(count: int, name: str, metric: str) -> list[float]:
        return [scores[f"{count}/{seed}/{name}"][metric] for seed in range(given.seeds)]

    table = {
        str(count): {name: {entry: float(np.mean(column(count, name, entry))) for entry in METRICS} for name in arms}
        for count in given.rows
    }
    gaps = {
        str(count): {
            f"{first} - {second}": {
                entry: gap(column(count, first, entry), column(count, second, entry)) for entry in METRICS
            }
            for first, second in PAIRS
            if first in arms and second in arms
        }
        for count in given.rows
    }
    for count, differences in gaps.items():
        for name, got in differences.items():
            accuracy = got["accuracy"]
            print(f"{count} rows: {name}: {accuracy['mean']:+.4f} ({accuracy['low']} to {accuracy['high']})")
    pretraining = {
        name: {
            "steps": got.steps,
            "tokens": got.tokens_read,
            "seconds": got.seconds,
            "held_out": [got.held_out_before, got.held_out_after],
        }
        for name, (_, got) in arms.items()
        if got is not None
    }
    result = {
        "set": given.set,
        "seeds": given.seeds,
        "test_rows": len(test),
        "scores": table,
        "gaps": gaps,
        "runs": scores,
        "pretraining": pretraining,
        "seconds": round(time.monotonic() - begun, 1),
        "machine": machine(),
    }
    keep(f"domain_pretraining-{given.set}", result)


if __name__ == "__main__":
    main()
