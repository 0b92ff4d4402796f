"""Tables that other libraries hold in memory, as rows: pandas, Polars, Arrow, ``datasets``.

None of these libraries is imported: a table is recognised by the Arrow PyCapsule interface (``__arrow_c_stream__``),
which pandas 2.2, Polars 1 and pyarrow 14 and later all have. A ``datasets.Dataset`` holds its Arrow table in ``data``;
its ``ClassLabel`` columns hold numbers, which are replaced by the names of the labels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from goldilocks.errors import GoldilocksError, InputError
from goldilocks.support.files import write_text

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = ("rows.jsonl", "rows.parquet")
"""What ``write_rows`` calls its files."""
_PANDAS_INDEX = "__index_level_"


def is_frame(data: object) -> bool:
    """Whether ``data`` is a table with named columns that ``table_of`` takes."""
    return hasattr(data, "__arrow_c_stream__") or _is_datasets(data)


def is_rows(data: object) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    """Whether ``data`` is a list (or tuple) of mappings from column to cell."""
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(row, Mapping) for row in data)


def table_of(data: Any) -> pa.Table:
    """The Arrow table of a frame. An index that pandas keeps next to the columns is dropped.

    Raises:
        InputError: a column mixes types that Arrow cannot hold together; the library's own words are shown.
    """
    import pyarrow as pa

    try:
        table = _named_labels(data) if _is_datasets(data) else pa.table(data)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError) as error:
        raise InputError(
            f"the {type(data).__name__} cannot be read as a table ({' '.join(str(error).split())}); "
            "give each column cells of one type."
        ) from error
    return table.select([name for name in table.column_names if not name.startswith(_PANDAS_INDEX)])


def rows_of_frame(data: Any, columns: Sequence[str], wanted_for: str) -> list[dict[str, Any]]:
    """The cells of some columns of a frame, row by row.

    Args:
        data: A frame (``is_frame``).
        columns: Columns that must be there.
        wanted_for: Who needs them, for the error message.

    Raises:
        InputError: a column is missing; those that are there are named.
    """
    table = table_of(data)
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InputError(
            f"the {type(data).__name__} has the columns {', '.join(map(repr, table.column_names))}; {wanted_for} "
            f"needs {', '.join(map(repr, missing))}. Rename a column, or pass a list of texts."
        )
    rows: list[dict[str, Any]] = table.select(list(columns)).to_pylist()
    return rows


def write_rows(data: Any, folder: Path) -> Path:
    """Write rows that are held in memory to ``folder``, where ``data.train`` of a task can name them.

    A frame becomes ``rows.parquet``; a list of mappings becomes ``rows.jsonl``. A file that is there stays as it is.

    Raises:
        InputError: there are no rows, a cell is of a type that neither format holds, or the folder has other rows.
    """
    if is_rows(data):
        path = folder / ROWS[0]
        text = _json_lines(data)
        _refuse_others(folder, same=path.exists() and path.read_bytes() == text.encode("utf-8"))
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
        return path
    import pyarrow.parquet as pq

    table = table_of(data)
    if not table.num_rows:
        raise InputError(f"the {type(data).__name__} has no rows; pass labelled rows.")
    path = folder / ROWS[1]
    _refuse_others(folder, same=path.exists() and table.equals(pq.read_table(path)))
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
    return path


def _json_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    try:
        text = "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"a row cannot be written as JSON ({error}); use texts, numbers and lists.") from error
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can write
        return "".join(json.dumps(dict(row)) + "\n" for row in rows)
    return text


def _refuse_others(folder: Path, *, same: bool) -> None:
    """See that a folder has no other rows: a run there was begun with them."""
    if not same and any((folder / name).exists() for name in ROWS):
        raise InputError(f"{folder}: a run on other rows was begun here; pass those rows, or another out.")


def in_words(data: object, text: str, folder: Path) -> str:
    """A text that names the file of ``write_rows``, with what the user passed in its place: ``the DataFrame``.

    Args:
        data: What was passed; where it is not held in memory, the text stays as it is.
        text: A message.
        folder: That of ``write_rows``, or one that holds it.
    """
    if not (is_frame(data) or is_rows(data)):
        return text
    name = f"the {type(data).__name__}" if is_frame(data) else "the rows"
    folders = "|".join(re.escape(f"{path}/") for path in (folder.resolve(), folder.absolute(), folder))
    return re.sub(rf"(?<![\w./-])(?:(?:{folders})(?:\w+/)?)?rows\.(?:parquet|jsonl)", lambda _: name, text)


@contextmanager
def errors_in_words(data: object, folder: Path) -> Iterator[None]:
    """Errors about rows that ``write_rows`` wrote to ``folder`` name what the user passed; see ``in_words``."""
    try:
        yield
    except GoldilocksError as error:
        error.args = tuple(in_words(data, arg, folder) if isinstance(arg, str) else arg for arg in error.args)
        raise


def _is_datasets(data: object) -> bool:
    return type(data).__module__.split(".")[0] == "datasets" and hasattr(data, "with_format")


def _named_labels(data: Any) -> pa.Table:
    """The Arrow table of a ``datasets.Dataset``, with names in place of the numbers of ``ClassLabel`` columns."""
    import pyarrow as pa

    table = data.with_format("arrow")[:]
    for place, name in enumerate(table.column_names):
        feature = data.features[name]
        names = getattr(getattr(feature, "feature", feature), "names", None)  # a list of tags has them one level down
        if names:
            cells = [_named(cell, names) for cell in table.column(name).to_pylist()]
            table = table.set_column(place, name, pa.array(cells))
    return table


def _named(cell: Any, names: Sequence[str]) -> Any:
    """The label of a number, or those of a list of numbers; -1 stands for a label that is missing."""
    if isinstance(cell, list):
        return [_named(number, names) for number in cell]
    return names[cell] if cell is not None and 0 <= cell < len(names) else None
