"""Rows to be annotated, as files that annotation tools import: CSV, Label Studio, doccano.

The model's answer is stored as a suggestion, which the annotator confirms or changes. The readers of this package read
the tools' exports again (``data/readers/exports.py``), and these files too, as rows without a label.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from goldilocks.records import Answer, Output, Text
from goldilocks.support.files import write_text


class AnnotationForm(StrEnum):
    """File formats."""

    CSV = "csv"
    LABEL_STUDIO = "label-studio"
    DOCCANO = "doccano"


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """One row for an annotator."""

    number: int
    """Number of the row in its pool, from 1."""
    item: Text
    suggestion: Answer
    score: float
    """Why it was chosen: higher is more urgent."""


def write_annotation_file(
    path: Path, form: AnnotationForm, rows: Sequence[AnnotationRow], columns: Sequence[str], output: Output
) -> None:
    """Write rows for an annotation tool.

    Args:
        path: The file; written whole or not at all.
        form: Its format.
        rows: In the order in which they should be annotated.
        columns: Names of the texts of a row, in order; for tags the one column of words.
        output: Kind of answer.

    Raises:
        InputError: the file cannot be written.
    """
    writers: dict[AnnotationForm, Callable[[Sequence[AnnotationRow], Sequence[str], Output], str]] = {
        AnnotationForm.CSV: _csv,
        AnnotationForm.LABEL_STUDIO: _label_studio,
        AnnotationForm.DOCCANO: _doccano,
    }
    write_text(path, writers[form](rows, columns, output))


def _cells(row: AnnotationRow, columns: Sequence[str], output: Output) -> dict[str, Any]:
    """Column -> text; of tags the words as one text."""
    if output is Output.TAGS:
        words = (row.item,) if isinstance(row.item, str) else row.item
        return {columns[0]: " ".join(words)}
    texts = (row.item,) if isinstance(row.item, str) else row.item
    if len(texts) > len(columns):  # any number of texts in the last column
        texts = (*texts[: len(columns) - 1], json.dumps(texts[len(columns) - 1 :], ensure_ascii=False))
    return dict(zip(columns, texts, strict=False))


def _entities(row: AnnotationRow) -> list[tuple[int, int, str, str]]:
    """Start, end, label and text of each predicted entity in the words joined by spaces."""
    words = (row.item,) if isinstance(row.item, str) else row.item
    tags = row.suggestion if isinstance(row.suggestion, tuple) else ()
    entities: list[tuple[int, int, str, str]] = []
    start = 0
    for word, tag in zip(words, tags, strict=False):
        end = start + len(word)
        prefix, _, label = str(tag).partition("-")
        if prefix == "I" and entities and entities[-1][2] == label and entities[-1][1] == start - 1:
            entities[-1] = (entities[-1][0], end, label, f"{entities[-1][3]} {word}")
        elif label:
            entities.append((start, end, label, word))
        start = end + 1
    return entities


def _suggested(row: AnnotationRow) -> list[str]:
    return [str(label) for label in row.suggestion] if isinstance(row.suggestion, tuple) else [str(row.suggestion)]


def _csv(rows: Sequence[AnnotationRow], columns: Sequence[str], output: Output) -> str:
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow([*columns, "suggestion", "score", "row"])
    for row in rows:
        cells = _cells(row, columns, output)
        suggestion = (
            row.suggestion if isinstance(row.suggestion, str) else json.dumps(row.suggestion, ensure_ascii=False)
        )
        table.writerow([*(cells.get(column, "") for column in columns), suggestion, f"{row.score:.6g}", row.number])
    return file.getvalue()


def _label_studio(rows: Sequence[AnnotationRow], columns: Sequence[str], output: Output) -> str:
    """Tasks with predictions, for a project whose labels are called ``label`` and whose text is the first column."""
    tasks: list[dict[str, Any]] = []
    for row in rows:
        if output is Output.TAGS:
            result = [
                _result(columns[0], "labels", {"start": start, "end": end, "text": text, "labels": [label]})
                for start, end, label, text in _entities(row)
            ]
        elif output is Output.LABEL:
            result = [_result(columns[0], "choices", {"choices": _suggested(row)})]
        else:
            result = [_result(columns[0], "textarea", {"text": _suggested(row)})]
        tasks.append(
            {
                "data": {**_cells(row, columns, output), "row": row.number},
                "annotations": [],
                "predictions": [{"model_version": "goldilocks", "score": row.score, "result": result}],
            }
        )
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def _result(column: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": "label", "to_name": column, "type": kind, "value": value}


def _doccano(rows: Sequence[AnnotationRow], columns: Sequence[str], output: Output) -> str:
    """JSON Lines: ``text`` with ``label``; further texts and the number of the row become metadata."""
    lines = []
    for row in rows:
        cells = _cells(row, columns, output)
        first, *others = columns
        label: list[Any] = (
            [[start, end, name] for start, end, name, _ in _entities(row)] if output is Output.TAGS else _suggested(row)
        )
        record = {"id": row.number, "text": cells[first], "label": label}
        lines.append(
            json.dumps({**record, **{name: cells[name] for name in others if name in cells}}, ensure_ascii=False)
        )
    return "\n".join(lines) + "\n"
