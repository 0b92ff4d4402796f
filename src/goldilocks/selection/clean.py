"""Free disk space of a finished run: checkpoints and the models of candidates.

Kept is what the report, ``verify`` and the bundle need: the records, the validation answers, the bundle. A cleaned run
cannot be resumed.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.bundle import guard
from goldilocks.bundle.read import read_info
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.selection.digests import verify_run
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import remove, write_text

_FREED = ("checkpoint", "model", "model.part", "compressed", "compressed.part")


def clean(folder: Path, *, dry_run: bool = False) -> int:
    """Remove the checkpoints and models of a finished run; the bytes that this frees are returned.

    Args:
        folder: The run's folder.
        dry_run: Only count.

    Raises:
        MissingError: the folder holds no run.
        InputError: the run is not finished, or another process works in it.
        IntegrityError: what is to be kept is damaged, so that its models may still be needed.
    """
    workspace = Workspace(folder)
    if not workspace.task.exists():
        raise MissingError(f"{folder}: holds no run ({workspace.task.name} is not there); pass the folder of a run.")
    if not (workspace.decision.exists() and workspace.evaluation.exists() and workspace.bundle.is_dir()):
        raise InputError(
            f"{folder}: the run is not finished, so --resume needs its checkpoints; finish it, or remove the folder."
        )
    if not dry_run:
        _need_whole(workspace)
    with workspace.claimed():
        doomed = [path for path in (folder / "runs").glob("*/*") if path.name in _FREED and not path.is_symlink()]
        freed = sum(size_of(path) for path in doomed)
        if not dry_run and doomed:
            write_text(workspace.cleaned, "{}\n")
            for path in doomed:
                remove(path)
    return freed


def _need_whole(workspace: Workspace) -> None:
    try:
        verify_run(workspace.folder)
        guard.check(workspace.bundle, read_info(workspace.bundle).files)
    except (IntegrityError, MissingError) as error:
        raise IntegrityError(f"{str(error).rstrip('.')}; nothing was removed.") from error


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
