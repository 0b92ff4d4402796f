"""A folder with one folder of .txt files per label: a row for each text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goldilocks.errors import InputError

MISREAD_SHOWN = 3


def label_folder_rows(path: Path, source: str, remarks: list[str]) -> Iterator[tuple[int, list[Any] | str]]:
    """One row per ``label/name.txt``, in the order of the names; UTF-8, else Latin-1 file by file."""
    files = sorted(one for one in path.glob("*/*.txt") if not one.parent.name.startswith((".", "__")))
    if not files:
        raise InputError(
            f"{source}: a folder without label/text.txt in it; make one folder per label, one .txt per text."
        )
    latin: list[str] = []
    for number, file in enumerate(files, start=1):
        raw = file.read_bytes()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
            latin.append(f"{file.parent.name}/{file.name}")
        yield number, [text, file.parent.name]
    if latin:
        shown = ", ".join(latin[:MISREAD_SHOWN])
        remarks.append(f"{len(latin)} of {len(files)} files are not UTF-8 and were read as Latin-1 ({shown})")
