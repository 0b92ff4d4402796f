"""A finished run in the format of recorded races."""

from __future__ import annotations

from pathlib import Path

from goldilocks.errors import MissingError
from goldilocks.records import Decision
from goldilocks.selection.digests import check_inputs
from goldilocks.selection.experience_store import rows_of_run
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import read_object, read_record


def rows_of_folder(folder: Path, name: str | None = None) -> list[dict[str, str]]:
    """The rungs of a run's finished candidates.

    Args:
        folder: A run folder.
        name: What to call its data; by default the task's name and the first digits of the data's fingerprint.

    Raises:
        MissingError: the folder has no finished run, or fewer than two candidates were finished.
        IntegrityError: a record of the run is damaged or was changed.
    """
    workspace = Workspace(folder)
    if not workspace.decision.exists():
        raise MissingError(f"{folder}: no finished run here; name a folder that `goldilocks select` wrote.")
    decision = read_record(Decision, workspace.decision)
    check_inputs(workspace, decision)
    labels = read_object(workspace.data).get("labels")
    n_labels = len(labels) if isinstance(labels, list) else 0
    dataset = name or f"{workspace.read_task().name or decision.task}-{decision.data_fingerprint[:8]}"
    rows = rows_of_run(dataset, workspace.read_trials(), seed=decision.seed, n_labels=n_labels)
    if len({row["candidate"] for row in rows}) < 2:
        raise MissingError(f"{folder}: fewer than two candidates were finished; there is nothing to learn from.")
    return rows
