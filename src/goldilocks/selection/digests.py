"""SHA-256 digests of the inputs of a decision, stored in ``decision.json``, and their verification.

They show accidents and later edits of single files. They do not show that a whole run was made up: who can write the
decision can write its digests.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from goldilocks.errors import IntegrityError, MissingError
from goldilocks.evaluation.stored import read_stored
from goldilocks.records import Decision
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import read_bytes, read_record, sha256_of

_TASK_LINES = (b"folder:", b"budget_seconds:")
"""Lines of the task file that do not matter: where the task was, and a budget that a later session may raise."""


def digests(workspace: Workspace, n_trials: int) -> dict[str, str]:
    """File, relative to the run's folder -> SHA-256; of ``trials.jsonl`` the first ``n_trials`` lines."""
    digests = {workspace.task.name: _digest_of_task(workspace), workspace.trials.name: _of_lines(workspace, n_trials)}
    inputs = (workspace.baselines, workspace.data, workspace.pool, workspace.screening, workspace.failures)
    for path in (*inputs, workspace.experience, workspace.gold):
        if path.exists():
            digests[path.name] = sha256_of(path)
    for trial in workspace.read_trials()[:n_trials]:
        digests[trial.predictions] = sha256_of(workspace.inside(trial.predictions))
    for name in sorted({trial.candidate for trial in workspace.read_trials()[:n_trials]}):
        if (half := workspace.half_answers(name)) is not None:
            digests[half] = sha256_of(workspace.inside(half))
    compressed = workspace.read_compressed()
    if compressed:
        digests[workspace.compressed.name] = sha256_of(workspace.compressed)
    for record in compressed.values():
        if record.predictions:
            digests[record.predictions] = sha256_of(workspace.inside(record.predictions))
    return digests


def check_inputs(workspace: Workspace, decision: Decision) -> int:
    """Compare what a decision was made from with what is there now; the number of files compared is returned.

    Decisions of older versions carry no digests: nothing is compared.

    Raises:
        IntegrityError: a file was changed or is missing, or the evaluation is not that of the decision.
    """
    workspace.read_trials()  # trials that are missing or damaged are named by their line
    for name, wanted in decision.inputs.items():
        try:
            if name == workspace.task.name:
                there = _digest_of_task(workspace)
            elif name == workspace.trials.name:
                there = _of_lines(workspace, decision.search.trials)
            else:
                there = sha256_of(workspace.inside(name))
        except (OSError, MissingError) as error:
            raise IntegrityError(
                f"{workspace.folder / name}: {workspace.decision.name} was made from it and it is missing; restore it, "
                f"or remove {workspace.decision.name}, then --resume decides again."
            ) from error
        if there != wanted:
            raise IntegrityError(
                f"{workspace.folder / name}: was changed since {workspace.decision.name} was made from it (sha256 "
                f"{there[:12]}…, then {wanted[:12]}…); restore it, or remove {workspace.decision.name}, then --resume "
                "decides again."
            )
    return len(decision.inputs)


def verify_run(folder: Path) -> str:
    """What of a finished run is whole.

    Raises:
        MissingError: the run is not finished.
        IntegrityError: something was changed or is missing.
    """
    workspace = Workspace(folder)
    decision = read_record(Decision, workspace.decision)
    n_files = check_inputs(workspace, decision)
    evaluation = read_stored(workspace.evaluation)
    if decision.test_score != evaluation.score or decision.data_fingerprint != evaluation.data_fingerprint:
        raise IntegrityError(
            f"{workspace.evaluation}: its test score is not the one in {workspace.decision.name}; restore both, or "
            "start again with another --out."
        )
    if not workspace.bundle.is_dir():
        raise MissingError(f"{workspace.bundle}: there is no such folder; --resume writes it.")
    if not n_files:
        return "its decision was written by an older version, which kept no digests of what it was made from"
    return f"{n_files} files that the decision was made from are unchanged"


def _digest_of_task(workspace: Workspace) -> str:
    lines = read_bytes(workspace.task).splitlines(keepends=True)
    return hashlib.sha256(b"".join(line for line in lines if not line.startswith(_TASK_LINES))).hexdigest()


def _of_lines(workspace: Workspace, n_lines: int) -> str:
    lines = read_bytes(workspace.trials).splitlines(keepends=True)
    return hashlib.sha256(b"".join(lines[:n_lines])).hexdigest()
