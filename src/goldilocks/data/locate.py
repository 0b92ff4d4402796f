"""Where a source of rows is on this machine: a path, or files that an installed package carries.

A package's files are found in its metadata and read as data; the package itself is never imported.
"""

from __future__ import annotations

import stat
from pathlib import Path

from goldilocks.errors import InputError, MissingError
from goldilocks.support.packages import in_package
from goldilocks.support.suggest import suggest
from goldilocks.support.text.cells import shortened


def locate(source: str, folder: Path) -> Path:
    """The file or folder that ``source`` names.

    Args:
        source: A path (relative to ``folder``) or ``pypi://package/path``, where the path starts at the folder that
            packages are installed in and names a file or a folder of the package.
        folder: Where relative paths start.

    Raises:
        InputError: the source is empty, or a ``pypi://`` source names no path.
        MissingError: there is no such file, the package is not installed or has no such file, or the source is
            somewhere on the network.
    """
    scheme, separator, _ = source.partition("://")
    if separator and scheme == "pypi":
        return in_package(source)
    if separator and scheme == "hf":
        raise MissingError(
            f"{source}: data from the hub is not supported offline yet; download it first, then name the file."
        )
    if separator:
        raise MissingError(f"{source}: {scheme}:// is not read; download it first, then name the file.")
    if not source.strip():
        raise InputError(
            "a source of rows is empty; name a .jsonl, .csv, .tsv or .parquet file or a folder of label folders."
        )
    try:
        path = folder / Path(source).expanduser()  # not resolved: a link is read under its own name
        exists = path.exists()
    except (OSError, ValueError, RuntimeError) as error:  # too long, no such user, no right to look
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{shortened(source)}: cannot be read ({reason}); name a file or folder.") from error
    if not exists:
        if path.is_symlink():
            raise MissingError(f"{source}: is a symbolic link that leads {_whither(path)}; fetch or restore that file.")
        raise MissingError(f"{source}: there is no such file in {path.parent.absolute()}.{_neighbour(path)}")
    refuse_irregular(path)
    return path


def _whither(path: Path) -> str:
    try:
        return f"to {path.readlink()}, which is not there" if path.resolve(strict=False) else ""
    except (OSError, RuntimeError):
        return "in a circle"


def _neighbour(path: Path) -> str:
    neighbours = sorted(neighbour.name for neighbour in path.parent.iterdir()) if path.parent.is_dir() else []
    return suggest(path.name, neighbours) or " Check the name, and the folder relative names start from."


_IRREGULAR = (
    (stat.S_ISFIFO, "a FIFO (named pipe)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


def refuse_irregular(path: Path) -> None:
    """Refuse FIFOs, sockets and devices: reading them might wait for ever, or never end.

    Raises:
        InputError: it is one.
    """
    mode = path.stat().st_mode
    for is_kind, description in _IRREGULAR:
        if is_kind(mode):
            raise InputError(f"{path.name}: is {description}, not a file; write the rows to a file and name that.")
