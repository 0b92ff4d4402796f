"""Exports of annotation tools as plain rows: Label Studio, doccano, Prodigy, spaCy and NER Annotator.

The tool is recognised by the first records. Its rows become ``text`` with ``entities`` (offsets and labels), ``label``
and ``labels``, together with the other columns of the tool; rows that were not accepted are left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goldilocks.data.readers.columns import Rows, Skipped
from goldilocks.data.readers.json_document import Record
from goldilocks.support.text.cells import empty

ANSWERS = ("accept", "reject", "ignore")
_PRODIGY = ("_input_hash", "_task_hash", "spans", "options", "accept", "label")
_CHOICES = "\0choices"
"""Key of the columns of a row in which choices were objects, until all rows are seen."""
_TASKS = ("annotations", "completions", "predictions")
"""Keys of Label Studio's tasks besides ``data``, the first in any but old exports."""


@dataclass(frozen=True, slots=True)
class Export:
    """A tool's form of rows."""

    tool: str
    convert: Callable[[Any], Record | str]
    """From a record to a row, or what is wrong with it."""


def export_of(first: Iterable[Any]) -> Export | None:
    """The tool that wrote records, where it is one of those that are known.

    Args:
        first: The first records; any of them may show the tool.

    Example:
        >>> export_of([None, ["Rome", {"entities": [[0, 4, "LOC"]]}]]).tool
        'spaCy'
        >>> export_of([{"text": "Rome", "label": "city"}])
    """
    return next((export for export in map(_export_of, first) if export is not None), None)


def _export_of(record: Any) -> Export | None:
    if isinstance(record, list) and len(record) == 2 and isinstance(record[0], str) and isinstance(record[1], dict):
        return Export("spaCy", _spacy)
    if not isinstance(record, dict):
        return None
    if isinstance(record.get("data"), dict) and any(isinstance(record.get(key), list) for key in _TASKS):
        return Export("Label Studio", _label_studio)
    if record.get("answer") in ANSWERS and "text" in record and any(key in record for key in _PRODIGY):
        return Export("Prodigy", _prodigy)
    if ("annotation_id" in record or "annotator" in record) and "lead_time" in record:
        return Export("Label Studio (JSON_MIN)", _json_min)
    if "text" in record and isinstance(record.get("ents"), list) and _objects(record.get("tokens", [])):
        return Export("spaCy (Doc.to_json)", _spacy_document)
    if isinstance(record.get("content"), str) and "annotation" in record and _has_points(record["annotation"]):
        return Export("Dataturks", _dataturks)
    if "text" in record and _have_numbers(record.get("annotations")):
        return Export("doccano (numbers of labels)", _doccano_numbers)
    if "id" in record and ("text" in record or "data" in record) and _doccano_labels(record.get("label")):
        return Export("doccano", _doccano)
    if isinstance(record.get("text"), str) and _objects(record.get("entities")) and _objects(record.get("relations")):
        return Export("doccano", _doccano)
    return None


def _have_numbers(annotations: Any) -> bool:
    """Whether annotations of doccano have numbers for labels."""
    return (
        bool(annotations)
        and _objects(annotations)
        and all(type(annotation.get("label")) is int and "user" in annotation for annotation in annotations)
    )


def _has_points(annotations: Any) -> bool:
    return _objects(annotations) and any("points" in annotation for annotation in annotations)


def is_prodigy(names: Collection[str], answers: Iterable[Any]) -> bool:
    """Whether a table is an export of Prodigy, by the names of its columns and the first cells of ``answer``."""
    if not {"text", "answer"} <= set(names) or not any(name in names for name in _PRODIGY):
        return False
    given = {answer for answer in answers if not empty(answer)}
    return bool(given) and all(isinstance(answer, str) and answer in ANSWERS for answer in given)


def accepted(rows: Rows) -> Rows:
    """Rows of such a table, whose last cell is the answer, without it; those that were not accepted are left out."""
    for number, cells in rows:
        if isinstance(cells, str):
            yield number, cells
        else:
            yield number, cells[:-1] if cells[-1] == "accept" else _not_accepted(cells[-1])


def without_gaps(export: Export, rows: list[Record | str]) -> list[Record | str]:
    """The rows of a document, with the cells that Label Studio's JSON_MIN leaves out or simplifies.

    An annotation without regions has no column for them, and one of a single choice has it as plain text.
    """
    if export.convert is not _json_min:
        return rows
    records = [row for row in rows if isinstance(row, dict)]
    regions = {name for row in records for name, cell in row.items() if cell and _objects(cell) and "labels" in cell[0]}
    chosen = {name for row in records for name in row.get(_CHOICES, ())}
    for row in records:
        row.pop(_CHOICES, None)
        row |= {name: [] for name in regions if name not in row}
        for name in chosen:
            if isinstance(row.get(name), str):
                row |= _labelled([row[name]])
    return rows


