"""Checks of the files of a bundle before any is opened: listed, intact, inside the folder, no pickle.

A pickle runs code when it is read. Nothing here reads one; it is refused all the same, so that no bundle carries one to
a program that does.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from goldilocks.bundle.layout import INFO
from goldilocks.errors import IntegrityError
from goldilocks.support.files import sha256_of
from goldilocks.support.safetensors_file import check_finite

PICKLE_SUFFIXES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".ckpt", ".dill")


def check(folder: Path, files: Mapping[str, str]) -> None:
    """Compare the content of ``folder`` with ``files`` (path -> SHA-256).

    Raises:
        IntegrityError: a file is missing, changed, not listed, a link, a pickle, or its name leads out of the folder;
            or a weight is not a finite number.
    """
    for name in files:
        if not safe_name(name):
            raise IntegrityError(f"{folder / INFO}: lists {name!r}, which leads out of the bundle; do not use it.")
    present = names_in(folder)
    for name in sorted(present | files.keys()):
        if name not in present:
            raise IntegrityError(f"{folder}: {name!r} is missing; copy the bundle again, whole.")
        refuse_pickle(folder / name)
        if name not in files:
            raise IntegrityError(f"{folder}: holds {name!r}, which {INFO} does not list; remove it.")
        digest = sha256_of(folder / name)
        if digest != files[name]:
            raise IntegrityError(
                f"{folder}: {name!r} was changed (sha256 {digest[:12]}…, written as {files[name][:12]}…); "
                "copy the bundle again, or create it again."
            )
        if name.lower().endswith(".safetensors"):
            check_finite(folder / name)


def names_in(folder: Path) -> set[str]:
    """Paths of the files in a bundle, relative and with ``/``, without ``bundle.json``.

    Raises:
        IntegrityError: there is a link or something else that is not a plain file.
    """
    file_names = set()
    for where, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(where) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise IntegrityError(f"{folder}: {name!r} is a link or not a regular file; a bundle holds files only.")
            if path.is_file():
                file_names.add(path.relative_to(folder).as_posix())
    return file_names - {INFO}


def safe_name(name: str) -> bool:
    """Whether a path stays inside the folder it is joined to, on any system."""
    path = PurePosixPath(name)
    plain = name == str(path) and not set(name) & set("\\:\0")
    return plain and bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def refuse_pickle(path: Path) -> None:
    """Look at a file's name and its first bytes.

    Raises:
        IntegrityError: it is a pickle, an archive that holds one, or safetensors in name only.
    """
    with path.open("rb") as file:
        head = file.read(256)
    if path.suffix.lower() in PICKLE_SUFFIXES or _pickled(path, head):
        raise IntegrityError(
            f"{path}: is a pickle or may hold one, which could run code when read; a bundle holds safetensors and JSON."
        )


def _pickled(path: Path, head: bytes) -> bool:
    if path.suffix.lower() == ".safetensors" and head[8:9] == b"{":
        return False  # begins with the length of its header, which may look like anything
    if head[:1] == b"\x80" and 2 <= int.from_bytes(head[1:2]) <= 5:
        return True
    if head.startswith(b"\x93NUMPY"):
        return b"'|O'" in head  # an array of objects is a pickle inside
    if head.startswith(b"PK\x03\x04"):
        return _archive_with_pickle(path)
    return False


def _archive_with_pickle(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    start = member.read(256)
                if name.lower().endswith(PICKLE_SUFFIXES) or start[:1] == b"\x80" or b"'|O'" in start:
                    return True
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return True  # what cannot be looked into is not let through
    return False
