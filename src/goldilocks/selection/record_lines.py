"""Files of a run with one record a line: each line is checked, and a last line that a crash cut off is dropped.

A line carries its checksum, so that a digit that changes on the disk is noticed; lines of older versions have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goldilocks.errors import IntegrityError
from goldilocks.records import Trial
from goldilocks.support.files import (
    Record,
    from_json,
    read_bytes,
    verify_checksum,
    with_checksum,
    write_bytes,
    write_text,
)


def read_lines(path: Path, kind: type[Record]) -> list[Record]:
    """The records of a file with one a line. A last line that was cut off by a crash is dropped, from the file too.

    Raises:
        IntegrityError: a line before the last is damaged; it is named.
    """
    if not path.exists():
        return []
    lines = read_bytes(path).split(b"\n")
    whole, rest = lines[:-1], lines[-1]
    records: list[Record] = []
    for number, line in enumerate(whole, start=1):
        try:
            records.append(from_json(kind, line, where=path))
        except IntegrityError as error:
            if number == len(whole) and not rest:  # cut off, then closed with a newline by an editor
                rest = line
                break
            raise IntegrityError(f"{path} line {number}: damaged; remove the line, then --resume.") from error
    _check_lines(path, whole[: len(records)])
    if rest:
        write_bytes(path, b"".join(line + b"\n" for line in whole[: len(records)]))
    return records


def write_lines(path: Path, records: Sequence[Any]) -> None:
    """Write a file with these records, whole or not at all."""
    write_text(path, "".join(f"{with_checksum(record, indent=None)}\n" for record in records))


def _check_lines(path: Path, lines: Sequence[bytes]) -> None:
    for number, line in enumerate(lines, start=1):
        try:
            verify_checksum(line, path)
        except IntegrityError as error:
            raise IntegrityError(
                f"{path} line {number}: was changed since it was written (its checksum differs); remove the line, then "
                "--resume."
            ) from error


def read_trial_lines(path: Path) -> list[Trial]:
    """The purchases of a run, as ``read_lines`` reads them; numbers that cannot be true are damage too."""
    trials = read_lines(path, Trial)
    for number, trial in enumerate(trials, start=1):
        if problem := _problem(trial):
            raise IntegrityError(f"{path} line {number}: damaged ({problem}); remove the line, then --resume.")
    return trials


def _problem(trial: Trial) -> str:
    """What cannot be true of a purchase; empty if nothing is wrong."""
    score = trial.score
    numbers = {
        **{"loss": trial.loss, "seconds": trial.seconds, "elapsed": trial.elapsed, "value": trial.value},
        **{"seconds_per_text": trial.seconds_per_text, "share": trial.share, "score": score.value},
        **{"score.low": score.low, "score.high": score.high, "scoring_seconds": trial.scoring_seconds},
    }
    for name, number in numbers.items():
        if not math.isfinite(number):
            return f"{name} is {number}"
    if not 0 < trial.share <= 1 or trial.rung < 0:
        return f"rung {trial.rung} with share {trial.share:g}"
    if trial.loss < 0 or min(trial.seconds, trial.elapsed, trial.seconds_per_text, trial.scoring_seconds) < 0:
        return f"loss {trial.loss:g}, {trial.seconds:g} s, after {trial.elapsed:g} s"
    return ""
