"""Files that survive a crash: written whole or not at all, and JSON made from records."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from goldilocks.errors import InputError, IntegrityError, MissingError

Record = TypeVar("Record")


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``path`` whole or not at all: to a neighbour first, flushed to the disk, then renamed.

    Raises:
        InputError: the folder cannot be written to, or the disk is full; the previous content is kept.
    """
    with _beside(path) as beside:
        _write(beside, content)
        beside.replace(path)


def try_writing(path: Path) -> None:
    """Find out whether ``write_bytes`` could write there, before work is done whose result it is for.

    Raises:
        InputError: it could not.
    """
    with _beside(path) as beside:
        _write(beside, b"")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A temporary sibling of a file, removed afterwards; its folder is created. Errors name the file itself."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file.")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); free space or choose another --out."
        ) from error
    finally:
        with suppress(OSError):  # where nothing can be written, nothing can be taken away either
            beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """``write_bytes`` in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def append_line(path: Path, line: str) -> None:
    """Append one line and flush it to the disk, so that a kill right after loses nothing.

    Raises:
        InputError: the disk is full or the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); free space, then --resume.") from error


def to_json(record: Any, *, indent: int | None = 2) -> str:
    """A record (or a mapping or list of records) as JSON; non-finite numbers are refused."""
    return json.dumps(plain(record), ensure_ascii=False, indent=indent, allow_nan=False)


def plain(value: Any) -> Any:
    """Records, enums, paths and tuples as what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(element) for key, element in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(element) for element in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a numpy number
        return value.item()
    return value


def from_json(kind: type[Record], text: str | bytes, *, where: Path) -> Record:
    """Read one record.

    Args:
        kind: The record's class.
        text: The JSON.
        where: File the text came from, for the message.

    Raises:
        IntegrityError: the text is not JSON, or not such a record.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        spot = ".".join(str(part) for part in first["loc"]) or "the file"
        raise IntegrityError(f"{where}: damaged or from another version ({spot}: {first['msg']}).") from error


def read_text(path: Path) -> str:
    """The text of a file of a run or bundle.

    Raises:
        MissingError: there is no such file.
        IntegrityError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingError(f"{path}: there is no such file; is {path.parent} a finished run or bundle?") from error
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{path}: damaged (not UTF-8 at byte {error.start:,}); restore it.") from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run or bundle.

    Raises:
        MissingError: there is no such file.
        IntegrityError: it holds no JSON object.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path}: damaged (no JSON); restore it, or start again with another --out.") from error
    if not isinstance(content, dict):
        raise IntegrityError(f"{path}: damaged (no JSON object); restore it, or start again with another --out.")
    return content


def read_record(kind: type[Record], path: Path) -> Record:
    """Read a file that holds one record.

    Raises:
        MissingError: there is no such file.
        IntegrityError: it is damaged.
    """
    return from_json(kind, read_text(path), where=path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
