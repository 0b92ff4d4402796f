"""Runs every benchmark of record in turn; called by ``make bench``.

Run:    python benchmarks/run_all.py --data ../shared/data
Needs:  the data folder; about three and a half hours on 2 cores. Results are in benchmarks/results/.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench_data import options

SCRIPTS = (
    "train_speed.py",
    "tag_speed.py",
    "qa_speed.py",
    "scores.py",
    "select_speed.py",
    "growth.py",
    "load_speed.py",
    "training_config.py",
)


def main() -> None:
    """Run each script; stop at the first that fails."""
    chosen = options(__doc__).parse_args()
    for script in SCRIPTS:
        print(f"== {script}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).with_name(script)), "--data", str(chosen.data)], check=True)


if __name__ == "__main__":
    main()
