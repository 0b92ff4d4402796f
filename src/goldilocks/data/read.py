"""One source of rows -> items and their gold answers, with what is wrong with which row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from goldilocks.data.attributes import PREFIX, Attributes, attribute_columns
from goldilocks.data.locate import locate
from goldilocks.data.readers import hub_translation, parallel, relations
from goldilocks.data.readers.admission import MAX_BYTES, admit
from goldilocks.data.readers.brat import brat_rows
from goldilocks.data.readers.columns import Cells, Rows, Skipped
from goldilocks.data.readers.conll import SNIFFED_LINES, holds_columns, holds_words
from goldilocks.data.readers.delimited import USUAL
from goldilocks.data.readers.entity_offsets import columns_of, tagged
from goldilocks.data.readers.json_document import refuse_python
from goldilocks.data.readers.json_lines import holds_objects
from goldilocks.data.readers.label_folders import label_folder_rows
from goldilocks.data.readers.plain_text import is_plain, plain_rows, roles_of
from goldilocks.data.readers.recognise import recognise
from goldilocks.data.readers.rows import BINARY, FORMATS, open_table
from goldilocks.data.readers.text_file import first_bytes, lines_of, suffix_of, text_facts
from goldilocks.data.transforms.dialogues import unrolled
from goldilocks.data.transforms.rankings import gathered
from goldilocks.data.transforms.sentences import document_of, joined
from goldilocks.errors import InputError
from goldilocks.protocols import ReportsRowRepairs, Task
from goldilocks.records import Gold, Output, Part, Text
from goldilocks.support.suggest import suggest

SINGLE_WORDS = 10
"""Rows of one word each from which it is said that this is no usual form."""


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
    """What is wrong -> the numbers of the rows."""
    remarks: tuple[str, ...] = ()
    """How the source had to be read, where that is not the usual way."""
    repaired: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """How rows were taken, where not as they are written -> their numbers."""
    skipped: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Why rows were left out on purpose, such as rejected annotations -> their numbers."""
    lines: int = 0
    """Lines of a text file that are not empty; 0 of other sources."""


class RowSink(Protocol):
    """Takes rows as they are read, in place of a list in memory."""

    def add(self, text: Text, gold: Gold, number: int) -> None:
        """Take a usable row: its item, its gold answer, and its number in the file."""


@dataclass(slots=True)
class _Source:
    """A source, opened: its rows, and what is noted while they are drawn."""

    roles: list[str]
    rows: Rows
    remarks: list[str] = field(default_factory=list)
    repaired: dict[str, list[int]] = field(default_factory=dict)
    lines: int = 0


def read(
    source: str,
    fields: Mapping[str, str],
    task: Task,
    folder: Path,
    *,
    sentences: int = 1,
    keep: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
) -> Reading:
    """Read the rows of one source.

    Args:
        source: A .jsonl, .json, .csv, .tsv, .xlsx or .parquet file (each also gzip-compressed), a folder with one
            folder of .txt files per label, or either as ``pypi://package/path``; a .txt file; for tags CoNLL columns by
            any name or a BRAT folder; or two parallel files (``parallel.names``).
        fields: Role -> column; a role left out is looked for under its own name.
        task: Says which roles there are, what is wrong with a row, and what a row means.
        folder: Where relative names start.
        sentences: For tags: this many consecutive rows, of one document, are read as one.
        keep: Columns that must be among the attributes of the rows.
        max_bytes: Maximum number of bytes of content, decompressed.

    Raises:
        InputError: no such role or column, an empty source, or a file that cannot be read.
        MissingError: there is no such file or package.
    """
    _refuse_unknown_roles(fields, task)
    if sentences > 1 and task.OUTPUT is not Output.TAGS:
        raise InputError("data.sentences is for tasks that tag words; leave it out.")
    opened = _open(source, fields, task, folder, keep, max_bytes)
    return _collect(opened, task, source, sentences, keep)


def read_into(
    sink: RowSink, source: str, fields: Mapping[str, str], task: Task, folder: Path, *, max_bytes: int = MAX_BYTES
) -> Reading:
    """Pass the usable rows of one source to ``sink`` as they are read; the part of the reading is then empty.

    Otherwise as ``read``.
    """
    _refuse_unknown_roles(fields, task)
    return _collect(_open(source, fields, task, folder, (), max_bytes), task, source, into=sink)


