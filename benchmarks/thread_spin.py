"""How should idle threads wait: sleep at once, spin indefinitely, or spin for a while (our setting)?

Run:    python benchmarks/thread_spin.py --rows 600 --rounds 3
Needs:  the data folder (trec); about 2 minutes on 2 quiet cores. Results of record are in benchmarks/results/.

Sides:    passive  OMP_WAIT_POLICY=PASSIVE, GOMP_SPINCOUNT unset: a waiting thread sleeps at once
          active   OMP_WAIT_POLICY=ACTIVE, GOMP_SPINCOUNT unset: it spins until the others are there
          counted  GOMP_SPINCOUNT as ``support/machine/hardware.set_threads`` sets it (100000): it spins a while, then
          sleeps
Measured: wall-clock seconds of one epoch of MiniLM (method ``full``) on the first rows of TREC, every run in a process
          of its own, the sides in turn; medians and their ratios to ``counted``. The load of the machine stands beside
          each run: other work favours the process that sleeps. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench_data import keep, machine, options

SIDES = {
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "active": {"OMP_WAIT_POLICY": "ACTIVE"},
    "counted": {"GOMP_SPINCOUNT": "100000"},
}
# OpenMP reads its variables when torch is loaded: what ``set_threads`` would set after that comes too late.
PROGRAM = (
    "import os, runpy, sys, torch; sys.argv = sys.argv[1:]; sys.path[0] = os.path.dirname(sys.argv[0]); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


def main() -> None:
    """Train in turn."""
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for seed in range(chosen.rounds):
        for side in SIDES:
            runs[side].append(one_run(chosen.data, chosen.rows, seed, SIDES[side]))
            print(f"{side:8} {runs[side][-1]['seconds']:6.2f} s, load {runs[side][-1]['load']:.1f}", flush=True)
    medians = {side: statistics.median(match["seconds"] for match in got) for side, got in runs.items()}
    result: dict[str, Any] = {"benchmark": "thread_spin", "rows": chosen.rows, "epochs": 1, "sides": {}}
    for side, got in runs.items():
        ratio = medians[side] / medians["counted"]
        print(f"{side:8} median {medians[side]:.2f} s, {ratio:.2f} times counted")
        result["sides"][side] = {"median": medians[side], "to_counted": ratio, "all": got}
    keep("thread_spin", result | machine())


def one_run(data: Path, rows: int, seed: int, variables: dict[str, str]) -> dict[str, float]:
    """Seconds of one epoch in a fresh process in which only ``variables`` say how threads wait."""
    ours = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    script = str(Path(__file__).with_name("train_speed.py"))
    command = [sys.executable, "-c", PROGRAM, script, "--side", "ours", "--rows", str(rows), "--seed", str(seed)]
    done = subprocess.run(
        [*command, "--data", str(data)], check=True, capture_output=True, text=True, env=ours | variables
    )
    result = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": result["train_seconds"], "load": result["load_average"]}


if __name__ == "__main__":
    main()
