"""Running text, document by document: what a language model is trained on. Read as it is drawn, never as a whole.

In .txt files (also .gz) a document is a paragraph, or a line where no line is empty; in .jsonl, .csv, .tsv and .parquet
it is the cell of a column.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from goldilocks.data.readers.plain_text import is_plain, plain_rows
from goldilocks.data.readers.rows import rows_of
from goldilocks.errors import InputError, MissingError


def documents(path: Path, column: str = "text") -> Iterator[str]:
    """The documents of a file that hold more than white space, in order.

    Args:
        path: The file.
        column: Where the text is, in files that have columns.

    Raises:
        MissingError: there is no such file.
        InputError: it is not UTF-8, or a row is broken or holds no text; the line or row is named.
    """
    if not path.is_file():
        problem = (
            "is a folder; name its files" if path.is_dir() else "there is no such file; name a .txt or .jsonl file"
        )
        raise MissingError(f"{path}: {problem}.")
    for number, cells in plain_rows(path, ["text"]) if is_plain(path) else rows_of(path, [column]):
        if isinstance(cells, str):
            raise InputError(f"{path.name}: row {number}: {cells}; correct or remove it.")
        text = cells[0]
        if not isinstance(text, str):
            kind = "nothing" if text is None else type(text).__name__
            raise InputError(
                f"{path.name}: row {number}: {column!r} holds {kind}, not text; correct or remove the row."
            )
        if text and not text.isspace():
            yield text
