"""Purchases of a run whose files are gone or were changed: they are taken back, so that they are bought again.

A line of ``trials.jsonl`` holds the SHA-256 of its answers and, of a finished run, of its model. In runs of older
versions there are none; then it is enough that the files are there.
"""

from __future__ import annotations

from dataclasses import replace

from goldilocks.records import CompressedCandidate, Trial
from goldilocks.selection.record_lines import write_lines
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import remove, sha256_of, sha256_of_folder


def forget_lost(workspace: Workspace) -> tuple[str, ...]:
    """Take back purchases whose model or answers are gone or not those that were written.

    A decision that was made from them is removed too; it will be made again. The workspace must be claimed.

    Returns:
        The candidates.
    """
    trials, failures = workspace.read_trials(), workspace.read_failures()
    lost = [trial for trial in trials if not _has_files(workspace, trial, model=trial.candidate not in failures)]
    if not lost:
        return ()
    first: dict[str, Trial] = {}  # of each candidate: what follows it was trained on from there
    for trial in lost:
        if not trial.repeat:
            first.setdefault(trial.candidate, trial)
    remove(workspace.decision)
    for trial in lost:
        if not workspace.inside(trial.predictions).is_file():
            remove(workspace.inside(trial.predictions))  # a folder or a FIFO in its place
    for name, trial in first.items():
        if trial.share < 1:  # a checkpoint of a later rung would be scored in its place
            for kept in ("checkpoint", "model"):
                remove(workspace.of_candidate(name) / kept)
    remaining = [
        trial
        for trial in trials
        if trial not in lost
        and (trial.repeat or trial.candidate not in first or trial.rung < first[trial.candidate].rung)
    ]
    write_lines(workspace.trials, remaining)
    return tuple(dict.fromkeys(trial.candidate for trial in lost))


def _has_files(workspace: Workspace, trial: Trial, *, model: bool) -> bool:
    """Whether the answers of a purchase, and the model where it is a finished one, are as they were written."""
    answers = workspace.inside(trial.predictions)
    if not answers.is_file() or trial.predictions_sha256 not in ("", sha256_of(answers)):
        return False
    return not model or trial.share < 1 or bool(trial.repeat) or has_model(workspace, trial)


def has_model(workspace: Workspace, trial: Trial) -> bool:
    """Whether the model of a finished purchase is as it was written."""
    folder = workspace.of_candidate(trial.candidate) / "model"
    return folder.is_dir() and any(folder.iterdir()) and trial.model_sha256 in ("", sha256_of_folder(folder))


def has_compressed(workspace: Workspace, record: CompressedCandidate) -> bool:
    """Whether the form that a record speaks of is as it was written; also where none was taken."""
    model = workspace.compressed_model(record.candidate)
    present = model.is_dir() and workspace.inside(record.predictions).is_file()
    whole = present and (not record.model_sha256 or with_digests(workspace, record) == record)
    return whole or not record.predictions


def with_digests(workspace: Workspace, record: CompressedCandidate) -> CompressedCandidate:
    """The record with the digests of the form that ``Workspace.keep_compressed`` wrote."""
    answers, model = workspace.inside(record.predictions), workspace.compressed_model(record.candidate)
    return replace(record, predictions_sha256=sha256_of(answers), model_sha256=sha256_of_folder(model))
