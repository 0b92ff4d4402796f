"""One source of rows -> texts and their labels, with what is wrong with which row kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldilocks.data.locate import locate
from goldilocks.data.readers import parallel
from goldilocks.data.readers.brat import brat_rows
from goldilocks.data.readers.columns import Rows
from goldilocks.data.readers.conll import holds_columns
from goldilocks.data.readers.delimited import plain_quotes
from goldilocks.data.readers.entity_offsets import columns_of, tagged
from goldilocks.data.readers.label_folders import label_folder_rows
from goldilocks.data.readers.plain_text import is_plain, plain_rows, roles_of
from goldilocks.data.readers.rows import FORMATS, format_of, rows_of
from goldilocks.data.readers.text_file import lines_of, suffix_of
from goldilocks.data.transforms.dialogues import unrolled
from goldilocks.data.transforms.rankings import gathered
from goldilocks.data.transforms.sentences import document_of, joined
from goldilocks.errors import InputError
from goldilocks.protocols import Mended, Task
from goldilocks.records import Gold, Output, Part, Text
from goldilocks.support.suggest import suggest


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source held."""

    source: str
    """As in the task file."""
    part: Part
    """The rows that can be used."""
    total: int
    """Rows there were, usable or not."""
    problems: Mapping[str, tuple[int, ...]]
    """What is wrong, in words -> the numbers of the rows."""
    remarks: tuple[str, ...] = ()
    """How the source had to be read, where that is not the usual way."""
    mended: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """How rows were taken, where not as they are written -> their numbers."""


def read(source: str, fields: Mapping[str, str], task: Task, folder: Path, *, sentences: int = 1) -> Reading:
    """Read the rows of one source.

    Args:
        source: A .jsonl, .csv, .tsv or .parquet file (each also .gz), a folder with one folder of .txt files per label,
            or either as ``pypi://package/path``; a .txt file; for tags CoNLL columns by any name or a BRAT folder; or
            two parallel files (``parallel.names``).
        fields: Role -> column; a role left out is looked for under its own name.
        task: Says which roles there are, what is wrong with a row, and what a row means.
        folder: Where relative names start.
        sentences: For tags: so many rows that follow one another, of one document, are read as one.

    Raises:
        InputError: no such role or column, an empty source, or a file that cannot be read as what its suffix says.
        MissingError: there is no such file or package.
    """
    for role in fields:
        if role not in task.FIELDS:
            raise InputError(
                f"data.fields names {role!r}, which this task has no use for.{suggest(role, list(task.FIELDS))} "
                f"There are: {', '.join(task.FIELDS)}."
            )
    if sentences > 1 and task.OUTPUT is not Output.TAGS:
        raise InputError("data.sentences is for tasks that tag words; leave it out.")
    remarks: list[str] = []
    mended: dict[str, list[int]] = {}
    # Without the column that tells documents all neighbours would be joined: one that is named has to be there.
    may_lack = task.OPTIONAL - ({"document"} & fields.keys())
    optional = {fields.get(role, role) for role in may_lack}
    if parallel.names(source) is not None:
        roles, rows = parallel.roles_for(task.FIELDS, source), parallel.rows_of_pair(source, folder)
    elif (path := locate(source, folder)).is_dir() and task.OUTPUT is Output.TAGS:
        roles, rows = ["tokens", "tags", "document"], brat_rows(path, source, mended)
    elif path.is_dir():
        rows = label_folder_rows(path, source, remarks)
        roles = ["text", "label"]
        if set(roles) != set(task.FIELDS):
            raise InputError(
                f"{source}: a folder of label folders holds texts and labels; this task needs a file with "
                f"{', '.join(task.FIELDS)}."
            )
    elif task.OUTPUT is Output.TAGS and suffix_of(path) not in FORMATS:
        _refuse_other_than_columns(path)
        remarks.append("read as CoNLL columns, as in a .conll file")
        roles = list(task.FIELDS)
        rows = rows_of(path, [fields.get(role, role) for role in roles], optional=optional, kind=".conll")
    elif is_plain(path):
        roles = roles_of(path, list(task.FIELDS))
        rows = plain_rows(path, roles)
    else:
        roles = list(task.FIELDS)
        plain = format_of(path) == ".tsv" and plain_quotes(path)
        if plain:
            remarks.append("quotes are plain characters here: read as quoting they would have joined or broken rows")
        marked = columns_of(path, fields) if task.OUTPUT is Output.TAGS else None
        if marked is not None:
            roles, marked = ["tokens", "tags", "document"], [*marked, fields.get("document", "document")]
            rows = tagged(rows_of(path, marked, optional=optional), mended)
        else:
            rows = rows_of(path, [fields.get(role, role) for role in roles], plain=plain, optional=optional)
    rows = unrolled(gathered(rows, roles), roles)
    reading = _collect(rows, roles, task, source, remarks, mended, sentences)
    if reading.total == 0:
        wanted = "at least a header and some rows" if suffix_of(Path(source)) in (".csv", ".tsv") else "some rows"
        raise InputError(f"{source}: holds no rows; name a file with {wanted}.")
    return reading


def _refuse_other_than_columns(path: Path) -> None:
    if not holds_columns(lines_of(path)):
        raise InputError(
            f"{path.name}: rows for tags are read from {' '.join(FORMATS)} (each also .gz), a BRAT folder, or CoNLL "
            "columns by any name, and this is none: its lines have different numbers of cells, or one. Write a line "
            "for each word, with its tag behind it, or rename the file if it is one of these."
        )


def _collect(
    rows: Rows,
    roles: list[str],
    task: Task,
    source: str,
    remarks: list[str],
    mended: dict[str, list[int]],
    sentences: int,
) -> Reading:
    texts: list[Text] = []
    gold: list[Gold] = []
    numbers: list[int] = []
    documents: list[str] = []
    problems: dict[str, list[int]] = {}
    known: dict[Gold, Gold] = {}  # one object per label, not one per row
    total = 0

    def counted() -> Rows:
        nonlocal total
        for one in rows:
            total += 1
            yield one

    for number, cells in joined(counted(), roles, sentences, task.problem):
        row = None if isinstance(cells, str) else dict(zip(roles, cells, strict=True))
        problem = cells if isinstance(cells, str) else task.problem(row or {})
        if row is None or problem is not None:
            problems.setdefault(str(problem), []).append(number)
            continue
        answer = task.gold(row)
        how = task.mended(row) if isinstance(task, Mended) else None
        if how is not None:
            mended.setdefault(how, []).append(number)
        texts.append(task.item(row))
        gold.append(known.setdefault(answer, answer))
        numbers.append(number)
        documents.append(document_of(row.get("document")))
    return Reading(
        source=source,
        part=Part(tuple(texts), tuple(gold), tuple(numbers), tuple(documents) if sentences > 1 else ()),
        total=total,
        problems={what: tuple(where) for what, where in problems.items()},
        # what is filled while the rows are drawn is copied only now
        remarks=tuple(remarks),
        mended={how: tuple(where) for how, where in mended.items()},
    )
