"""Exports of annotation tools as plain rows: Label Studio, doccano, Prodigy, spaCy and NER Annotator.

The tool is recognised by the first record. Its rows become ``text`` with ``entities`` (offsets and labels), ``label``
and ``labels``, beside the other columns of the tool; rows that were not accepted are left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from goldilocks.data.readers.columns import Skipped
from goldilocks.data.readers.json_document import Record

ANSWERS = ("accept", "reject", "ignore")
_PRODIGY = ("_input_hash", "_task_hash", "spans", "options", "accept")


@dataclass(frozen=True, slots=True)
class Export:
    """A tool's form of rows."""

    tool: str
    convert: Callable[[Any], Record | str]
    """From a record to a row, or what is wrong with it."""


def export_of(first: Any) -> Export | None:
    """The tool that wrote a record, where it is one of those that are known.

    Example:
        >>> export_of(["Rome", {"entities": [[0, 4, "LOC"]]}]).tool
        'spaCy'
        >>> export_of({"text": "Rome", "label": "city"})
    """
    if isinstance(first, list) and len(first) == 2 and isinstance(first[0], str) and isinstance(first[1], dict):
        return Export("spaCy", _spacy)
    if not isinstance(first, dict):
        return None
    if isinstance(first.get("data"), dict) and isinstance(first.get("annotations", first.get("completions")), list):
        return Export("Label Studio", _label_studio)
    if first.get("answer") in ANSWERS and any(key in first for key in _PRODIGY):
        return Export("Prodigy", _prodigy)
    if ("annotation_id" in first or "annotator" in first) and "lead_time" in first:
        return Export("Label Studio (JSON_MIN)", _json_min)
    if "id" in first and ("text" in first or "data" in first) and _doccano_labels(first.get("label")):
        return Export("doccano", _doccano)
    return None


def ner_annotator(content: Any) -> list[Any] | None:
    """The records in a file of NER Annotator; ``None`` where it is none."""
    if isinstance(content, dict) and "classes" in content and isinstance(content.get("annotations"), list):
        return list(content["annotations"])
    return None


# -------------------------------------------------------------------------------------------------------- the tools


def _spacy(record: Any) -> Record | str:
    """``[text, {"entities": [[start, end, label]], "cats": {label: 0 or 1}}]``."""
    if record is None:
        return Skipped("an annotation that is null")
    if not (isinstance(record, list) and len(record) == 2 and isinstance(record[1], dict)):
        return 'not [text, {"entities": [...]}], as the first row is'
    text, annotations = record
    row = {"text": text, **annotations}
    cats = annotations.get("cats")
    if isinstance(cats, dict):
        row |= _labelled([label for label, share in cats.items() if isinstance(share, int | float) and share >= 0.5])
    return row


def _label_studio(record: Any) -> Record | str:
    """``{"data", "annotations": [{"result": [{"type", "from_name", "value"}]}]}``; the first annotation that counts."""
    if not isinstance(record, dict) or not isinstance(record.get("data"), dict):
        return "not a task of Label Studio with data and annotations, as the first row is"
    annotations = record.get("annotations", record.get("completions"))
    done = [
        annotation
        for annotation in (annotations if isinstance(annotations, list) else [])
        if isinstance(annotation, dict) and not annotation.get("was_cancelled")
    ]
    if not done:
        skipped = Skipped("a task without an annotation, or whose annotation was cancelled")
        skipped.row = record["data"]
        return skipped
    row = dict(record["data"])
    entities: list[Any] = []
    results = done[0].get("result")
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict):
            continue
        name = str(result.get("from_name", "label"))
        if isinstance(value.get("labels"), list):
            entities.append(value)
        elif isinstance(value.get("choices"), list):
            labelled = _labelled(value["choices"])
            row |= {**labelled, name: labelled["label"]}
        else:
            row[name] = next(iter(value.values()), None)
    spans = any(
        isinstance(result, dict) and "labels" in str(result.get("type")) for result in done[0].get("result") or []
    )
    if spans or "label" not in row:
        row["entities"] = entities
    return row


def _json_min(record: Any) -> Record | str:
    """A flat row; choices may be ``{"choices": [...]}``."""
    if not isinstance(record, dict):
        return "not a JSON object"
    row = dict(record)
    for name, cell in record.items():
        if isinstance(cell, dict) and isinstance(cell.get("choices"), list):
            labelled = _labelled(cell["choices"])
            row |= {**labelled, name: labelled["label"]}
    return row


def _prodigy(record: Any) -> Record | str:
    """Spans, a label that was accepted, or the options that were chosen."""
    if not isinstance(record, dict):
        return "not a JSON object"
    answer = record.get("answer")
    if answer != "accept":
        return Skipped(f"the answer {answer!r} (only 'accept' is right)")
    row = {name: cell for name, cell in record.items() if not (name == "tokens" and _objects(cell))}
    if "spans" in record:
        row["entities"] = record["spans"]
    if isinstance(record.get("accept"), list):
        row |= _labelled(record["accept"])
    return row


def _doccano(record: Any) -> Record | str:
    """``label`` is a list, of labels or of ``[start, end, label]``; older exports call the text ``data``."""
    if not isinstance(record, dict):
        return "not a JSON object"
    row = {"text": record.get("data"), **record} if "text" not in record else dict(record)
    label = record.get("label")
    if isinstance(label, list) and all(isinstance(name, str) for name in label):
        row |= _labelled(label)
    return row


def _doccano_labels(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(value, str | list) for value in cell)


def _labelled(labels: list[Any]) -> Record:
    """The columns ``label`` (the only one, if it is) and ``labels``."""
    return {"label": labels[0] if len(labels) == 1 else labels, "labels": labels}


def _objects(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(value, Mapping) for value in cell)
