"""Models of the candidates: features for screening, training runs, checkpoints and finished models."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of, needs_download
from goldilocks.catalog.options import Chosen, options_of
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.protocols import Floats, Model, TracksSpending
from goldilocks.records import (
    Candidate,
    CompressionTrial,
    Dataset,
    Footprint,
    Forecast,
    ModelInfo,
    Part,
    Pool,
    ShortSchedule,
    Text,
    Trial,
    Workload,
)
from goldilocks.selection.augmentation import is_prompted
from goldilocks.selection.footprint_process import footprint_of, stored_model
from goldilocks.selection.teachers import probabilities_of, teacher_of
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import read_object, read_record, remove, with_checksum, write_text
from goldilocks.support.machine.clock import OutOfTimeError

if TYPE_CHECKING:
    from goldilocks.tuning.run import Run


_FIRST_TEXTS, _NEXT_TEXTS = 64, 512
"""Texts of a screening that are encoded at a time; few at first, to learn how fast a model is."""
_MIN_TEXTS = 200
"""Texts without which a probe says too little to be worth its time."""


@dataclass(slots=True)
class RunStore:
    """Makes, keeps and brings back the runs of one race."""

    dataset: Dataset
    """Only train is used."""
    work: Workload
    workspace: Workspace
    offline: bool
    seed: int
    options: Chosen = field(default_factory=dict)
    """Method -> its own choices."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Fields of ``records.TrainingConfig`` that the task file sets."""
    short_schedules: Mapping[str, ShortSchedule] = field(default_factory=dict)
    """Candidate name -> its schedule, where the full one does not fit into the budget."""
    augmented: Part | None = None
    """Training rows with varied copies, for all candidates but prompted ones; ``None``: those of ``dataset``."""
    unlabelled: Sequence[tuple[Text, Text]] = ()
    """Unlabelled items with a varied copy each, for ``training.unlabelled_loss``."""
    paces: dict[str, float] = field(default_factory=dict)
    """Model -> seconds in which it encoded a text in ``features``."""
    _folders: dict[str, Path] = field(default_factory=dict)
    _footprints: dict[str, Footprint] = field(default_factory=dict)

    def features(self, info: ModelInfo, texts: Sequence[Text], seconds: float = math.inf) -> Floats:
        """``Network.overview`` of every layer of a pretrained model, ``(n_texts, depth + 1, width)``.

        Args:
            info: The model.
            texts: In order of importance.
            seconds: It may take so long, loading included; of more texts only the first ones are encoded.

        Raises:
            OutOfTimeError: the time is too short for a probe.
        """
        if needs_download(info):  # weights are fetched when a rung is bought, not for a look
            raise OutOfTimeError(f"{info.name}: its files are not on this machine yet")
        started = time.monotonic()
        network = plugins.load("families", info.family).create(
            info, self._folder(info), self.dataset.train, self.dataset.goal, seed=self.seed
        )
        assert not hasattr(network, "fit"), f"{info.name} is a one-shot estimator: it has no features"
        loaded = time.monotonic()
        parts = [np.asarray(network.features(texts[:_FIRST_TEXTS]))]
        now = time.monotonic()
        pace = (now - loaded) / max(len(parts[0]), 1)
        self.paces[f"{info.family}/{info.name}"] = pace
        ahead = (seconds - (now - started)) / max(pace, 1e-9)
        fitting = len(texts) if ahead >= len(texts) else int(max(ahead, 0.0)) + _FIRST_TEXTS
        if fitting < min(_MIN_TEXTS, len(texts)):
            raise OutOfTimeError(f"{info.name}: {len(texts):,} texts would take {pace * len(texts):.0f} s")
        for place in range(_FIRST_TEXTS, min(fitting, len(texts)), _NEXT_TEXTS):
            parts.append(np.asarray(network.features(texts[place : min(place + _NEXT_TEXTS, fitting)])))
        return np.concatenate(parts)

    def reschedule(self, name: str, schedule: ShortSchedule | None, forecast: Forecast) -> None:
        """Give a candidate that has not begun another schedule (``None``: its full one); the pool's record has it too.

        Args:
            name: The candidate.
            schedule: Its schedule.
            forecast: Of a run with it.
        """
        pool = read_record(Pool, self.workspace.pool)
        forecasts = {**pool.forecasts, name: forecast}
        schedules = {**pool.short_schedules, name: schedule}
        kept = {name: short for name, short in schedules.items() if short is not None}
        write_text(self.workspace.pool, with_checksum(replace(pool, forecasts=forecasts, short_schedules=kept)))
        self.short_schedules = kept

    def start(self, candidate: Candidate) -> Run:
        """The candidate's run, from its checkpoint where there is one."""
        run = self._run(candidate, self.seed)
        checkpoint = self.workspace.of_candidate(candidate.name) / "checkpoint"
        if not checkpoint.is_dir():
            return run
        try:
            run.resume_from(checkpoint)
        except (IntegrityError, MissingError):  # damaged: what it held is trained again
            remove(checkpoint)
            return self._run(candidate, self.seed)
        return run

    def repeat(self, candidate: Candidate, number: int) -> Run:
        """The candidate's run from scratch with another seed: the task's plus ``number``."""
        return self._run(candidate, self.seed + number)

    def start_on_half(self, candidate: Candidate) -> Run:
        """The candidate's run on half of the training rows, in which every label occurs about as often."""
        return self._run(candidate, self.seed, _first_share(self.dataset.train, 0.5, self.seed))

    def _with_copies(self, candidate: Candidate, train: Part) -> Part:
        """Training rows with their copies."""
        if self.augmented is None or is_prompted(candidate):
            return train
        original_rows = set(train.rows)  # a copy has the number of the row it was made from
        return self.augmented.take([at for at, row in enumerate(self.augmented.rows) if row in original_rows])

    def _run(self, candidate: Candidate, seed: int, rows: Part | None = None) -> Run:
        from goldilocks.tuning.run import Run, RunSetup

        short = self.short_schedules.get(candidate.name)
        rows = self.dataset.train if rows is None else rows
        if short is not None and short.rows < 1:
            rows = _first_share(rows, short.rows, self.seed)
        train = self._with_copies(candidate, rows)
        return Run(
            candidate,
            train,
            self.dataset.goal,
            RunSetup(
                model_folder=self._folder(candidate.model),
                work=replace(self.work, rows=len(train)),
                seed=seed,
                options=options_of(candidate.method, self.options),
                training=self.training if short is None else {**self.training, "epochs": short.epochs},
                unlabelled=self.unlabelled,
                teacher=lambda texts: self._teacher_says(candidate, texts, len(train), seed),
                spending_log=self.workspace.spending_log(candidate.name),
            ),
        )

    def _teacher_says(self, student: Candidate, texts: Sequence[Text], rows: int, seed: int) -> Floats:
        """Probabilities of the candidate that a student learns from: chosen as it begins, the same as it resumes."""
        folder = self.workspace.of_candidate(student.name)
        chosen = folder / "teacher.json"
        pool = read_record(Pool, self.workspace.pool).candidates
        if chosen.exists():
            named = str(read_object(chosen).get("teacher"))
            teacher = next((candidate for candidate in pool if candidate.name == named), None)
        else:
            teacher = teacher_of(student, pool, self.workspace.read_trials(), self.workspace.read_failures())
        if teacher is None:
            raise InputError(
                f"{student.name}: learns from a finished candidate, and there is none on this machine; "
                "let another method finish first."
            )
        known = teacher
        answers = probabilities_of(lambda: self.restore(known), texts, folder / f"teacher-{rows}-{seed}.npy")
        write_text(chosen, with_checksum({"teacher": teacher.name}))
        return answers

    def keep(self, candidate: Candidate, run: Run) -> None:
        """Write the checkpoint; of a finished run the model instead, ready to be measured and bundled.

        Raises:
            InputError: the disk is full or the folder cannot be written to; what was there still counts.
        """
        from safetensors import SafetensorError

        folder = self.workspace.of_candidate(candidate.name)
        if run.share < 1:
            run.save(folder / "checkpoint")
            return
        beside = folder / "model.part"
        remove(beside)
        try:
            beside.mkdir(parents=True)
            run.model.save(beside)
        except (OSError, SafetensorError) as error:
            raise InputError(f"{folder}: the model cannot be written ({error}); free space, then --resume.") from error
        remove(folder / "model")
        beside.rename(folder / "model")

    def drop_checkpoints(self, trials: Iterable[Trial]) -> None:
        """Remove the checkpoints of finished runs: their models are what counts now."""
        for name in {trial.candidate for trial in trials if trial.share >= 1}:
            remove(self.workspace.of_candidate(name) / "checkpoint")

    def model_folder(self, name: str) -> Path:
        """Where the finished model of a candidate is."""
        return self.workspace.of_candidate(name) / "model"

    def footprint(self, candidate: Candidate, texts: Sequence[Text]) -> Footprint:
        """What a finished candidate needs to answer; measured once, of an endpoint once over all sessions."""
        facts = candidate.model
        # Most methods are folded into the model, so that one model answers with the same network whatever the method;
        # but a prompted model gets a different prompt from each, and some additions stay.
        own = "prompt" in facts.groups or _has_additions(self.model_folder(candidate.name))
        key = candidate.name if own else f"{facts.family}/{facts.name}"
        if key not in self._footprints:
            footprint_file = self.workspace.of_candidate(candidate.name) / "footprint.json"
            if facts.remote and footprint_file.exists():
                self._footprints[key] = read_record(Footprint, footprint_file)
                return self._footprints[key]
            log = self.workspace.spending_log(candidate.name)
            footprint = footprint_of(facts.family, self.model_folder(candidate.name), texts, log)
            if facts.remote:
                write_text(footprint_file, with_checksum(footprint))
            self._footprints[key] = footprint
        return self._footprints[key]

    def restore(self, candidate: Candidate, form: CompressionTrial | None = None) -> Model:
        """The finished model of a candidate, ready to answer the test part; with ``form`` its compressed form."""
        if form is not None:
            return stored_model(form.engine, form.family, self.workspace.compressed_model(candidate.name))
        model = stored_model("native", candidate.model.family, self.model_folder(candidate.name))
        if isinstance(model, TracksSpending):
            model.spending_log = self.workspace.spending_log(f"{candidate.name} (test)")  # no cost of the search
        return model

    def _folder(self, info: ModelInfo) -> Path | None:
        if not info.pretrained:
            return None
        key = f"{info.family}/{info.name}"
        if key not in self._folders:
            self._folders[key] = folder_of(info, offline=self.offline)
        return self._folders[key]


def _first_share(rows: Part, share: float, seed: int) -> Part:
    """A share of the rows in which every label occurs about as often; the same for every candidate of the race."""
    from goldilocks.tuning.schedule import nested_order

    return rows.take(nested_order(rows.gold, seed)[: max(1, int(share * len(rows)))])


def _has_additions(folder: Path) -> bool:
    """Whether a model folder is of a network to which its method added something that stays."""
    path = folder / "network.json"
    return path.exists() and bool(read_object(path).get("additions"))
