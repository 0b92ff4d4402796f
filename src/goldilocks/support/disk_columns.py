"""Columns of rows in files without a name: appended once, then read by position; 8 bytes per row are in memory.

Values are read with ``pread``, not mapped into memory: what was read is the system's cache and not the process's.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Generic, TypeVar, overload
from weakref import finalize

from goldilocks.errors import InputError

_CHUNK = 4_096
"""Rows read at a time while iterating."""
_BUFFER = 1 << 20
_T = TypeVar("_T")
_Text = str | tuple[str, ...]


class BlobFile:
    """A file of byte strings, one after another."""

    def __init__(self, folder: Path) -> None:
        """Begin an empty file without a name in a folder; it is gone with this object, and with a killed process.

        Raises:
            InputError: it cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = TemporaryFile(dir=folder, buffering=_BUFFER)  # noqa: SIM115
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error}); choose another --out.") from error
        self.folder = folder
        finalize(self, self._file.close)
        self._ends = array("q", [0])
        self._flushed = True

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, blob: bytes) -> None:
        """Add a byte string.

        Raises:
            InputError: the disk is full.
        """
        try:
            self._file.write(blob)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written ({error}); free space and start again.") from error
        self._ends.append(self._ends[-1] + len(blob))
        self._flushed = False

    def read(self, start: int, stop: int) -> list[bytes]:
        """The byte strings from ``start`` to before ``stop``, in one read."""
        if not self._flushed:
            self._file.flush()
            self._flushed = True
        begin, end = self._ends[start], self._ends[stop]
        raw = os.pread(self._file.fileno(), end - begin, begin)
        return [raw[self._ends[at] - begin : self._ends[at + 1] - begin] for at in range(start, stop)]


class _Column(Sequence[_T], Generic[_T]):
    """A sequence of rows; slices are tuples."""

    @overload
    def __getitem__(self, position: int) -> _T: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, position: int | slice) -> _T | tuple[_T, ...]:
        if isinstance(position, slice):
            return tuple(self._values_at(range(*position.indices(len(self)))))
        place = position + len(self) if position < 0 else position
        if not 0 <= place < len(self):
            raise IndexError(position)
        return next(self._values_at(range(place, place + 1)))

    def _values_at(self, places: range) -> Iterator[_T]:
        raise NotImplementedError


class DiskColumn(_Column[_T]):
    """A sequence whose values are in a ``BlobFile``; subclasses say how a value is spelled."""

    def __init__(self, folder: Path) -> None:
        """Begin an empty column in a new file of a folder."""
        self._blobs = BlobFile(folder)

    @property
    def folder(self) -> Path:
        """Where the file is."""
        return self._blobs.folder

    def append(self, value: _T) -> None:
        """Add a value."""
        self._blobs.append(self.spelled(value))

    def spelled(self, value: _T) -> bytes:
        """A value as bytes."""
        raise NotImplementedError

    def value(self, blob: bytes, position: int) -> _T:
        """The value of ``spelled`` bytes, at a position of the column."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._blobs)

    def __iter__(self) -> Iterator[_T]:
        for start in range(0, len(self), _CHUNK):
            yield from self._values_at(range(start, min(start + _CHUNK, len(self))))

    def _values_at(self, places: range) -> Iterator[_T]:
        if places.step != 1:
            return (self[place] for place in places)
        blobs = self._blobs.read(places.start, places.stop) if places else []
        return (self.value(blob, place) for place, blob in zip(places, blobs, strict=True))


class TextColumn(DiskColumn[_Text]):
    """Items: texts, or tuples of them."""

    def spelled(self, value: _Text) -> bytes:
        """See ``DiskColumn.spelled``."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return (b"s" if isinstance(value, str) else b"j") + text.encode("utf-8", "surrogatepass")

    def value(self, blob: bytes, position: int) -> _Text:  # noqa: ARG002
        """See ``DiskColumn.value``."""
        text = blob[1:].decode("utf-8", "surrogatepass")
        return text if blob[:1] == b"s" else tuple(json.loads(text))


class CodedColumn(_Column[_T]):
    """Gold answers of which there are few different ones, as numbers in memory: 4 bytes per row."""

    def __init__(self) -> None:
        """No rows yet."""
        self._codes = array("i")
        self._known: dict[_T, int] = {}
        self._values: list[_T] = []

    def append(self, value: _T) -> None:
        """Add an answer."""
        code = self._known.setdefault(value, len(self._values))
        if code == len(self._values):
            self._values.append(value)
        self._codes.append(code)

    def __len__(self) -> int:
        return len(self._codes)

    def _values_at(self, places: range) -> Iterator[_T]:
        return (self._values[self._codes[place]] for place in places)
