"""How long does a decoder that was shown rows take for one question, asked by itself?

Run:    python benchmarks/told_latency.py
Needs:  the data folder; a minute or two on one core.

Measured: milliseconds of single answers of Gemma 3 270M (in_context, 8 rows of MRPC shown), in turn with what it is
told kept from question to question, as it does, and read anew for each (medians). The answers must be the same. The
last line of output is one JSON object.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from bench_data import keep, machine, options, rows

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.records import Candidate, Goal, Output, Part, Workload
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tuning.run import Run, RunSetup

MODEL, SET = "gemma-3-270m", "mrpc"


def main() -> None:
    """Time both ways in turn."""
    parser = options(__doc__)
    parser.add_argument("--questions", type=int, default=20)
    chosen = parser.parse_args()
    set_threads()
    task = plugins.load("tasks", "pair_classification")
    found = [rows(chosen.data, SET, part) for part in ("train", "test")]
    train, test = (
        Part(tuple(map(task.item, one)), tuple(map(task.gold, one)), tuple(range(1, len(one) + 1))) for one in found
    )
    facts = next(one for one in catalogue() if one.name == MODEL)
    goal = Goal(Output.LABEL, tuple(sorted({str(one) for one in train.gold})), instruction=task.INSTRUCTION)
    work = Workload(len(train), 200.0, 40.0, len(goal.labels))
    folder = folder_of(facts, offline=True)
    run = Run(Candidate(facts, "in_context"), train, goal, RunSetup(model_folder=folder, work=work, seed=0))
    run.advance(1.0)
    model: Any = run.model
    model.predict(test.texts[:1])
    kept, anew = list[float](), list[float]()
    told = model._led
    for text in test.texts[1 : 1 + chosen.questions]:
        answers = []
        for seconds, before in ((kept, told), (anew, None)):
            model._led = before
            begun = time.perf_counter()
            answers.append(model.predict([text]).values)
            seconds.append(time.perf_counter() - begun)
        assert answers[0] == answers[1], f"{answers} to {text}"
    result = {
        "benchmark": "told_latency",
        "model": MODEL,
        "set": SET,
        "questions": chosen.questions,
        "told_tokens": told.valid.shape[1],
        "kept_ms": 1000 * statistics.median(kept),
        "anew_ms": 1000 * statistics.median(anew),
        "ratio": statistics.median(anew) / statistics.median(kept),
    }
    print(f"{result['kept_ms']:.0f} ms, read anew {result['anew_ms']:.0f} ms: {result['ratio']:.1f} times")
    keep("told_latency", result | machine())


if __name__ == "__main__":
    main()
