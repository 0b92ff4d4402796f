"""Text files as decoded lines: gzip-compressed or not, in UTF-8 or an encoding that is detected.

A file is looked through once before it is read. One in UTF-8 (with or without a byte order mark), UTF-16 or UTF-32 is
read as such; else the encoding is detected (``encodings.py``) and reported as a remark. Where most lines with
characters beyond ASCII are UTF-8 and some are not, those are named: converting the whole file would spoil the others.
Where lines end in a carriage return alone, as old Macs and some exports of Excel for Mac write them, they are read with
line feeds in their place.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import cast

from goldilocks.data.readers.encodings import (
    NAMES,
    SAMPLE_BYTES,
    UTF7_LEAST,
    detect,
    marked_encoding,
    seven_bit_encoding,
    utf7_words,
)
from goldilocks.errors import InputError

SNIFFED_BYTES = 4_096
NAMED_LINES = 5
MAX_LINE_BYTES = 100_000_000
"""Of a line of text: a longer one is no row, but an archive of one byte or a binary file."""
EAST_ASIAN = ("Shift_JIS", "EUC-JP", "EUC-KR", "GB 18030", "Big5")
_QUOTING = (".csv", ".tsv")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class TextFacts:
    """What a text file holds, without its content."""

    codec: str
    encoding: str
    """As people call it; empty for UTF-8."""
    lines: int
    """Lines that are not empty."""
    carriage_returns: bool = False
    """Whether lines end in a carriage return alone."""

    @property
    def newline(self) -> str | None:
        """As ``io.TextIOWrapper`` takes it: the line end as it is, or every kind of end as a line feed."""
        return None if self.carriage_returns else "\n"


def suffix_of(path: Path) -> str:
    """The suffix in lower case; of a .gz the one before."""
    return (path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix).lower()


def is_gzip(path: Path) -> bool:
    """Whether a file is gzip-compressed, by its first bytes, or by its name where they cannot be read twice."""
    if not path.is_file():
        return path.suffix.lower() == ".gz"
    try:
        with path.open("rb") as file:
            return file.read(len(_GZIP)) == _GZIP
    except PermissionError:
        return path.suffix.lower() == ".gz"  # what opens it says so
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror or error}).") from error


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """The bytes of a file, decompressed where it is gzip.

    Raises:
        InputError: while it is open it shows that it may not be read, or that its compression is damaged.
    """
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
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
    except IsADirectoryError:
        raise
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror or error}).") from error


def first_bytes(path: Path) -> bytes:
    """The first bytes of a file, of those inside where it is gzip."""
    with opened(path) as file:
        return file.read(SNIFFED_BYTES)


def lines_of(path: Path) -> Iterator[str]:
    """Decoded lines with their ends; a byte order mark is dropped.

    Raises:
        InputError: the encoding cannot be detected, or some lines are in another one than the rest; they are named.
    """
    facts = text_facts(path)
    with opened(path) as file:
        if facts.codec == "utf-8" and not facts.carriage_returns:
            for number, raw in enumerate(file, start=1):
                try:
                    line = raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise InputError(f"{path.name}: line {number} changed while it was read; read it again.") from error
                yield line.lstrip("\ufeff") if number == 1 else line
            return
        number = 0
        try:
            with io.TextIOWrapper(file, facts.codec, newline=facts.newline) as text:
                for number, line in enumerate(text, start=1):
                    yield line.lstrip("\ufeff") if number == 1 else line
        except UnicodeError as error:
            raise InputError(
                f"{path.name}: after line {number:,} there are bytes that are not {facts.encoding or 'UTF-8'}, as the "
                "rest of the file is; save it in UTF-8."
            ) from error


def text_facts(path: Path) -> TextFacts:
    """Encoding and number of lines of a text file.

    Raises:
        InputError: see ``lines_of``.
    """
    state = path.stat()
    return _facts((path.absolute(), state.st_size, state.st_mtime_ns))


def ends_in_carriage_returns(path: Path, codec: str = "utf-8") -> bool:
    """Whether the lines of a file end in a carriage return alone, as far as its beginning shows.

    Line ends within the quotes of a table do not count: Excel for Mac ends rows with a carriage return and the lines of
    a cell with a line feed.
    """
    with opened(path) as file:
        raw = file.read(SAMPLE_BYTES)
    text = raw.decode(codec, errors="replace")
    if len(raw) == SAMPLE_BYTES:
        text = text.removesuffix("\r")  # its line feed may be the next byte
    if "\r" not in text:
        return False
    if suffix_of(path) not in _QUOTING:
        return "\n" not in text
    ends = re.sub('"[^"]*"', "", text).replace("\r\n", "\n")
    return ends.count("\r") > ends.count("\n")


def starts_in_utf8(path: Path) -> bool:
    """Whether a file is in UTF-8 as far as its beginning shows; for those who hand on lines while they read.

    Where a beginning cannot be read (of a truncated .gz), reading it shows what is wrong.
    """
    try:
        with opened(path) as file:
            start = file.read(SAMPLE_BYTES)
    except InputError:
        return True
    if marked_encoding(start[:SNIFFED_BYTES]) not in ("", "utf-8-sig") or any(map(_switches, start.splitlines())):
        return False
    if start.isascii() and b"+" in start:
        words, wrong = utf7_words(start)
        return bool(wrong) or words < UTF7_LEAST
    valid, invalid = _sorted(start.splitlines())
    return valid >= len(invalid) or detect(b"\n".join(raw for _, raw in invalid)) is None


def _sorted(lines: Iterable[bytes]) -> tuple[int, list[tuple[int, bytes]]]:
    """How many lines beyond ASCII are UTF-8, and the numbers and bytes of those that are not."""
    valid, invalid = 0, list[tuple[int, bytes]]()
    for number, raw in enumerate(lines, start=1):
        if not raw.isascii():
            try:
                raw.decode("utf-8")
                valid += 1
            except UnicodeDecodeError:
                invalid.append((number, raw))
    return valid, invalid


def _limited(path: Path, file: io.BufferedReader) -> Iterator[bytes]:
    """Lines, each of a length that memory has room for."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise long_line(path.name, number)
        yield raw