def _not_accepted(answer: Any) -> Skipped:
    return Skipped(f"the answer {answer!r} (only 'accept' is right)")


def nested_records(content: Any) -> list[Any] | None:
    """The records in a file of NER Annotator or Rasa; ``None`` where it is none."""
    if isinstance(content, dict) and "classes" in content and isinstance(content.get("annotations"), list):
        return list(content["annotations"])
    if isinstance(content, dict) and isinstance(content.get("rasa_nlu_data"), dict):
        examples = content["rasa_nlu_data"].get("common_examples")
        return list(examples) if isinstance(examples, list) else None
    return None


# -------------------------------------------------------------------------------------------------------- the tools


def _spacy(record: Any) -> Record | str:
    """``[text, {"entities": [[start, end, label]], "cats": {label: 0 or 1}}]``."""
    if record is None:
        return Skipped("an annotation that is null")
    if not (isinstance(record, list) and len(record) == 2 and isinstance(record[1], dict)):
        return 'not [text, {"entities": [...]}], as the first row is'
    text, annotations = record
    return _with_cats({"text": text, **annotations})


def _spacy_document(record: Any) -> Record | str:
    """``{"text", "ents": [{"start", "end", "label"}], "cats", "tokens", ...}``."""
    if not isinstance(record, dict):
        return "not a JSON object"
    row = {name: cell for name, cell in record.items() if name != "tokens"}
    return _with_cats({**row, "entities": record.get("ents", [])})


def _with_cats(row: Record) -> Record:
    cats = row.get("cats")
    if isinstance(cats, dict):
        row |= _labelled([label for label, share in cats.items() if isinstance(share, int | float) and share >= 0.5])
    return row


def _label_studio(record: Any) -> Record | str:
    """``{"data", "annotations": [{"result": [{"type", "from_name", "value"}]}]}``.

    If a task has several annotations, the one marked as ground truth counts, else the majority.
    """
    if not isinstance(record, dict) or not isinstance(record.get("data"), dict):
        return "not a task of Label Studio with data and annotations, as the first row is"
    annotations: Any = next((record[key] for key in _TASKS[:2] if key in record), [])
    done = [
        annotation
        for annotation in (annotations if isinstance(annotations, list) else [])
        if isinstance(annotation, dict) and not annotation.get("was_cancelled")
    ]
    if not done:
        return _skipped("a task without an annotation, or whose annotation was cancelled", record)
    truths = [annotation for annotation in done if annotation.get("ground_truth")]
    rows = [_annotated(record["data"], annotation.get("result")) for annotation in truths[:1] or done]
    agreed = Counter(map(_comparable, rows)).most_common(2)
    if len(agreed) > 1 and agreed[0][1] == agreed[1][1]:
        return _skipped("annotators of a task disagree, and none is marked as ground truth", record)
    return next(row for row in rows if _comparable(row) == agreed[0][0])


def _skipped(why: str, record: Record) -> Skipped:
    skipped = Skipped(why)
    skipped.row = record["data"]
    return skipped


def _comparable(row: Record | str) -> str:
    """What an annotation says; the order of its regions is none of it."""
    if isinstance(row, str):
        return row
    return repr({name: sorted(map(repr, cell)) if isinstance(cell, list) else cell for name, cell in row.items()})


def _annotated(data: Record, results: Any) -> Record | str:
    """A task's data with one annotation of it, or what is wrong with that."""
    row = dict(data)
    entities: list[Any] = []
    spans, choices = False, list[str]()
    results = [result for result in results if isinstance(result, dict)] if isinstance(results, list) else []
    if any(result.get("type") == "relation" for result in results):
        row["relations"] = _arrows(results)
    for result in results:
        value = result.get("value")
        if not isinstance(value, dict):
            continue
        name, kind = str(result.get("from_name", "label")), str(result.get("type", ""))
        if kind.endswith("labels") or isinstance(value.get("labels"), list):
            region = _region(value, kind)
            if isinstance(region, str):
                return region
            spans = True
            entities.append(region)
        elif isinstance(options := value.get("choices", _paths(value.get("taxonomy"))), list):
            labelled = _labelled(options)
            row |= {**labelled, name: labelled["label"]}
            choices.append(name)
        else:
            content: Any = next(iter(value.values()), None)
            row[name] = "\n".join(map(str, content)) if kind == "textarea" and _strings(content) else content
    if len(set(choices)) > 1 and "label" not in choices:  # several questions: one has to be named
        row = {name: cell for name, cell in row.items() if name not in ("label", "labels") or name in data}
    if spans or "label" not in row:
        row["entities"] = entities
    return row


