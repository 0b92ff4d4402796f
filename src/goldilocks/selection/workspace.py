"""The run folder: its files, and how they survive interruptions.

Everything is written whole or not at all, a trial only after what it speaks of is on the disk. So whatever
``trials.jsonl`` names is there, and a run that goes on loses at most the rung in flight.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldilocks.answers import Answers
from goldilocks.errors import GoldilocksError, InputError, IntegrityError
from goldilocks.evaluation.trivial_baselines import BaselineAnswers
from goldilocks.records import CompressedCandidate, DataSpec, Failure, Goal, Gold, TaskSpec, Trial
from goldilocks.selection.experience import Experience, read_experience, recorded_experience
from goldilocks.selection.record_lines import read_lines, read_trial_lines, write_lines
from goldilocks.selection.stored_answers import read_answers, read_baseline_answers, read_gold, write_answers
from goldilocks.support.endpoints.spending_log import SpendingLog
from goldilocks.support.files import (
    append_line,
    from_json,
    plain,
    read_bytes,
    read_text,
    remove,
    with_checksum,
    write_text,
)
from goldilocks.support.frames import ROWS

_PART = re.compile(r"\..+\.\d+\.part")
"""What ``write_bytes`` calls a file that is not whole yet."""


_NOT_THE_TASK = ("budget_seconds", "folder", "assumed")
"""Keys in which a resumed run may differ from what was begun."""


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
        """Probe results of the screening."""
        return self.folder / "screening.json"

    @property
    def experience(self) -> Path:
        """The experience the race goes by; runs of older versions have none where it is that of the package."""
        return self.folder / "experience.json"

    def read_experience(self) -> Experience:
        """The experience the race goes by."""
        return read_experience(self.experience) if self.experience.exists() else recorded_experience()

    @property
    def trials(self) -> Path:
        """One line a purchase."""
        return self.folder / "trials.jsonl"

    @property
    def failures(self) -> Path:
        """One line for each candidate that failed during the run."""
        return self.folder / "dropped.jsonl"

    def spending_log(self, by: str = "") -> SpendingLog:
        """What endpoints have cost in this run (``account.jsonl``), for entries of the candidate ``by``."""
        return SpendingLog(self.folder / "account.jsonl", by)

    @property
    def gold(self) -> Path:
        """Gold answers of the validation items: what stored answers are compared with when deciding again."""
        return self.folder / "validation_gold.json"

    @property
    def compressed(self) -> Path:
        """One line for each candidate that was compressed, written once its form is on the disk."""
        return self.folder / "compressed.jsonl"

    @property
    def baselines(self) -> Path:
        """What the baselines, and the user's incumbent, answer to the validation items."""
        return self.folder / "baselines.json"

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

    @property
    def evaluation(self) -> Path:
        """The winner on the test part."""
        return self.folder / "evaluation.json"

    @property
    def cleaned(self) -> Path:
        """There once ``goldilocks clean`` has removed models and checkpoints."""
        return self.folder / "cleaned.json"

    def inside(self, relative: str) -> Path:
        """A file that a record names, which must be in the folder.

        Raises:
            IntegrityError: the name leads out of it.
        """
        path = self.folder / relative
        if Path(relative).is_absolute() or ".." in Path(relative).parts:
            raise IntegrityError(f"{self.folder}: a record names {relative!r}, which leads out of the run's folder.")
        return path

    def size_bytes(self) -> int:
        """What the run's files take."""
        return sum(path.lstat().st_size for path in self.folder.rglob("*") if path.is_file())

    def remove_parts(self) -> None:
        """Remove what a killed process had half written; the folder must be claimed."""
        for path in self.folder.rglob("*.part"):
            if path.is_dir() and path.name in ("model.part", "compressed.part", _SCRATCH, f".{self.bundle.name}.part"):
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file() and _PART.fullmatch(path.name):
                path.unlink(missing_ok=True)

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
            raise self._not_writable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise InputError(f"{self.folder}: another process works in it; wait, or choose another --out.") from error
        try:
            yield
        finally:
            os.close(handle)

    def _not_writable(self, error: OSError) -> InputError:
        return InputError(f"{self.folder}: cannot be written to ({error.strerror}); choose another folder with --out.")

    @contextmanager
    def removed_if_not_started(self) -> Iterator[None]:
        """Remove what was written where no run was here and bad input ends the new one before candidates are known.

        A folder that was there before stays, with what was in it.
        """
        try:
            before = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else None
        except OSError as error:
            raise self._not_writable(error) from error
        try:
            yield
        except GoldilocksError:
            if before is None and not self.pool.exists():
                shutil.rmtree(self.folder, ignore_errors=True)
            elif before is not None and self.task.name not in before and not self.pool.exists():
                for name in (self.task.name, self.data.name, self.baselines.name, ".lock", *ROWS):
                    if name not in before:
                        (self.folder / name).unlink(missing_ok=True)
            raise

    def check_free(self, *, resume: bool) -> None:
        """Check that a run may begin here, or go on.

        Raises:
            InputError: the folder holds a run and ``resume`` is off.
        """
        if self.task.exists() and not resume:
            raise InputError(
                f"{self.folder}: holds a run; pass --resume to continue it, or another --out; in Python resume "
                "of RunSettings, or another out."
            )

    def begin(self, spec: TaskSpec, *, resume: bool) -> None:
        """Write the resolved task, or see that the one that is there is the same: then nothing is changed yet.

        Raises:
            InputError: the folder holds a run and ``resume`` is off, or the run there is of another task.
            IntegrityError: the folder holds purchases of a task that is lost, or its models cannot be written.
        """
        if self.cleaned.exists() and resume:
            raise InputError(
                f"{self.folder}: was cleaned, so its models are gone and it cannot go on; choose another --out."
            )
        self.check_free(resume=resume)
        models = self.folder / "runs"
        if (models.exists() or models.is_symlink()) and not models.is_dir():
            raise IntegrityError(
                f"{models}: is no folder, and the models of a run go there; remove it, then --resume trains again "
                "what was lost."
            )
        if not self.task.exists():
            if self.trials.exists() or self.decision.exists():
                raise IntegrityError(
                    f"{self.task}: is missing, and the results in this folder belong to it; restore it, or choose "
                    "another --out."
                )
            self.write_task(spec)
            return
        wanted, recorded = plain(spec), plain(self.read_task())
        # Where the project is does not matter: whether its data are the same, their fingerprint says.
        differ = sorted(key for key in wanted if key not in _NOT_THE_TASK and recorded.get(key) != wanted[key])
        if differ:
            raise InputError(
                f"{self.folder}: holds a run of another task (differs in {', '.join(differ)}); choose another --out."
            )

    def write_task(self, spec: TaskSpec) -> None:
        """Write the resolved task; of a resumed run once it is known to go on, as budget and folder may be new."""
        import yaml

        self.remove_parts()
        write_text(self.task, yaml.safe_dump(plain(spec), allow_unicode=True, sort_keys=False))

    def read_task(self) -> TaskSpec:
        """The task of the run; what an earlier version did not write has its default.

        Raises:
            MissingError: the folder holds no run.
            IntegrityError: the file is damaged.
        """
        import yaml

        try:
            content = yaml.safe_load(read_text(self.task)) or {}
            known = plain(TaskSpec(name="", data=DataSpec(""))) | content
            return from_json(TaskSpec, json.dumps(known), where=self.task)
        except (yaml.YAMLError, TypeError, RecursionError) as error:
            raise IntegrityError(f"{self.task}: damaged; restore it, or start again with another --out.") from error

    def read_trials(self) -> list[Trial]:
        """The purchases so far. A last line that was cut off by a crash is dropped, from the file too.

        Raises:
            IntegrityError: a line before the last is damaged (it is named), or a decision was made from more.
        """
        trials = read_trial_lines(self.trials)
        for trial in trials:
            self.inside(trial.predictions)
        if len(trials) < (decided := self._trials_of_decision()):
            raise IntegrityError(
                f"{self.trials}: holds {len(trials)} of the {decided} trials that {self.decision.name} was made from; "
                f"restore it, or remove {self.decision.name}, then --resume buys the others again."
            )
        return trials

    def forget(self, candidates: Container[str]) -> None:
        """Take back all purchases of some candidates, and a decision that was made from them."""
        trials = self.read_trials()
        remaining = [trial for trial in trials if trial.candidate not in candidates]
        if len(remaining) < len(trials):
            remove(self.decision)
            write_lines(self.trials, remaining)

    def _trials_of_decision(self) -> int:
        """How many there were; 0 without a decision that can be read."""
        try:
            return int(json.loads(read_bytes(self.decision))["search"]["trials"])
        except (GoldilocksError, ArithmeticError, ValueError, LookupError, TypeError, RecursionError):
            return 0

    def test_opened(self) -> bool:
        """Whether the test set was scored: a test score is part of the decision, or an evaluation of it is there."""
        if (self.folder / "evaluation.json").exists():
            return True
        return self._in_decision("test_score") is not None

    def test_openings(self) -> int:
        """How often the test set was scored in this run."""
        stated = self._in_decision("test_openings")
        openings = stated if type(stated) is int and stated > 0 else 1
        return openings if self.test_opened() else 0

    def winner(self) -> str:
        """Name of the candidate that was decided on; empty without a decision."""
        winner = self._in_decision("winner")
        return str(winner.get("candidate", "")) if isinstance(winner, dict) else ""

    def _in_decision(self, key: str) -> Any:
        try:
            return json.loads(read_bytes(self.decision)).get(key)
        except (GoldilocksError, ValueError, AttributeError, RecursionError):
            return None

    def add_trial(self, trial: Trial) -> None:
        """Append one purchase."""
        append_line(self.trials, with_checksum(trial, indent=None))

    def read_failures(self) -> dict[str, Failure]:
        """Candidate -> its failure. Damaged lines as in ``read_trials``."""
        return {failure.candidate: failure for failure in read_lines(self.failures, Failure)}

    def add_failure(self, failure: Failure) -> None:
        """Append the failure of one candidate."""
        append_line(self.failures, with_checksum(failure, indent=None))

    def elapsed(self) -> float:
        """Seconds that earlier sessions of this search took, as far as is written down."""
        steps: list[Trial | Failure] = [*self.read_trials(), *self.read_failures().values()]
        return max((step.elapsed for step in steps), default=0.0)

    def write_validation(self, goal: Goal, gold: Sequence[Gold]) -> None:
        """Write what was asked for and the gold answers of the validation items."""
        write_text(self.gold, with_checksum({"goal": goal, "gold": list(gold)}, indent=None))

    def read_validation(self) -> tuple[Goal, tuple[Gold, ...]] | None:
        """What ``write_validation`` wrote; ``None`` in a run of an earlier version.

        Raises:
            IntegrityError: the file is damaged.
        """
        return read_gold(self.gold) if self.gold.exists() else None

    def write_baselines(self, baselines: BaselineAnswers) -> None:
        """Write what the baselines answer to the validation items."""
        write_text(self.baselines, with_checksum(baselines, indent=None))

    def read_baselines(self) -> BaselineAnswers | None:
        """What ``write_baselines`` wrote; ``None`` in a run of an earlier version.

        Raises:
            IntegrityError: the file is damaged.
        """
        return read_baseline_answers(self.baselines) if self.baselines.exists() else None

    def write_answers(self, candidate: str, rung: int, answers: Answers, repeat: int = 0) -> str:
        """Validation answers of one trial: probabilities as a plain ``.npy``, other kinds as ``.json``.

        Returns:
            The file, relative to the workspace.
        """
        seed = f"-seed-{repeat + 1}" if repeat else ""
        return self._write_answers(candidate, f"rung-{rung}{seed}", answers)

    def compressed_model(self, candidate: str) -> Path:
        """The compressed form of a candidate's model."""
        return self.of_candidate(candidate) / "compressed"

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder for the models of compression trials, removed at the end."""
        folder = self.folder / _SCRATCH
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep_compressed(self, candidate: str, model: Path, answers: Answers) -> str:
        """Keep the compressed form of a candidate.

        Args:
            candidate: Its name.
            model: Folder of the form, which is copied.
            answers: Answers of the form to the validation items.

        Returns:
            The file of the answers, relative to the workspace.

        Raises:
            InputError: the disk is full or the folder cannot be written to.
        """
        folder = self.compressed_model(candidate)
        part = folder.with_name(f"{folder.name}.part")
        remove(part)
        try:
            shutil.copytree(model, part)
        except (OSError, shutil.Error) as error:
            raise InputError(f"{folder}: the model cannot be written ({error}); free space, then --resume.") from error
        remove(folder)
        part.rename(folder)
        return self._write_answers(candidate, "compressed", answers)

    def add_compressed(self, record: CompressedCandidate) -> None:
        """Append a candidate that was compressed."""
        append_line(self.compressed, with_checksum(record, indent=None))

    def read_compressed(self) -> dict[str, CompressedCandidate]:
        """Candidate -> how it was compressed. Damaged lines as in ``read_trials``."""
        return {record.candidate: record for record in read_lines(self.compressed, CompressedCandidate)}

    def write_half(self, candidate: str, answers: Answers) -> None:
        """Validation answers of a candidate that was trained on half of the rows."""
        self._write_answers(candidate, _HALF, answers)

    def half_answers(self, candidate: str) -> str | None:
        """The file of ``write_half``, relative to the workspace; ``None``: there is none."""
        paths = (self.of_candidate(candidate) / f"{_HALF}{suffix}" for suffix in (".npy", ".json"))
        return next((str(path.relative_to(self.folder)) for path in paths if path.is_file()), None)

    def _write_answers(self, candidate: str, name: str, answers: Answers) -> str:
        return str(write_answers(self.of_candidate(candidate) / name, answers).relative_to(self.folder))

    def read_answers(self, relative: str, goal: Goal) -> Answers:
        """What ``write_answers`` wrote.

        Raises:
            IntegrityError: the file is missing or damaged.
        """
        return read_answers(self.inside(relative), goal)


_HALF = "half-rows"
_SCRATCH = "compressing.part"
