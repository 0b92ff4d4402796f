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
    files = sorted(file for file in path.glob("*/*.txt") if not file.parent.name.startswith((".", "__")))
    if not files:
        raise InputError(
            f"{source}: a folder without label/text.txt in it; make one folder per label, one .txt per text."
        )
    misread: dict[str, list[str]] = {}
    for number, file in enumerate(files, start=1):
        yield number, [_text(file, misread), file.parent.name]
    for encoding, names in misread.items():
        shown = ", ".join(names[:MISREAD_SHOWN])
        remarks.append(f"{len(names)} of {len(files)} files are not UTF-8 and were read as {encoding} ({shown})")


def _text(file: Path, misread: dict[str, list[str]]) -> str:
    raw = file.read_bytes()
    marked = marked_encoding(raw[:SNIFFED_BYTES])
    try:
        return raw.decode(marked or "utf-8")
    except UnicodeDecodeError:
        codec, name = detect(raw) or ("latin-1", "Latin-1")
        misread.setdefault(name, []).append(f"{file.parent.name}/{file.name}")
        return raw.decode(codec, errors="replace")
