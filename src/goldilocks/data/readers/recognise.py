"""What a file is by its first bytes, whatever it is named: a table that can be read, or something that is named."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from goldilocks.data.readers.encodings import marked_encoding
from goldilocks.data.readers.text_file import first_bytes, is_gzip, opened, suffix_of
from goldilocks.errors import InputError

_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\xfd7zXZ\x00", "an xz archive", "decompress it (unxz)"),
    (b"BZh", "a bzip2 archive", "decompress it (bunzip2)"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "decompress it (unzstd)"),
    (b"\x5d\x00\x00", "an LZMA archive", "decompress it (unlzma)"),
    (b"\x78\x9c", "zlib-compressed", "decompress it"),
    (b"\x04\x22\x4d\x18", "an LZ4 archive", "decompress it (unlz4)"),
    (b"\x1f\x8b", "gzip inside gzip", "decompress it (gunzip)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"%PDF-", "a PDF", "pass the table it was made from"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file (.xls, .doc)", "save it as .xlsx or .csv"),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"FEA1", "a Feather file", "write it as Parquet"),
    (b"\xff\xff\xff\xff", "an Arrow stream, as `datasets` stores its tables", "write it as Parquet (to_parquet)"),
    (b"Obj\x01", "an Avro file", "write it as Parquet or JSON Lines"),
    (b"ORC\n", "an ORC file", "write it as Parquet"),
    (b"\x89PNG", "an image", "pass texts"),
    (b"\xff\xd8\xff", "an image", "pass texts"),
    (b"\x7fELF", "a program", "pass a table of texts"),
    (b"GGUF", "a model (GGUF)", "pass a table of texts"),
    (b"<stata_dta>", "a Stata file", "export it as CSV"),
    (b"$FL2@(#)", "an SPSS file", "export it as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
    (b"\x93NUMPY", "a NumPy array", "write it as CSV or JSON Lines"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "write it as CSV or Parquet"),
    (b"(lp0\n", "a Python pickle", "write it as CSV or JSON Lines"),
    (b"(dp0\n", "a Python pickle", "write it as CSV or JSON Lines"),
    (b"\x80\x02", "a Python pickle", "write it as CSV or JSON Lines"),
    (b"\x80\x03", "a Python pickle", "write it as CSV or JSON Lines"),
    (b"\x80\x04", "a Python pickle", "write it as CSV or JSON Lines"),
    (b"\x80\x05", "a Python pickle", "write it as CSV or JSON Lines"),
    (b"<?xml", "an XML file", "export plain text, CSV or JSON Lines"),
    (b"\xef\xbb\xbf<?xml", "an XML file", "export plain text, CSV or JSON Lines"),
    (b"{\\rtf", "a rich text file (RTF)", "save it as plain text"),
    (b"version https://git-lfs.github.com/", "a Git LFS pointer, not the data", "fetch the data (git lfs pull)"),
    (b"/annex/objects/", "a git-annex pointer, not the data", "fetch the data (git annex get)"),
)
"""First bytes, what they are, what to do."""
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype html|html)[\s>]", re.IGNORECASE)


_TAR_AT = 257
"""Where an archive of tar says that it is one."""
MAX_CONTROLS = 0.05
"""Share of control characters from which a file is no text."""
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\v\f\r\x0e\x0f\x1b"})


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file is read as."""

    kind: str
    """A suffix such as ``.csv``."""
    remark: str = ""
    """Why, where that is not its name."""


def recognise(path: Path) -> Recognised:
    """The kind of a file: Parquet and Excel workbooks by their first bytes, text by its name.

    Raises:
        InputError: it is an archive or another kind of file that holds no rows; what it is and what to do is said.
    """
    suffix = suffix_of(path)
    start = first_bytes(path)
    for signature, format_name, remedy in () if suffix == ".spacy" else _SIGNATURES:
        if start.startswith(signature):
            raise InputError(f"{path.name}: is {format_name}; {remedy}, then pass the converted file.")
    if start[_TAR_AT : _TAR_AT + 5] == b"ustar":
        raise InputError(f"{path.name}: is a tar archive; unpack it, then name the file in it.")
    if _WEB_PAGE.match(start):
        raise InputError(f"{path.name}: is a web page, perhaps the error page of a download; download the file again.")
    zipped = start.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    kind = ".parquet" if start.startswith(b"PAR1") else _in_zip(path) if zipped else suffix
    if kind not in (".parquet", ".xlsx", ".spacy") and _is_binary(start):
        raise InputError(
            f"{path.name}: is a binary file, not text; pass a table of texts as CSV, JSON Lines or Parquet."
        )
    remark = f"is {_NAMES[kind]} by its first bytes, and is read as such" if kind != suffix else ""
    return Recognised(kind, remark)


def _is_binary(start: bytes) -> bool:
    """Whether bytes are of no text: more control characters than slip into one, and no wide code units."""
    controls = len(start) - len(start.translate(None, _CONTROLS))
    return controls > MAX_CONTROLS * len(start) and not marked_encoding(start)


_NAMES = {".parquet": "Parquet", ".xlsx": "an Excel workbook"}


_OFFICE = (
    ("content.xml", "an OpenDocument file (.ods, .odt)", "save it as .xlsx or .csv"),
    ("xl/workbook.bin", "a binary Excel workbook (.xlsb)", "save it as .xlsx or .csv"),
    ("word/document.xml", "a Word document", "save its table as .csv"),
)
"""A member of a zip archive, what it shows the archive to be, what to do."""


def _in_zip(path: Path) -> str:
    """``.xlsx``, if that is what a zip archive is."""
    try:
        with opened(path) as raw, zipfile.ZipFile(io.BytesIO(raw.read()) if is_gzip(path) else path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path.name}: is a damaged zip archive ({error}); copy the file again.") from error
    if "xl/workbook.xml" in names:
        return ".xlsx"
    for member, format_name, remedy in _OFFICE:
        if member in names:
            raise InputError(f"{path.name}: is {format_name}; {remedy}, then pass the converted file.")
    inside = ", ".join(name for name in names if not name.endswith("/"))
    shown = inside if len(inside) <= 80 else inside[:79] + "…"
    raise InputError(f"{path.name}: is a zip archive ({shown or 'empty'}); unpack it, then name the file in it.")
