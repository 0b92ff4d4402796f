"""The folder of a run: what lies where, and how it survives being killed.

Everything is written whole or not at all, a trial only after what it speaks of is on the disk. So whatever
``trials.jsonl`` names is there, and a run that goes on loses at most the rung in flight.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldilocks.answers import Answers, decoded, encoded, of_labels
from goldilocks.errors import InputError, IntegrityError
from goldilocks.records import DataSpec, Dropped, Goal, TaskSpec, Trial
from goldilocks.support.account import Account
from goldilocks.support.files import Record, append_line, from_json, plain, to_json, write_bytes, write_text


@dataclass(frozen=True, slots=True)
class Workspace:
    """A run's folder."""

    folder: Path

    @property
    def task(self) -> Path:
        """The task as resolved."""
        return self.folder / "task.yaml"

    @property
    def data(self) -> Path:
        """Profile, findings and fingerprint of the data."""
        return self.folder / "data.json"

    @property
    def pool(self) -> Path:
        """Candidates, forecasts and who is excluded."""
        return self.folder / "candidates.json"

    @property
    def screening(self) -> Path:
        """The cheap look."""
        return self.folder / "screening.json"

    @property
    def trials(self) -> Path:
        """One line a purchase."""
        return self.folder / "trials.jsonl"

    @property
    def dropped(self) -> Path:
        """One line for each candidate that fell out on the way."""
        return self.folder / "dropped.jsonl"

    def account(self, by: str = "") -> Account:
        """What endpoints have cost in this run (``account.jsonl``), as the account of the candidate ``by``."""
        return Account(self.folder / "account.jsonl", by)

    @property
    def decision(self) -> Path:
        """The decision."""
        return self.folder / "decision.json"

    @property
    def report(self) -> Path:
        """The report."""
        return self.folder / "report.html"

    @property
    def bundle(self) -> Path:
        """The bundle."""
        return self.folder / "bundle"

    def of_candidate(self, name: str) -> Path:
        """Checkpoint, model and predictions of one candidate."""
        return self.folder / "runs" / name.replace("/", "--")

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other processes out of the folder while this one works in it (a lock that dies with the process).

        Raises:
            InputError: another process works here, or the folder cannot be made or written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(
                f"{self.folder}: cannot be written to ({error.strerror}); choose another folder with --out."
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise InputError(f"{self.folder}: another process works in it; wait, or choose another --out.") from error
        try:
            yield
        finally:
            os.close(handle)

    def begin(self, spec: TaskSpec, *, resume: bool) -> None:
        """Write the resolved task, or see that the one that is there is the same.

        Raises:
            InputError: the folder holds a run and ``resume`` is off, or the run there is of another task.
        """
        import yaml

        wanted = plain(spec)
        if self.task.exists():
            if not resume:
                raise InputError(f"{self.folder}: holds a run; pass --resume to go on with it, or another --out.")
            there = plain(TaskSpec(name="", data=DataSpec("")))  # what an older Goldilocks did not write
            there |= yaml.safe_load(self.task.read_text(encoding="utf-8")) or {}
            # Where the project is does not matter: whether its data are the same, their fingerprint says.
            differ = sorted(
                key for key in wanted if key not in ("budget_seconds", "folder") and there.get(key) != wanted[key]
            )
            if differ:
                raise InputError(
                    f"{self.folder}: holds a run of another task (differs in {', '.join(differ)}); "
                    "choose another --out."
                )
        write_text(self.task, yaml.safe_dump(wanted, allow_unicode=True, sort_keys=False))

    def read_trials(self) -> list[Trial]:
        """The purchases so far. A last line that was cut off by a crash is dropped, from the file too.

        Raises:
            IntegrityError: a line before the last is damaged (it is named), or a decision was made from more.
        """
        found = _read_lines(self.trials, Trial)
        if len(found) < (decided := self._trials_of_decision()):
            raise IntegrityError(
                f"{self.trials}: holds {len(found)} of the {decided} trials that {self.decision.name} was made from; "
                f"restore it, or remove {self.decision.name}, then --resume buys the others again."
            )
        return found

    def _trials_of_decision(self) -> int:
        """How many there were; 0 without a decision that can be read."""
        try:
            return int(json.loads(self.decision.read_bytes())["search"]["trials"])
        except (OSError, ValueError, LookupError, TypeError):
            return 0

    def add_trial(self, trial: Trial) -> None:
        """Append one purchase."""
        append_line(self.trials, to_json(trial, indent=None))

    def read_dropped(self) -> dict[str, Dropped]:
        """Candidate -> how it fell out. Damaged lines as in ``read_trials``."""
        return {one.candidate: one for one in _read_lines(self.dropped, Dropped)}

    def add_dropped(self, dropped: Dropped) -> None:
        """Append one candidate that fell out."""
        append_line(self.dropped, to_json(dropped, indent=None))

    def elapsed(self) -> float:
        """Seconds that earlier sessions of this search took, as far as is written down."""
        steps: list[Trial | Dropped] = [*self.read_trials(), *self.read_dropped().values()]
        return max((one.elapsed for one in steps), default=0.0)

    def write_answers(self, candidate: str, rung: int, answers: Answers) -> str:
        """Validation answers of one trial: probabilities as a plain ``.npy``, other kinds as ``.json``.

        Returns:
            The file, relative to the workspace.
        """
        path = self.of_candidate(candidate) / f"rung-{rung}{'.npy' if answers.labels else '.json'}"
        if answers.labels:
            buffer = io.BytesIO()
            np.save(buffer, np.asarray(answers.probabilities, dtype=np.float32), allow_pickle=False)
            write_bytes(path, buffer.getvalue())
        else:
            write_text(path, encoded(answers))
        return str(path.relative_to(self.folder))

    def read_answers(self, relative: str, goal: Goal) -> Answers:
        """What ``write_answers`` wrote.

        Raises:
            IntegrityError: the file is missing or damaged.
        """
        path = self.folder / relative
        try:
            if path.suffix == ".json":
                return decoded(path.read_text(encoding="utf-8"), goal)
            return of_labels(np.load(path, allow_pickle=False), goal.labels, several=goal.several)
        except (OSError, ValueError, EOFError, TypeError, IndexError) as error:
            raise IntegrityError(f"{path}: damaged or missing; start again with another --out.") from error


def _read_lines(path: Path, kind: type[Record]) -> list[Record]:
    """The records of a file with one a line; see ``Workspace.read_trials``."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    whole, rest = lines[:-1], lines[-1]
    found: list[Record] = []
    for number, line in enumerate(whole, start=1):
        try:
            found.append(from_json(kind, line, where=path))
        except IntegrityError as error:
            if number == len(whole) and not rest:  # cut off, then closed with a newline by an editor
                rest = line
                break
            raise IntegrityError(f"{path} line {number}: damaged; remove the line, then --resume.") from error
    if rest:
        write_bytes(path, b"".join(line + b"\n" for line in whole[: len(found)]))
    return found