def _refuse_unknown_roles(fields: Mapping[str, str], task: Task) -> None:
    for role in fields:
        if role not in task.FIELDS:
            raise InputError(
                f"data.fields names {role!r}, which this task has no use for.{suggest(role, task.FIELDS)} "
                f"There are: {', '.join(task.FIELDS)}."
            )


def _open(
    source: str, fields: Mapping[str, str], task: Task, folder: Path, keep: Sequence[str], max_bytes: int
) -> _Source:
    """The rows of a source, by what kind of source it is."""
    if parallel.names(source) is not None:
        _refuse_columns(source, keep)
        return _Source(
            parallel.roles_for(task.FIELDS, source), parallel.rows_of_pair(source, folder, max_bytes=max_bytes)
        )
    path = locate(source, folder)
    admit(path, max_bytes)
    if path.is_dir():
        _refuse_columns(source, keep)
        return _open_folder(path, source, task)
    if is_plain(path) and task.OUTPUT is not Output.TAGS:
        _refuse_columns(source, keep)
        roles = roles_of(path, list(task.FIELDS))
        return _Source(roles, plain_rows(path, roles), lines=text_facts(path).lines)
    return _open_table(path, fields, task, keep)


def _refuse_columns(source: str, keep: Sequence[str]) -> None:
    if keep:
        raise InputError(
            f"{source}: has no columns, so none is {keep[0]!r}; name a table, or leave out data.time and data.group."
        )


def _open_folder(path: Path, source: str, task: Task) -> _Source:
    remarks: list[str] = []
    if task.OUTPUT is Output.TAGS:
        repaired: dict[str, list[int]] = {}
        rows = brat_rows(path, source, repaired, remarks)
        return _Source(["tokens", "tags", "document"], rows, remarks, repaired)
    roles = ["text", "label"]
    if set(roles) != set(task.FIELDS):
        raise InputError(
            f"{source}: a folder of label folders holds texts and labels; this task needs a file with "
            f"{', '.join(task.FIELDS)}."
        )
    return _Source(roles, label_folder_rows(path, source, remarks), remarks)


def _open_table(path: Path, fields: Mapping[str, str], task: Task, keep: Sequence[str]) -> _Source:
    roles = list(task.FIELDS)
    columns = [fields.get(role, role) for role in roles]
    kind = _conll_by_another_name(path, task, columns)
    table = open_table(path, [*columns, *keep], kind=kind)
    remarks = table.remarks
    # Without the column that tells documents all neighbours would be joined: one that is named has to be there.
    optional = {fields.get(role, role) for role in task.OPTIONAL - ({"document"} & fields.keys())}
    marked = columns_of(table, fields) if task.OUTPUT is Output.TAGS else None
    related = None
    if marked is not None:
        roles, columns = ["tokens", "tags", "document"], [*marked, fields.get("document", "document")]
    elif (pair := hub_translation.columns_of(table, task.FIELDS, fields)) is not None:
        columns = [pair.get(role, column) for role, column in zip(roles, columns, strict=True)]
        remarks.append(f"source is {pair['source']}, target is {pair['target']}")
    elif (related := relations.columns_of(table, task.FIELDS, fields)) is not None:
        columns = [related.get(role, column) for role, column in zip(roles, columns, strict=True)]
        optional |= set(relations.COLUMNS)
        remarks.append(relations.REMARK)
    attributes = attribute_columns(table.names, {column.split(".")[0] for column in columns} | set(columns), keep)
    rows = table.rows([*columns, *attributes], optional | (set(attributes) - set(keep)))
    opened = _Source([*roles, *(PREFIX + name for name in attributes)], rows, remarks)
    if marked is not None:
        opened.rows = tagged(rows, opened.repaired)
    elif related is not None:
        opened.rows = relations.apart(rows, opened.roles)
    if kind == ".conll":
        remarks.append("read as CoNLL columns, as in a .conll file")
    opened.lines = 0 if table.kind in BINARY else text_facts(path).lines
    return opened


