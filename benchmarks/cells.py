"""Benchmarks of many cells, each run in a process of its own and its result kept in a file. Not a benchmark itself."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Cells:
    """The results of cells, by name: the same command goes on where it was interrupted."""

    def __init__(self, folder: Path, minutes: float = 0.0) -> None:
        """Results are kept in ``folder``; no cell is begun after ``minutes`` (0: no limit)."""
        self.folder, self.minutes, self.missing = folder, minutes, 0
        self._begun = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)

    def result(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """What ``make`` returns, or returned in an earlier command; ``None`` where the time is over: it is missing."""
        file = self.folder / f"{name}.json"
        if not file.exists():
            if self.minutes and time.monotonic() - self._begun > 60 * self.minutes:
                self.missing += 1
                return None
            file.write_text(json.dumps(make()))
        return dict(json.loads(file.read_text()))


def own_process(what: str, *arguments: str, may_fail: bool = False) -> dict[str, Any]:
    """The last line that this script prints when it is run with these arguments, a JSON object.

    Args:
        what: Names the cell.
        arguments: Of the command line.
        may_fail: A failure is a result, ``{"failed": reason}``; otherwise it ends this process too. (A process that is
            ended from outside always does: that is not the cell's fault.)
    """
    done = subprocess.run(
        [sys.executable, sys.argv[0], *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if may_fail else None,
        text=True,
        check=False,
    )
    if done.returncode < 0:
        sys.exit(f"{what}: ended by signal {-done.returncode}")
    if done.returncode and not may_fail:
        sys.exit(f"{what}: failed, see above")
    if done.returncode:
        return {"failed": (done.stderr.strip() or "no reason given").splitlines()[-1]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))
