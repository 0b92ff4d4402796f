"""Where a source of rows lies on this machine: a path, or files that an installed package carries.

A package's files are found in its metadata and read as data; the package itself is never imported.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.errors import InputError, MissingError
from goldilocks.support.packages import in_package
from goldilocks.support.suggest import suggest


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
    path = folder / Path(source).expanduser()
    if not path.exists():
        raise MissingError(f"{source}: there is no such file in {path.parent}.{_neighbour(path)}")
    return path


def _neighbour(path: Path) -> str:
    there = sorted(one.name for one in path.parent.iterdir()) if path.parent.is_dir() else []
    return suggest(path.name, there) or " Check the name, and the folder relative names start from."