def _conll_by_another_name(path: Path, task: Task, wanted: Sequence[str]) -> str:
    """``.conll`` for a file of columns that is not named so; empty for any other file."""
    if task.OUTPUT is not Output.TAGS or recognise(path).kind in BINARY:
        return ""
    start = first_bytes(path)
    if start.removeprefix(b"\xef\xbb\xbf").startswith(b"#FORMAT=WebAnno"):
        raise InputError(f"{path.name}: is a TSV of WebAnno or INCEpTION; export CoNLL 2002 instead.")
    if suffix_of(path) in USUAL:  # no header, but a word and its tag
        table = open_table(path, [*wanted, "text"])
        named = {*wanted, "text", "document"}.intersection(table.names)
        words = not named or holds_words(lines_of(path))
        return ".conll" if words and _sentences_in(lines_of(path)) and holds_columns(lines_of(path)) else ""
    if suffix_of(path) in (*FORMATS, ".spacy"):
        return ""
    if holds_objects(path):
        return ".jsonl"
    refuse_python(path, start.decode("utf-8", errors="ignore"))
    if not holds_columns(lines_of(path)):
        raise InputError(
            f"{path.name}: rows for tags are read from {' '.join(FORMATS)} (each also .gz), a BRAT folder, or CoNLL "
            "columns by any name, and this is none: its lines have different numbers of cells, or one. Write a line "
            "for each word, followed by its tag, or rename the file if it is one of these."
        )
    return ".conll"


def _sentences_in(lines: Iterable[str]) -> bool:
    """Whether empty lines divide a file, as they do sentences of words."""
    return any(line.isspace() for line in islice(lines, SNIFFED_LINES))


def _collect(
    opened: _Source,
    task: Task,
    source: str,
    sentences: int = 1,
    keep: Sequence[str] = (),
    into: RowSink | None = None,
) -> Reading:
    """Read all rows, and sort them into usable, unusable and skipped ones."""
    usable = _UsableRows(Attributes(keep), task, into)
    problems: dict[str, list[int]] = {}
    skipped: dict[str, list[int]] = {}
    rows = _Counted(unrolled(gathered(opened.rows, opened.roles), opened.roles))
    for number, cells in joined(rows, opened.roles, sentences, task.problem):
        row = {} if isinstance(cells, str) else dict(zip(opened.roles, cells, strict=True))
        problem = cells if isinstance(cells, str) else task.problem(row)
        if problem is not None:
            kind = skipped if isinstance(problem, Skipped) else problems
            kind.setdefault(str(problem), []).append(number)
            continue
        gold = task.gold(row)
        repair = task.repair(row) if isinstance(task, ReportsRowRepairs) else None
        if repair is not None:
            opened.repaired.setdefault(repair, []).append(number)
        usable.add(number, row, gold)
    if rows.total == 0:
        expected = "at least a header and some rows" if suffix_of(Path(source)) in (".csv", ".tsv") else "some rows"
        raise InputError(f"{source}: holds no rows; name a file with {expected}.")
    if usable.single_words == rows.total >= SINGLE_WORDS:
        opened.remarks.append(
            "every row holds one word; a row is a sentence, so give all words of one as a list or in CoNLL columns"
        )
    return Reading(
        source=source,
        part=usable.part(with_documents=sentences > 1),
        total=rows.total,
        problems=_frozen(problems),
        # what is filled while the rows are read is copied only now
        remarks=tuple(opened.remarks),
        repaired=_frozen(opened.repaired),
        skipped=_frozen(skipped),
        lines=opened.lines,
    )


class _Counted:
    """An iterator over rows that counts them."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self.total = rows, 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> tuple[int, Cells]:
        row = next(self._rows)
        self.total += 1
        return row


@dataclass(slots=True)
class _UsableRows:
    """Collects the usable rows of a source, in memory or in a sink."""

    attributes: Attributes
    task: Task
    into: RowSink | None
    """Receives the rows; ``None``: they stay in memory."""
    texts: list[Text] = field(default_factory=list)
    gold: list[Gold] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    single_words: int = 0
    """Rows to be tagged that are one word."""
    known: dict[Gold, Gold] = field(default_factory=dict)
    """One object per label, not one per row."""

    def add(self, number: int, row: Mapping[str, Any], gold: Gold) -> None:
        """Add a row, with its number in the source."""
        gold = self.known.setdefault(gold, gold)
        self.single_words += self.task.OUTPUT is Output.TAGS and len(gold if isinstance(gold, tuple) else ()) == 1
        if self.into is not None:
            self.into.add(self.task.item(row), gold, number)
            return
        self.texts.append(self.task.item(row))
        self.gold.append(gold)
        self.numbers.append(number)
        self.documents.append(document_of(row.get("document")))
        self.attributes.add(row)

    def part(self, *, with_documents: bool) -> Part:
        """The rows that stay in memory."""
        documents = tuple(self.documents) if with_documents else ()
        return Part(tuple(self.texts), tuple(self.gold), tuple(self.numbers), documents, self.attributes.columns())


def _frozen(rows: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {what: tuple(numbers) for what, numbers in rows.items()}
