"""The user's incumbent: today's solution, as a predictions file or a bundle.

A file of predictions has a row for each validation row at least; rows of train or test are passed over, so predictions
for all the data will do. Rows are matched by the model's input (in the columns of the training data), or by a column
``row`` with the number of the row in the data file. The answer is in ``prediction``, or in the column that holds the
gold answer in the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from goldilocks.bundle.layout import INFO
from goldilocks.bundle.read import load
from goldilocks.data.locate import locate
from goldilocks.data.readers.rows import open_table
from goldilocks.errors import InputError
from goldilocks.evaluation.trivial_baselines import INCUMBENT, BaselineAnswers
from goldilocks.protocols import Task
from goldilocks.records import Answer, Dataset, Output, TaskSpec, Text, labels_of
from goldilocks.rows import item_of
from goldilocks.support.suggest import suggest
from goldilocks.support.text.cells import empty, label_of, list_of, number_problem
from goldilocks.support.text.iob2 import tags_of

_ROW = "row"
_ANSWERS: Mapping[Output, tuple[str, ...]] = {
    Output.LABEL: ("prediction", "label", "labels"),
    Output.TAGS: ("prediction", "tags"),
    Output.SCORE: ("prediction", "score", "scores"),
    Output.SPAN: ("prediction", "answer"),
    Output.TEXT: ("prediction", "answer", "text"),
    Output.LIKELIHOOD: ("prediction", "log_likelihood"),
}


def with_incumbent(
    baselines: BaselineAnswers, incumbent: str, spec: TaskSpec, task: Task, dataset: Dataset
) -> BaselineAnswers:
    """The baselines with the answers of the user's incumbent.

    Args:
        baselines: Baselines of the task.
        incumbent: A predictions file (.jsonl, .csv and what else data are read from), or a bundle's folder.
        spec: Names the columns of the data; relative names start at its folder.
        task: Says what the model's input is.
        dataset: Whose validation part has to be answered.

    Raises:
        InputError: validation rows have no answer, an answer is not a label of the data, or the bundle's task differs.
        MissingError: there is no such file or folder.
        IntegrityError: the bundle is damaged.
    """
    path = locate(incumbent, spec.folder)
    answers = _of_bundle(path, dataset) if path.is_dir() else _of_file(path, spec, task, dataset)
    _check_labels(incumbent, answers, dataset)
    note = f"the incumbent ({Path(incumbent).name})"
    return replace(
        baselines,
        answers={**baselines.answers, INCUMBENT: answers},
        notes={**baselines.notes, INCUMBENT: note},
    )


def _of_bundle(folder: Path, dataset: Dataset) -> tuple[Answer, ...]:
    if not (folder / INFO).is_file():
        raise InputError(f"incumbent {folder}: is a folder without {INFO}; name a bundle or a file of predictions.")
    bundle = load(folder)
    if bundle.info.output is not dataset.output or bundle.info.several != dataset.several:
        raise InputError(
            f"incumbent {folder}: is a bundle for {bundle.info.task}, which answers in another way than this task; "
            "name one of the same task."
        )
    return bundle.answers(dataset.validation.texts).values


def _of_file(path: Path, spec: TaskSpec, task: Task, dataset: Dataset) -> tuple[Answer, ...]:
    columns = {role: spec.data.fields.get(role, role) for role in task.READS}
    right = [spec.data.fields.get(role, role) for role in task.FIELDS if role not in task.READS]
    columns_to_read = list(dict.fromkeys((*columns.values(), *_ANSWERS[dataset.output], *right, _ROW)))
    table = open_table(path, columns_to_read)
    inputs = set(columns.values())
    given: dict[Text | int, Answer] = {}
    filled: set[str] = set()
    for number, cells in table.rows(columns_to_read, optional=set(columns_to_read)):
        if isinstance(cells, str):
            raise InputError(f"incumbent {path.name} row {number}: {cells}.")
        row = {name: cell for name, cell in zip(columns_to_read, cells, strict=True) if cell is not None}
        filled |= row.keys()
        column = next(
            (answer for answer in (*_ANSWERS[dataset.output], *right) if answer in row and answer not in inputs), None
        )
        key = _key(row, task, columns, f"incumbent {path.name} row {number}")
        if column is not None:
            given[key] = _answer(row[column], dataset, f"incumbent {path.name} row {number}: {column}")
    by_row = bool(given) and all(isinstance(key, int) for key in given)
    keys: Sequence[Text | int] = dataset.validation.rows if by_row else dataset.validation.texts
    missing = [row for row, key in zip(dataset.validation.rows, keys, strict=True) if key not in given]
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        filled_keys = ", ".join(sorted(filled)) or "nothing that is known"
        raise InputError(
            f"incumbent {path.name}: {len(missing):,} of {len(keys):,} validation rows have no answer in it (rows "
            f"{shown} of the data); it holds {filled_keys}. Write a line for each row of the data: its "
            f"{', '.join(columns.values())} as in the data, and the answer as prediction."
        )
    return tuple(given[key] for key in keys)


def _key(row: Mapping[str, Any], task: Task, columns: Mapping[str, str], where: str) -> Text | int:
    """What a row is matched by: the model's input, or the number of the row."""
    if _ROW in row and not any(column in row for column in columns.values()):
        try:
            return int(row[_ROW])
        except (ValueError, TypeError) as error:
            raise InputError(f"{where}: row is {row[_ROW]!r}; write the number of the row in the data.") from error
    try:
        item_of(row, task, columns)
    except InputError as error:
        raise InputError(f"{where}: {error}.") from error
    return task.item({role: row[column] for role, column in columns.items() if column in row})


def _answer(cell: Any, dataset: Dataset, where: str) -> Answer:
    match dataset.output:
        case Output.LABEL if dataset.several:
            listed = list_of(cell)
            parts = listed if listed is not None else str(cell).replace(";", "|").replace(",", "|").split("|")
            return tuple(sorted({label_of(part) for part in parts if not empty(part)}))
        case Output.LABEL:
            return label_of(cell)
        case Output.TAGS:
            return tags_of(cell if list_of(cell) is None else list_of(cell))
        case Output.SCORE | Output.LIKELIHOOD:
            values = list_of(cell)
            problem = next(filter(None, (number_problem("it", value) for value in values or [cell])), None)
            if problem:
                raise InputError(f"{where} cannot be used ({problem}); write a number, or a list of them.")
            return tuple(map(float, values)) if values is not None else float(cell)
        case _:
            return str(cell)


def _check_labels(incumbent: str, answers: Sequence[Answer], dataset: Dataset) -> None:
    """Check that labels and tags are those of the data, and that there is a tag for each word.

    Raises:
        InputError: they are not; the nearest label is named.
    """
    known = set(dataset.labels)
    for row, answer, gold in zip(dataset.validation.rows, answers, dataset.validation.gold, strict=True):
        unknown = next((label for label in labels_of(answer, dataset.output) if label not in known), None)
        if unknown is not None:
            shown = ", ".join(dataset.labels[:10]) + (", …" if len(dataset.labels) > 10 else "")
            raise InputError(
                f"incumbent {incumbent}: answers {unknown!r} for row {row} of the data, which is none of their labels."
                f"{suggest(unknown, list(dataset.labels))} There are: {shown}."
            )
        if dataset.output not in (Output.TAGS, Output.SCORE) or not isinstance(gold, tuple):
            continue
        if not isinstance(answer, tuple) or len(answer) != len(gold):
            raise InputError(
                f"incumbent {incumbent}: its answer for row {row} of the data has not one value for each of the "
                f"{len(gold)} words or candidates; write a list of {len(gold)}."
            )
