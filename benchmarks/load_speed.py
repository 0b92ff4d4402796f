"""How long does a fresh process take until a bundle's first prediction?

Run:    python benchmarks/load_speed.py --repeats 5
Needs:  the data folder (trec); about a minute.

Measured: wall-clock seconds of a whole process that loads a bundle (checksums included) and answers one text, for a
naive Bayes and for a MiniLM bundle, tuned here on 600 rows with ``goldilocks tune``. The bundles take turns. The last
line of output is one JSON object.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_data import keep, machine, options, rows, sample, task_file

CANDIDATES = ("naive_bayes/word12/scratch", "encoder/all-MiniLM-L6-v2/head_only")
PROGRAM = "import sys, goldilocks; goldilocks.load(sys.argv[1]).predict(['Who wrote it ?'])"


def main() -> None:
    """Tune both, then load them in turn."""
    parser = options(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "load_speed", "seconds": {}}
    with tempfile.TemporaryDirectory() as folder:
        task = task_file(Path(folder), "trec", sample(rows(chosen.data, "trec", "train"), 600, seed=0), None)
        bundles = {}
        for number, name in enumerate(CANDIDATES):
            bundles[name] = str(Path(folder) / f"bundle-{number}")
            command = [sys.executable, "-m", "goldilocks", "tune", str(task), "--candidate", name]
            subprocess.run([*command, "--out", bundles[name]], check=True, capture_output=True)
        seconds: dict[str, list[float]] = {name: [] for name in CANDIDATES}
        for _ in range(chosen.repeats):
            for name, bundle in bundles.items():
                begun = time.perf_counter()
                subprocess.run([sys.executable, "-c", PROGRAM, bundle], check=True)
                seconds[name].append(time.perf_counter() - begun)
    for name, got in seconds.items():
        result["seconds"][name] = {"median": statistics.median(got), "all": got}
        print(f"{name}: {statistics.median(got):.2f} s ({min(got):.2f} to {max(got):.2f})")
    keep("load_speed", result | machine())


if __name__ == "__main__":
    main()
