"""How well does each candidate of the pool answer questions? SQuAD (a part of it) and CMRC 2018.

Run:    python benchmarks/qa.py
        python benchmarks/qa.py --sets squad_part --rows 200 --scored 100   (a quick look, nothing is kept)
Needs:  the data folder; about 45 minutes on 2 cores. Stopped and started again it goes on where it stood.

Measured: F1 and exact match (SQuAD's, CMRC 2018's by character) with 95 % intervals over the questions, seconds of
training and of answering. squad_part: trained on 15 articles of SQuAD 1.1, scored on 5 others. cmrc2018: trained on the
1,002 questions of the trial part (its training part is not at hand), scored on the official dev part. Recipes are the
families' own; nothing is chosen on the scored part. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.evaluate.score import measured
from goldilocks.nets.ngrams import WORD
from goldilocks.records import Candidate, Goal, Output, Part, Workload, as_text
from goldilocks.support.hardware import set_threads
from goldilocks.tune.run import Run

SETS = {"squad_part": ("train", "dev"), "cmrc2018": ("trial", "dev")}
CANDIDATES = ("overlap/sentence/scratch", "encoder/all-MiniLM-L6-v2/top_layers", "encoder/all-MiniLM-L6-v2/full")
METRICS = ("span_f1", "span_exact_match")
PIECES = 8
"""A run is written down after each such piece."""


def part_of(found: list[dict[str, Any]], most: int) -> Part:
    """The rows that can be used, at most ``most`` (0: all)."""
    task = plugins.load("tasks", "extractive_qa")
    used = [one for one in found if task.problem(one) is None]
    used = sample(used, most or len(used), seed=0)
    return Part(tuple(map(task.item, used)), tuple(map(task.gold, used)), tuple(range(1, len(used) + 1)))


def one_run(spelled: str, train: Part, scored: Part, seed: int, folder: Path) -> dict[str, Any]:
    """Scores with intervals, and seconds; goes on from ``folder`` where it was stopped."""
    family, model, method = spelled.split("/")
    known = [*catalogue(), *plugins.load("families", family).models()]
    facts = next(one for one in known if (one.family, one.name) == (family, model))
    texts = [as_text(one) for one in train.texts]
    characters, words = (float(np.mean(one)) for one in (list(map(len, texts)), [len(WORD.findall(t)) for t in texts]))
    work = Workload(len(train), characters, words, 0, Output.SPAN)
    place = folder_of(facts, offline=True) if facts.pretrained else None
    run = Run(Candidate(facts, method), train, Goal(Output.SPAN), model_folder=place, work=work, seed=seed)
    if (folder / "run.json").exists():
        run.resume_from(folder)
    for piece in range(1, PIECES + 1) if run.recipe else (PIECES,):
        if run.share < piece / PIECES:
            run.advance(piece / PIECES)
            run.save(folder)
            print(f"  {spelled} seed {seed}: {run.share:.0%} after {run.seconds:.0f} s", flush=True)
    begun = time.perf_counter()
    answers = run.predict(scored.texts)
    seconds = time.perf_counter() - begun
    found = {name: asdict(measured(plugins.load("metrics", name), scored.gold, answers.values)) for name in METRICS}
    recipe = asdict(run.recipe) if run.recipe else None
    return found | {"seconds": run.seconds, "answer_seconds": seconds, "recipe": recipe}


def main() -> None:
    """Train and score what has not been yet."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--candidates", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--rows", type=int, default=0, help="at most so many training questions; 0: all")
    parser.add_argument("--scored", type=int, default=0, help="at most so many scored questions; 0: all")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("bench-work/qa"), help="where runs are written down")
    chosen = parser.parse_args()
    set_threads()
    chosen.work.mkdir(parents=True, exist_ok=True)
    done_file = chosen.work / f"rows-{chosen.rows}-scored-{chosen.scored}.jsonl"
    done = [json.loads(line) for line in done_file.read_text().splitlines()] if done_file.exists() else []
    for name in chosen.sets:
        first, second = SETS[name]
        train = part_of(rows(chosen.data, name, first), chosen.rows)
        scored = part_of(rows(chosen.data, name, second), chosen.scored)
        for spelled in chosen.candidates:
            for seed in range(chosen.seeds):
                key = {"set": name, "candidate": spelled, "seed": seed, "train": len(train), "scored": len(scored)}
                if any(key.items() <= one.items() for one in done):
                    continue
                place = chosen.work / f"{name}-{len(train)}-{spelled.replace('/', '_')}-{seed}"
                done.append(key | one_run(spelled, train, scored, seed, place))
                with done_file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[-1]) + "\n")
    print(f"{'F1':>22}{'exact':>22}{'s':>8}")
    for one in done:
        figures = "".join(f"{one[m]['value']:8.3f} ({one[m]['low']:.3f}–{one[m]['high']:.3f})" for m in METRICS)
        print(f"{figures}{one['seconds']:8.0f}  {one['set']}, {one['candidate']} seed {one['seed']}")
    result = {"benchmark": "qa", "runs": done}
    if chosen.rows or chosen.scored:
        print(json.dumps(result | machine(), ensure_ascii=False))
    else:
        keep("qa", result | machine())


if __name__ == "__main__":
    main()