def long_line(name: str, number: int) -> InputError:
    """The error about a line that is longer than any row."""
    return InputError(
        f"{name}: line {number:,} has more than {MAX_LINE_BYTES:,} bytes; rows are separated by line ends, so this is "
        "not a file of rows."
    )


@lru_cache(maxsize=64)
def _facts(version: tuple[Path, int, int]) -> TextFacts:
    """``text_facts``, kept for a file of this size and time: it is asked for several times."""
    path = version[0]
    marked = marked_encoding(first_bytes(path))
    if marked and marked != "utf-8-sig":
        return _with_lines(path, TextFacts(marked, marked.upper(), 0))
    lines, valid, invalid = 0, 0, list[tuple[int, bytes]]()
    n_invalid = sampled = 0
    switching = Counter[str]()
    utf7 = not_utf7 = 0
    number, raw = 0, b""
    with opened(path) as file:
        for number, raw in enumerate(_limited(path, file), start=1):
            lines += not raw.isspace()
            if raw.isascii():
                switching[_switches(raw)] += 1
                if b"+" in raw and not not_utf7:
                    words, not_utf7 = utf7_words(raw)
                    utf7 += words
                continue
            try:
                raw.decode("utf-8")
                valid += 1
            except UnicodeDecodeError:
                n_invalid += 1
                if sampled < SAMPLE_BYTES:
                    sampled += len(raw)
                    invalid.append((number, raw))
    if not n_invalid and not valid and (codec := next((name for name in switching if name), "")):
        return _with_lines(path, TextFacts(codec, NAMES[codec], 0))
    if utf7 >= UTF7_LEAST and not (not_utf7 or valid or n_invalid):
        return _with_lines(path, TextFacts("utf-7", "UTF-7", 0))
    if not n_invalid:
        return _with_lines(path, TextFacts("utf-8", "", lines))
    _refuse_damaged(path, invalid, n_invalid, number, raw)
    detected = detect(b"".join(raw for _, raw in invalid))
    # By chance a few lines of an East Asian encoding are UTF-8 too; of one with single bytes hardly any is.
    if valid >= n_invalid or (valid and (detected is None or detected[1] not in EAST_ASIAN)):
        _refuse_mixed(path, [number for number, _ in invalid], n_invalid)
    if detected is None:
        number, raw = invalid[0]
        place = _first_invalid(raw)
        raise InputError(
            f"{path.name}: line {number}: byte 0x{raw[place]:02x} is not UTF-8, and the encoding cannot be detected; "
            "save the file in UTF-8 with the program that wrote it."
        )
    return _with_lines(path, TextFacts(*detected, lines))


def _switches(raw: bytes) -> str:
    return seven_bit_encoding(raw) if b"\x1b" in raw or b"~{" in raw else ""


def _refuse_damaged(path: Path, invalid: list[tuple[int, bytes]], n_invalid: int, last: int, end: bytes) -> None:
    """Refuse what is UTF-8 but for its last character, which was cut, or for surrogates."""
    if n_invalid == 1 and invalid[0][0] == last and _is_cut(end):
        raise InputError(
            f"{path.name}: line {last} ends in the middle of a UTF-8 character; the file is truncated, copy it again."
        )
    if all(_CESU.search(raw) for _, raw in invalid):
        raise InputError(
            f"{path.name}: line {invalid[0][0]}: emoji and rare characters are in six bytes (CESU-8, as Java and "
            "Oracle do); export the file in UTF-8 (in Oracle AL32UTF8)."
        )


_CESU = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")


def _is_cut(raw: bytes) -> bool:
    """Whether a line is UTF-8 that lacks the last bytes of its last character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _with_lines(path: Path, facts: TextFacts) -> TextFacts:
    """The facts with how lines end, and with their number where it cannot be counted in the bytes."""
    facts = replace(facts, carriage_returns=ends_in_carriage_returns(path, facts.codec))
    if facts.lines and not facts.carriage_returns:
        return facts
    try:
        with opened(path) as file, io.TextIOWrapper(file, facts.codec, newline=facts.newline) as text:
            return replace(facts, lines=sum(not line.isspace() for line in text))
    except UnicodeError as error:
        raise InputError(
            f"{path.name}: looks like {facts.codec.upper()}, but is not valid ({error}); save the file in UTF-8."
        ) from error


def _refuse_mixed(path: Path, numbers: list[int], n_invalid: int) -> None:
    shown = f"line{'s' if n_invalid > 1 else ''} {', '.join(map(str, numbers[:NAMED_LINES]))}"
    shown += f" and {n_invalid - NAMED_LINES:,} more" if n_invalid > NAMED_LINES else ""
    raise InputError(
        f"{path.name}: {shown}: not UTF-8, as the other lines are; correct or "
        "remove these lines. (Converting the whole file would spoil the others.)"
    )


def _first_invalid(raw: bytes) -> int:
    try:
        codecs.decode(raw, "utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0
