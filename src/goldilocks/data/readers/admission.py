"""Files that are refused before they are read: anything but regular files, sparse files, and more bytes than allowed.

What counts are the bytes of the content: a gzip is decompressed once, a piece at a time, and abandoned at the limit; of
a workbook and a Parquet file the sizes that they declare are added up.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from goldilocks.data.locate import refuse_irregular
from goldilocks.data.readers.parquet import parquet_file
from goldilocks.data.readers.text_file import is_gzip, opened
from goldilocks.errors import InputError

MAX_BYTES = 4_000_000_000
"""Default of ``data.max_bytes`` and ``--max-bytes``, decompressed: about what 16 GB of memory can hold as rows."""
_PIECE = 1 << 20
_POINTER_BYTES = 8


def admit(path: Path, limit: int = MAX_BYTES) -> None:
    """Check that a file, or every file of a folder, can be read within bounds.

    Args:
        path: A file or a folder; symbolic links are followed.
        limit: Maximum number of bytes of content; the files of a folder are added up.

    Raises:
        InputError: it is not a regular file, is sparse, or holds more.
    """
    total = 0
    for file in _files(path):
        total += _size(file, limit)
        if total > limit:
            raise InputError(
                f"{path.name}: holds more than {limit:,} bytes{' in its files' if path.is_dir() else ''}; raise the "
                "limit (--max-bytes, or data.max_bytes in the task file) or name fewer rows."
            )


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    # os.walk does not follow links to folders, so a link to its own parent ends.
    for folder, _, names in os.walk(path):
        for name in sorted(names):
            file = Path(folder) / name
            if name.lower().endswith((".txt", ".ann")) and file.exists():
                yield file


def _size(path: Path, limit: int) -> int:
    """Bytes of the content of a regular file."""
    refuse_irregular(path)
    size = path.stat().st_size
    if size and _first_hole(path) < size:
        raise InputError(
            f"{path.name}: is sparse: parts of its {size:,} bytes were never written, as after an interrupted "
            "download; copy or download it again."
        )
    if is_gzip(path):
        size = _inside_gzip(path, limit)
        if size > limit:
            return size
    return _inside_parquet(path) if _is_parquet(path) else _inside_zip(path, size)


def _first_hole(path: Path) -> int:
    """Where the first hole of a file begins; its size where it has none, or the file system does not say."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            return os.lseek(file.fileno(), 0, os.SEEK_HOLE)
    except (OSError, AttributeError):
        return size


def _inside_gzip(path: Path, limit: int) -> int:
    size = 0
    with opened(path) as file:
        while size <= limit and (piece := file.read(_PIECE)):
            size += len(piece)
    return size


def _inside_zip(path: Path, size: int) -> int:
    try:
        with opened(path) as raw:
            if raw.read(2) != b"PK":
                return size
            raw.seek(0)
            source = io.BytesIO(raw.read()) if is_gzip(path) else raw
            if not zipfile.is_zipfile(source):
                return size
            archive = zipfile.ZipFile(source)
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return size  # named for what it is when it is read


def _is_parquet(path: Path) -> bool:
    try:
        with opened(path) as file:
            return file.read(4) == b"PAR1"
    except InputError:
        return False  # refused when it is read


def _inside_parquet(path: Path) -> int:
    """Bytes of all columns before compression; of cells that repeat at least a pointer each."""
    with parquet_file(path) as file:
        metadata = file.metadata
        columns = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
        return int(max(columns, _POINTER_BYTES * metadata.num_rows * metadata.num_columns))
