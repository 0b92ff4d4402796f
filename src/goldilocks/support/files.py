"""Files that survive a crash: written whole or not at all, and JSON made from records."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import stat
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


def check_apart(out: Path, *inputs: Path | str | None) -> None:
    """See that writing to ``out`` changes none of the inputs of a command.

    Args:
        out: File or folder to write to.
        inputs: Files and folders that are only read; addresses of another kind are passed over.

    Raises:
        InputError: ``out`` is an input, or lies in the folder of one.
    """
    target, linked = out.resolve(), False
    for given in inputs:
        if given is None:
            continue
        source = Path(given).resolve()
        with suppress(OSError):  # of a name that is too long
            linked = target.exists() and source.exists() and target.samefile(source)
        if target == source or linked:
            raise InputError(f"{out}: is read by this command and would be overwritten; choose another --out.")
        if target.is_relative_to(source):
            raise InputError(f"{out}: lies in {given}, which must not change; choose another --out.")


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
        IntegrityError: there is a FIFO, on which writing would wait for a reader.
    """
    try:
        if path.is_fifo():
            need_file(path)
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
        raise IntegrityError(
            f"{where}: damaged or from another version ({spot}: {first['msg']}); restore it, or create it again."
        ) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file of a run or bundle.

    Raises:
        MissingError: there is no such file.
        IntegrityError: it is a folder, a FIFO, a device or a link in a circle, or cannot be read.
    """
    try:
        need_file(path)
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(f"{path}: there is no such file; is {path.parent} a finished run or bundle?") from error
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be read ({error.strerror or error}); restore it.") from error


def need_file(path: Path) -> None:
    """Check that a path is that of a plain file, or a link to one: reading a FIFO or a device might never end.

    Raises:
        FileNotFoundError: there is nothing.
        IntegrityError: it is something else.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a FIFO" if stat.S_ISFIFO(mode) else "a socket or a device"
        raise IntegrityError(f"{path}: is {kind}, where a file is expected; remove it, and restore the file.")


def read_text(path: Path) -> str:
    """The text of a file of a run or bundle.

    Raises:
        MissingError: there is no such file.
        IntegrityError: it is not a plain file, or not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{path}: damaged (not UTF-8 at byte {error.start:,}); restore it.") from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run or bundle, without its checksum.

    Raises:
        MissingError: there is no such file.
        IntegrityError: it holds no JSON object, or another one than was written.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path}: damaged (no JSON); restore it, or start again with another --out.") from error
    if not isinstance(content, dict):
        raise IntegrityError(f"{path}: damaged (no JSON object); restore it, or start again with another --out.")
    return _checked(content, path)


def read_record(kind: type[Record], path: Path) -> Record:
    """Read a file that holds one record.

    Raises:
        MissingError: there is no such file.
        IntegrityError: it is damaged, or was changed since it was written with a checksum.
    """
    text = read_text(path)
    record = from_json(kind, text, where=path)
    verify_checksum(text, path)
    return record


# ----------------------------------------------------------------------------------------------------------- checksums


CHECKSUM = "checksum"
"""Key of the checksum in a JSON object: the first half of the SHA-256 of the object without it, keys sorted."""
_CHECKSUM_DIGITS = 32


def with_checksum(record: Any, *, indent: int | None = 2) -> str:
    """A record as a JSON object that carries its checksum: a digit that changes on the disk is noticed."""
    content = plain(record)
    return to_json({**content, CHECKSUM: _checksum(content)}, indent=indent)


def verify_checksum(text: str | bytes, where: Path | str) -> None:
    """Compare the JSON of an object with the checksum in it; without one there is nothing to compare.

    Raises:
        IntegrityError: the content is not the one that was written.
    """
    marked = CHECKSUM.encode() in text if isinstance(text, bytes) else CHECKSUM in text
    content = json.loads(text) if marked else None
    if isinstance(content, dict):
        _checked(content, where)


def _checked(content: dict[str, Any], where: Path | str) -> dict[str, Any]:
    stated = content.pop(CHECKSUM, None)
    if (stated is None and _is_last(content)) or (stated is not None and stated != _checksum(content)):
        raise IntegrityError(
            f"{where}: was changed since it was written (its checksum differs); restore it, or start again with "
            "another --out."
        )
    return content


def _is_last(content: Mapping[str, Any]) -> bool:
    """Whether the last value, where checksums are written, is that of the others: its name was damaged."""
    *others, last = content.items() if content else [("", None)]
    return isinstance(last[1], str) and len(last[1]) == _CHECKSUM_DIGITS and last[1] == _checksum(dict(others))


def _checksum(content: Mapping[str, Any]) -> str:
    # Through JSON once more: what is read back has lists for tuples and text for every key.
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_CHECKSUM_DIGITS]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex.

    Raises:
        OSError: there is no such file, or it cannot be read.
        IntegrityError: it is not a plain file.
    """
    need_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_folder(folder: Path) -> str:
    """SHA-256 over the names and contents of all files in a folder, in hex; empty where it holds other things."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            return ""
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256_of(path)}\n".encode())
    return digest.hexdigest()


def remove(path: Path) -> None:
    """Remove whatever is there: a folder with its content, a file, a link (not what it leads to), or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
