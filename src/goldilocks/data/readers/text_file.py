"""Text files as decoded lines, gzip-compressed or not."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from goldilocks.errors import InputError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def suffix_of(path: Path) -> str:
    """The suffix in lower case; of a .gz the one before."""
    return (path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix).lower()


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """The bytes of a file, those inside of a .gz.

    Raises:
        InputError: while it is open it shows that it may not be read, or that its compression is damaged.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield cast(io.BufferedReader, file)
    except EOFError as error:
        raise InputError(
            f"{path.name}: the compression is damaged, it ends in the middle; is it truncated? Copy the file again."
        ) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path.name}: the compression is damaged ({error}); copy or compress the file again."
        ) from error
    except PermissionError as error:
        raise InputError(f"{path.name}: may not be read; give this user the right to (chmod u+r).") from error


def lines_of(path: Path) -> Iterator[str]:
    """Decoded lines with their ends; a byte order mark is dropped."""
    offset = 0
    with opened(path) as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and (encoding := utf16_of(raw)):
                raise InputError(f"{path.name}: looks like UTF-16, not UTF-8; convert it: {_iconv(path, encoding)}")
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path.name}: line {number}: byte 0x{raw[error.start]:02x} at offset {offset + error.start} is "
                    f"not UTF-8; "
                    f"convert the file, for example: {_iconv(path, 'latin1')}"
                ) from error
            offset += len(raw)
            yield line.removeprefix("\ufeff") if number == 1 else line


def utf16_of(line: bytes) -> str:
    """The UTF-16 that a file is in, by its first line; empty: none."""
    if line.startswith(_UTF16):
        return "utf-16"
    # Without a mark it shows by the zero in every other byte of Latin letters.
    if 3 * line.count(0) < max(len(line), 3):
        return ""
    return "utf-16be" if line.startswith(b"\0") else "utf-16le"


def _iconv(path: Path, encoding: str) -> str:
    if path.suffix.lower() == ".gz":
        return f"gunzip -c {path.name} | iconv -f {encoding} -t utf-8 | gzip > new-{path.name}"
    return f"iconv -f {encoding} -t utf-8 {path.name} > new-{path.name}"
