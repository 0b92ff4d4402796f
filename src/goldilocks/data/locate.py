"""Where a source of rows lies on this machine: a path, or files that an installed package carries.

A package's files are found in its metadata and read as data; the package itself is never imported.
"""

from __future__ import annotations

import difflib
import importlib.metadata
from pathlib import Path, PurePosixPath

from goldilocks.errors import InputError, MissingError


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
    scheme, separator, rest = source.partition("://")
    if separator and scheme == "pypi":
        return _in_package(source, rest)
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
    near = difflib.get_close_matches(path.name, there, n=1)
    return f" Did you mean {near[0]!r}?" if near else " Check the name, and the folder relative names start from."


def _in_package(source: str, rest: str) -> Path:
    package, _, inside = rest.partition("/")
    wanted = PurePosixPath(inside.strip("/"))
    if not package or not wanted.parts or ".." in wanted.parts:
        raise InputError(f"{source}: no file or folder of a package; write pypi://package/path/inside/it.")
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingError(f"{source}: the package {package} is not installed: pip install {package}") from error
    files = [PurePosixPath(str(one)) for one in distribution.files or ()]
    if any(one == wanted or wanted in one.parents for one in files):
        return Path(str(distribution.locate_file(wanted)))
    folders = sorted({str(one.parent) for one in files if one.suffix not in {".py", ".pyc"}})
    near = difflib.get_close_matches(str(wanted), [*folders, *map(str, files)], n=1, cutoff=0.3)
    hint = f" Did you mean pypi://{package}/{near[0]}?" if near else ""
    raise MissingError(f"{source}: {package} {distribution.version} has no such file or folder.{hint}")
