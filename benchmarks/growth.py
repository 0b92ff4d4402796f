"""What do more rows cost? Seconds and peak memory of ``check``, of screening and of one epoch, from 1 k to 1 M rows.

Run:    python benchmarks/growth.py --most 1000000
        python benchmarks/growth.py --what screening   (the record of the others stays: do it on the same machine)
Needs:  CPU only; about 20 minutes for a million rows on 2 cores. An epoch of MiniLM whose steps would
        take longer than ``--epoch-seconds`` is cut short there.

Measured, each point a process of its own: wall-clock seconds and peak resident memory (of the whole process) of
``data.load`` (read, check, split, duplicates and near duplicates); of the screening of MiniLM; of one epoch of
``encoder/all-MiniLM-L6-v2/full`` and of ``tfidf_linear/word/scratch``. Of an epoch that was cut short the seconds until
its first step (loading, tokenizing all rows) are measured, and those of the steps done are multiplied up to the whole
epoch: such a point says ``share_measured``. Rows are made on the spot: 12 words drawn by
Zipf's law from 20,000, 20 labels that shift which words are drawn, 1 % exact and 1 % near duplicates. The slope is that
of log seconds over log rows from 10 k on; 1 is linear. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import RESULTS, keep, machine, options

from goldilocks.selection.trials import TrainingRun

LABELS = 20
WORDS = 20_000
ENCODER, LINEAR = "encoder/all-MiniLM-L6-v2/full", "tfidf_linear/word/scratch"
WHAT = ("check", "screening", LINEAR, ENCODER)


def make_rows(path: Path, n: int) -> None:
    """``n`` rows of JSON Lines."""
    rng = np.random.default_rng(0)
    words = np.array(["".join(chr(97 + c) for c in rng.integers(0, 26, rng.integers(3, 9))) for _ in range(WORDS)])
    with path.open("w", encoding="utf-8") as file:
        for begin in range(0, n, 50_000):
            size = min(50_000, n - begin)
            labels = rng.integers(0, LABELS, size)
            drawn = np.minimum(rng.zipf(1.3, (size, 12)), WORDS // 2) - 1
            drawn = (drawn + labels[:, None] * (rng.random((size, 12)) < 0.3) * 401) % WORDS
            texts = [" ".join(row) for row in words[drawn]]
            for i in np.flatnonzero(rng.random(size) < 0.01):
                texts[i] = texts[i - 1]
                labels[i] = labels[i - 1]
            for i in np.flatnonzero(rng.random(size) < 0.01):
                texts[i] = texts[i - 1] + " again"
                labels[i] = labels[i - 1]
            file.writelines(
                json.dumps({"text": t, "label": f"l{c:02d}"}) + "\n" for t, c in zip(texts, labels, strict=True)
            )


def one_point(what: str, file: str, epoch_seconds: float) -> dict[str, float]:
    """Seconds and peak memory of one thing, in this process; an epoch is cut short after ``epoch_seconds``."""
    from goldilocks import plugins
    from goldilocks.data.load import load
    from goldilocks.records import Candidate, CandidateFilter
    from goldilocks.settings import RunSettings, task_from
    from goldilocks.support.machine.hardware import machine as this_machine
    from goldilocks.support.machine.hardware import peak_memory_bytes, set_threads

    set_threads()
    path = Path(file)
    spec = task_from({"name": "growth", "language": "en", "data": {"train": file}})
    task = plugins.load("tasks", spec.task)
    begun = time.perf_counter()
    dataset = load(spec, task)
    if what == "check":
        return {"seconds": time.perf_counter() - begun, "memory_mb": peak_memory_bytes() / 1e6}
    from dataclasses import replace

    from goldilocks.catalog.find import candidates
    from goldilocks.catalog.fit import workload
    from goldilocks.selection.run_store import RunStore
    from goldilocks.selection.screen import ScreeningPlan, screen
    from goldilocks.selection.workspace import Workspace

    spec = replace(spec, candidates=CandidateFilter(families=(what.split("/")[0] if "/" in what else "encoder",)))
    pool = candidates(spec, task, dataset, RunSettings(), this_machine())
    store = RunStore(dataset.sealed(), workload(dataset), Workspace(path.parent / "run"), offline=True, seed=0)
    begun = time.perf_counter()
    if what == "screening":
        screen(dataset.sealed(), pool, features=store.features, plan=ScreeningPlan(1e9, seed=0))
    else:
        candidate: Candidate = next(entry for entry in pool.candidates if entry.name == what)
        family = plugins.load("families", candidate.model.family)
        recipe = family.training_config(candidate.model, workload(dataset))
        return one_epoch(store.start(candidate), 1.0 / recipe.epochs if recipe else 1.0, epoch_seconds)
    return {"seconds": time.perf_counter() - begun, "memory_mb": peak_memory_bytes() / 1e6}


def one_epoch(run: TrainingRun, share: float, most_seconds: float) -> dict[str, float]:
    """Seconds of a run up to ``share``, multiplied up where it was cut short after ``most_seconds``."""
    from goldilocks.support.machine.hardware import peak_memory_bytes

    begun = time.perf_counter()
    steps: list[tuple[float, float]] = []  # seconds since it began, share of the full run done
    run.advance(
        share,
        stop=lambda: len(steps) > 1 and steps[-1][0] - steps[0][0] > most_seconds,
        on_step=lambda done: steps.append((time.perf_counter() - begun, done)),
    )
    seconds, memory = time.perf_counter() - begun, peak_memory_bytes() / 1e6
    done = steps[-1][1] if steps else share
    if done >= share - 1e-9:
        return {"seconds": seconds, "memory_mb": memory}
    (first_seconds, first), (last_seconds, last) = steps[0], steps[-1]
    whole = first_seconds + (last_seconds - first_seconds) * (share - first) / (last - first)
    return {"seconds": whole, "memory_mb": memory, "share_measured": done / share, "measured_seconds": seconds}


def main() -> None:
    """Every point in a process of its own."""
    parser = options(__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--epoch-seconds", type=float, default=180.0)
    parser.add_argument("--what", nargs="+", default=list(WHAT), choices=WHAT)
    parser.add_argument("--point", nargs=2, metavar=("WHAT", "FILE"), help="one point, for the processes this starts")
    chosen = parser.parse_args()
    if chosen.point:
        print(json.dumps(one_point(chosen.point[0], chosen.point[1], chosen.epoch_seconds)))
        return
    sizes = [n for n in (1_000, 10_000, 100_000, 1_000_000) if n <= chosen.most]
    result: dict[str, Any] = {"benchmark": "growth", "points": {}, "slope": {}}
    if set(chosen.what) != set(WHAT):
        kept = json.loads((RESULTS / "growth.json").read_text(encoding="utf-8"))["points"]
        result["points"] = {what: points for what, points in kept.items() if what not in chosen.what}
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            path = Path(folder) / f"{n}.jsonl"
            make_rows(path, n)
            for what in chosen.what:
                command = [sys.executable, __file__, "--point", what, str(path)]
                command += ["--epoch-seconds", str(chosen.epoch_seconds)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                point = json.loads(done.stdout.strip().splitlines()[-1])
                result["points"].setdefault(what, {})[str(n)] = point
                cut = f"  ({point['share_measured']:.1%} of it measured)" if "share_measured" in point else ""
                figures = f"{point['seconds']:9.2f} s  {point['memory_mb']:8.0f} MB{cut}"
                print(f"{what:40s} {n:>9,} rows  {figures}", flush=True)
            path.unlink()
    for what, points in result["points"].items():
        far = {int(n): entry["seconds"] for n, entry in points.items() if int(n) >= 10_000}
        if len(far) > 1:
            low, high = min(far), max(far)
            result["slope"][what] = round(math.log(far[high] / far[low]) / math.log(high / low), 3)
    keep("growth", result | machine())


if __name__ == "__main__":
    main()
