"""A folder with one folder of .txt files per label: a row for each text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goldilocks.data.readers.encodings import detect, marked_encoding
from goldilocks.data.readers.text_file import SNIFFED_BYTES
from goldilocks.errors import InputError

MISREAD_SHOWN = 3


def label_folder_rows(path: Path, source: str, remarks: list[str]) -> Iterator[tuple[int, list[Any] | str]]:
    """One row per ``label/name.txt``, in the order of the names; UTF-8, else in the encoding detected file by file."""
    inside = [file for file in path.rglob("*") if not any(part[0] in "._" for part in file.relative_to(path).parts)]
    files = sorted(
        file
        for file in path.glob("*/*")
        if not file.parent.name.startswith((".", "__")) and file.suffix.lower() == ".txt" and not file.is_dir()
    )
    if not files:
        raise InputError(
            f"{source}: a folder without label/text.txt in it; make one folder per label, one .txt per text."
        )
    others = sorted({file for file in inside if not file.is_dir()}.difference(files))
    if others:
        shown = ", ".join(str(file.relative_to(path)) for file in others[:MISREAD_SHOWN])
        remarks.append(f"{len(others):,} files are passed over, since they are not LABEL/NAME.txt ({shown})")
    misread: dict[str, list[str]] = {}
    for number, file in enumerate(files, start=1):
        yield number, _row(file, misread)
    for encoding, names in misread.items():
        shown = ", ".join(names[:MISREAD_SHOWN])
        remarks.append(f"{len(names)} of {len(files)} files are not UTF-8 and were read as {encoding} ({shown})")


def _row(file: Path, misread: dict[str, list[str]]) -> list[Any] | str:
    try:
        text = _text(file, misread)
    except OSError as error:
        problem = "is a symbolic link that leads nowhere" if file.is_symlink() else "cannot be read"
        return f"a file that {problem} ({(error.strerror or str(error)).lower()})"
    return (
        "a file that is not UTF-8, and whose encoding cannot be detected" if text is None else [text, file.parent.name]
    )


def _text(file: Path, misread: dict[str, list[str]]) -> str | None:
    """The text of a file; ``None`` where its encoding cannot be detected."""
    raw = file.read_bytes()
    marked = marked_encoding(raw[:SNIFFED_BYTES])
    try:
        return raw.decode(marked or "utf-8")
    except UnicodeDecodeError:
        detected = detect(raw)
        if detected is None:
            return None
        codec, name = detected
        misread.setdefault(name, []).append(f"{file.parent.name}/{file.name}")
        return raw.decode(codec, errors="replace")
