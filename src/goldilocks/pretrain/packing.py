"""Sequence packing: documents are concatenated into full rows on disk; no padding, and no limit by memory.

A document that reaches the end of a row continues in the next. The last row is filled from the start of the corpus.
Flags that the ids do not show (document starts, word starts, special tokens) are one more byte per token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntFlag
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError, IntegrityError

Ids = npt.NDArray[np.int32]
Flags = npt.NDArray[np.uint8]
Unit = tuple[Ids, Flags]
"""Tokens that attend to each other (a document, a segment pair) with their flags, both ``(n_tokens,)``."""
Rows = npt.NDArray[Any]
"""Records with ``ids`` and ``flags``, each ``(length,)``."""


class TokenFlag(IntFlag):
    """Flags of a token."""

    WORD = 1
    """It starts a word."""
    UNIT = 2
    """It starts a unit; units do not attend to each other."""
    ADDED = 4
    """A special token, not text."""
    SECOND = 8
    """It is in the second segment of a pair."""
    PAIR = 16
    """First token of a pair for next-sentence prediction."""
    NEGATIVE = 32
    """First token of a pair whose second segment is from another document."""


def unit(ids: Ids, words: npt.NDArray[np.bool_], *, head: int | None, tail: int | None) -> Unit:
    """A document with the special tokens before and after it.

    Args:
        ids: Its tokens.
        words: Whether a token starts a word.
        head: Token before it; ``None``: none.
        tail: Token after it; ``None``: none.
    """
    before, after = ([] if token is None else [token] for token in (head, tail))
    marks = np.concatenate([[TokenFlag.ADDED] * len(before), words * TokenFlag.WORD, [TokenFlag.ADDED] * len(after)])
    marks = marks.astype(np.uint8)
    marks[0] |= TokenFlag.UNIT
    return np.concatenate([before, ids, after]).astype(np.int32), marks


class Packer:
    """Fills rows with units."""

    def __init__(self, length: int, again: int | None = None) -> None:
        """``again``: token that a unit split by the end of a row starts with again (BERT's [CLS])."""
        self.length, self.again = length, again
        self.filled = 0
        self._ids = np.zeros(length, dtype=np.int32)
        self._flags = np.zeros(length, dtype=np.uint8)

    def put(self, added: Unit) -> Iterator[Unit]:
        """Add a unit; yields the rows that become full."""
        ids, flags = added
        at = 0
        while at < len(ids):
            if self.filled == 0 and at and self.again is not None:
                self._ids[0], self._flags[0], self.filled = self.again, TokenFlag.ADDED, 1
            take = min(self.length - self.filled, len(ids) - at)
            end = self.filled + take
            self._ids[self.filled : end] = ids[at : at + take]
            self._flags[self.filled : end] = flags[at : at + take]
            at, self.filled = at + take, end
            if end == self.length:
                self._flags[0] |= TokenFlag.UNIT
                yield self._ids.copy(), self._flags.copy()
                self.filled = 0


def write_rows(
    path: Path, units: Callable[[], Iterable[Unit]], *, length: int, again: int | None, vocabulary: int
) -> int:
    """Pack the units into ``path`` and return the number of rows.

    Args:
        path: Written whole or not at all.
        units: The corpus from its start, each time it is called.
        length: Tokens of a row.
        again: See ``Packer``.
        vocabulary: Vocabulary size; below 65,536 a token takes 3 bytes of disk, else 5.

    Raises:
        InputError: there is no unit, the folder cannot be written to, or the disk is full.
    """
    kind = row_kind(length, vocabulary)
    packer, count = Packer(length, again), 0
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            for row in _full(packer, units):
                record = np.zeros((), dtype=kind)
                record["ids"], record["flags"] = row
                file.write(record.tobytes())
                count += 1
        part.replace(path)
    except InputError:
        raise
    except OSError as error:
        part.unlink(missing_ok=True) if part.parent.is_dir() else None
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); free space or choose another --out."
        ) from error
    return count


def _full(packer: Packer, units: Callable[[], Iterable[Unit]]) -> Iterator[Unit]:
    """All rows, the last one filled from the start of the corpus."""
    seen = 0
    for added in units():
        seen += len(added[0])
        yield from packer.put(added)
    if not seen:
        raise InputError("the corpus holds no text; name files with at least one document.")
    while packer.filled:
        for added in units():
            for row in packer.put(added):
                yield row
                return


def row_kind(length: int, vocabulary: int) -> np.dtype[Any]:
    """Record type of a row on disk."""
    return np.dtype([("ids", "<u2" if vocabulary <= 0xFFFF else "<u4", (length,)), ("flags", "u1", (length,))])


def read_rows(path: Path, *, count: int, length: int, vocabulary: int) -> Rows:
    """The rows of ``write_rows``, memory-mapped: records ``(count,)``.

    Raises:
        IntegrityError: the file is missing or cut short.
    """
    kind = row_kind(length, vocabulary)
    size = path.stat().st_size if path.exists() else 0
    if size != count * kind.itemsize:
        raise IntegrityError(
            f"{path}: {size} bytes where {count} rows take {count * kind.itemsize}; remove {path.parent}, start again."
        )
    return np.memmap(path, dtype=kind, mode="r", shape=(count,))


def units_in(flags: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Index of each token's unit in its row, from 1, ``(n_rows, length)``."""
    return np.cumsum((flags & TokenFlag.UNIT) != 0, axis=1)


def places_in(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Position of each token in its unit, from 0.

    Args:
        numbers: From ``units_in``.

    Example:
        >>> places_in(np.array([[1, 1, 1, 2, 2]])).tolist()
        [[0, 1, 2, 0, 1]]
    """
    count = np.arange(numbers.shape[1])
    begins = np.diff(numbers, axis=1, prepend=0) != 0
    return count - np.maximum.accumulate(np.where(begins, count, 0), axis=1)
