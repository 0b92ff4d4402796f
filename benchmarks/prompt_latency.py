"""How long does a single request to a decoder with a few-shot prompt take, with and without a cached prompt?

Run:    python benchmarks/prompt_latency.py
Needs:  the data folder; a minute or two on one core.

Measured: milliseconds per single request to Gemma 3 270M (in_context, 8 examples of MRPC), in turn with the KV cache of
the prompt kept between requests, as the bundle does, and with the prompt encoded for each request (medians). The
answers must be equal. The last line of output is one JSON object.
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

MODEL, SET, TASK = "gemma-3-270m", "mrpc", "pair_classification"


def main() -> None:
    """Time both ways in turn."""
    parser = options(__doc__)
    parser.add_argument("--questions", type=int, default=20)
    chosen = parser.parse_args()
    set_threads()
    train, test = (part_of(rows(chosen.data, SET, part)) for part in ("train", "test"))
    info = next(info for info in catalogue() if info.name == MODEL)
    instruction = plugins.load("tasks", TASK).INSTRUCTION
    goal = Goal(Output.LABEL, tuple(sorted({str(label) for label in train.gold})), instruction=instruction)
    work = Workload(len(train), 200.0, 40.0, len(goal.labels))
    folder = folder_of(info, offline=True)
    run = Run(Candidate(info, "in_context"), train, goal, RunSetup(model_folder=folder, work=work, seed=0))
    run.advance(1.0)
    model: Any = run.model
    model.predict(test.texts[:1])
    kept, encoded_anew = list[float](), list[float]()
    context = model._lead_context
    for text in test.texts[1 : 1 + chosen.questions]:
        answers = []
        for seconds, cached in ((kept, context), (encoded_anew, None)):
            model._lead_context = cached
            begun = time.perf_counter()
            answers.append(model.predict([text]).values)
            seconds.append(time.perf_counter() - begun)
        assert answers[0] == answers[1], f"{answers} to {text}"
    result = {
        "benchmark": "prompt_latency",
        "model": MODEL,
        "set": SET,
        "questions": chosen.questions,
        "prompt_tokens": context.valid.shape[1],
        "kept_ms": 1000 * statistics.median(kept),
        "anew_ms": 1000 * statistics.median(encoded_anew),
        "ratio": statistics.median(encoded_anew) / statistics.median(kept),
    }
    print(f"{result['kept_ms']:.0f} ms; prompt encoded again {result['anew_ms']:.0f} ms: {result['ratio']:.1f} times")
    keep("prompt_latency", result | machine())


def part_of(examples: list[dict[str, Any]]) -> Part:
    """Rows as items and gold labels of the task."""
    task = plugins.load("tasks", TASK)
    return Part(tuple(map(task.item, examples)), tuple(map(task.gold, examples)), tuple(range(1, len(examples) + 1)))


if __name__ == "__main__":
    main()
