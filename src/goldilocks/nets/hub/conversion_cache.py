"""The cache of models converted to the Hub's format: one folder per source file, named after its SHA-256.

A manifest with the converted files holds the SHA-256 of the source and of each of them, so that a folder that was cut
short or changed is noticed.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from goldilocks.errors import InputError, IntegrityError
from goldilocks.support.files import sha256_of

_MANIFEST = "made_from.json"


def cache_folder() -> Path:
    """The cache of converted models: ``GOLDILOCKS_CACHE``, else the user's cache folder."""
    own = os.environ.get("GOLDILOCKS_CACHE")
    return Path(own or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "goldilocks").expanduser()


def place_of(digest: str) -> Path:
    """The folder of a conversion, whether or not it is there."""
    return cache_folder() / digest[:16]


def cached(digest: str) -> Path | None:
    """The folder converted from the file with this SHA-256; ``None``: not cached, or not complete."""
    folder = place_of(digest)
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        complete = all((folder / name).stat().st_size == size for name, (size, _) in manifest["files"].items())
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return folder if complete and manifest.get("sha256") == digest else None


def convert(name: str, digest: str, write: Callable[[Path], None]) -> Path:
    """Convert now and keep the result.

    Args:
        name: The source file, for the manifest.
        digest: Its SHA-256.
        write: Writes the converted files into an empty folder.

    Raises:
        InputError: the cache cannot be written to.
    """
    folder = place_of(digest)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as place:
            beside = Path(place) / "made"
            beside.mkdir()
            write(beside)
            paths = [path for path in sorted(beside.rglob("*")) if path.is_file()]
            files = {str(path.relative_to(beside)): (path.stat().st_size, sha256_of(path)) for path in paths}
            manifest = {"name": name, "sha256": digest, "files": files}
            (beside / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
            if cached(digest):  # another process has been faster, and may be reading its own by now
                return folder
            shutil.rmtree(folder, ignore_errors=True)
            beside.rename(folder)
    except OSError as error:
        if cached(digest):
            return folder
        raise InputError(
            f"{folder}: cannot be written ({error.strerror or error}); free space, or set GOLDILOCKS_CACHE."
        ) from error
    return folder


def verify(folder: Path) -> None:
    """Compare converted files with the checksums of their manifest.

    Raises:
        IntegrityError: a file has changed since.
    """
    manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    for name, (_, checksum) in manifest["files"].items():
        if sha256_of(folder / name) != checksum:
            raise IntegrityError(f"{folder / name}: was changed since it was made; remove {folder} to make it again.")