def _paths(taxonomy: Any) -> list[str] | None:
    """The nodes of a taxonomy by their paths; ``None`` where there is none."""
    if not isinstance(taxonomy, list):
        return None
    return [" / ".join(map(str, path)) if isinstance(path, list) else str(path) for path in taxonomy]


def _strings(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(value, str) for value in cell)


def _arrows(results: Sequence[Record]) -> list[Record]:
    """The relations between regions, as Prodigy has them."""
    regions = {str(result.get("id")): result.get("value") for result in results if result.get("type") != "relation"}
    arrows: list[Record] = []
    for result in results:
        if result.get("type") != "relation":
            continue
        ends = [regions.get(str(result.get(key))) for key in ("from_id", "to_id")]
        head, child = ends[::-1] if result.get("direction") == "left" else ends
        labels = result.get("labels") or [None]
        directed = result.get("direction") != "bi"
        arrows += [
            {"head_span": head, "child_span": child, "label": label, "directed": directed}
            for label in (labels if isinstance(labels, list) else [labels])
        ]
    return arrows


def _region(value: Record, kind: str) -> Record | str:
    """A marked piece of text as ``{"start", "end", "labels"}``, or why it is none."""
    labels = value.get("labels", value.get(kind))
    shown = {"labels": labels, **({"text": value["text"]} if isinstance(value.get("text"), str) else {})}
    places = value.get("globalOffsets", value)  # of a web page: offsets in its text
    start, end = places.get("start"), places.get("end")
    if type(start) is not int or type(end) is not int:
        return f"a region of type {kind} whose offsets do not count the characters of the text; export plain text"
    return {"start": start, "end": end, **shown}


def _json_min(record: Any) -> Record | str:
    """A flat row; choices may be ``{"choices": [...]}``."""
    if not isinstance(record, dict):
        return "not a JSON object"
    row = dict(record)
    for name, cell in record.items():
        if isinstance(cell, dict) and isinstance(cell.get("choices"), list):
            labelled = _labelled(cell["choices"])
            row |= {**labelled, name: labelled["label"]}
            row[_CHOICES] = [*row.get(_CHOICES, ()), name]
    return row


def _prodigy(record: Any) -> Record | str:
    """Spans, a label that was accepted, or the options that were chosen."""
    if not isinstance(record, dict):
        return "not a JSON object"
    answer = record.get("answer")
    if "answer" not in record and "_input_hash" not in record:
        return dict(record)  # a row from elsewhere in the same file
    if answer != "accept":
        return _not_accepted(answer)
    row = {name: cell for name, cell in record.items() if not (name == "tokens" and _objects(cell))}
    if not any(key in record for key in ("label", "accept", "options")) or "spans" in record:
        row["entities"] = record.get("spans") or []
    if isinstance(record.get("accept"), list):
        row |= _labelled(record["accept"])
    return row


def _doccano(record: Any) -> Record | str:
    """``label`` is a list, of labels or of ``[start, end, label]``; older exports call the text ``data``.

    Exports with relations have ``entities`` and ``relations`` instead (``relations.py``).
    """
    if not isinstance(record, dict):
        return "not a JSON object"
    row = {"text": record.get("data"), **record} if "text" not in record else dict(record)
    label = record.get("label")
    if isinstance(label, list) and all(isinstance(name, str) for name in label):
        row |= _labelled(label)
    return row


def _doccano_numbers(_: Any) -> Record | str:
    """A row whose labels are numbers of a project that is not at hand."""
    return "labels are numbers of doccano's; export JSONL with the text of labels (JSONL (Text label))"


def _dataturks(record: Any) -> Record | str:
    """``{"content", "annotation": [{"label": [...], "points": [{"start", "end"}]}]}``; ends are inclusive."""
    if not isinstance(record, dict):
        return "not a JSON object"
    entities = [
        {"start": point["start"], "end": point["end"] + 1, "labels": annotation.get("label")}
        for annotation in record.get("annotation") or []
        if isinstance(annotation, dict)
        for point in annotation.get("points") or []
        if isinstance(point, dict) and type(point.get("start")) is int and type(point.get("end")) is int
    ]
    return {"text": record.get("content"), "entities": entities}


def _doccano_labels(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(value, str | list) for value in cell)


def _labelled(labels: list[Any]) -> Record:
    """The columns ``label`` (the only one, if it is) and ``labels``."""
    return {"label": labels[0] if len(labels) == 1 else labels, "labels": labels}


def _objects(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(value, Mapping) for value in cell)
