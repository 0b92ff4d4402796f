from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.data.annotation_files import AnnotationForm, AnnotationRow, write_annotation_file
from goldilocks.data.read import read
from goldilocks.data.unlabelled import arriving
from goldilocks.records import Output

CLASSES = plugins.load("tasks", "text_classification")
ROWS = [AnnotationRow(7, 'my card, it is "lost"', "card_lost", 0.5), AnnotationRow(2, "你好\n再见", "greeting", 0.25)]


def test_csv_has_the_texts_a_suggestion_and_an_empty_place_for_nothing_else(tmp_path: Path) -> None:
    write_annotation_file(tmp_path / "x.csv", AnnotationForm.CSV, ROWS, ("body",), Output.LABEL)
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert table[0] == {"body": ROWS[0].item, "suggestion": "card_lost", "score": "0.5", "row": "7"}
    assert table[1]["body"] == "你好\n再见"


def test_label_studio_shows_the_suggestion_and_its_export_is_read_with_the_annotation(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    write_annotation_file(path, AnnotationForm.LABEL_STUDIO, ROWS, ("text",), Output.LABEL)
    tasks = json.loads(path.read_text(encoding="utf-8"))
    (suggestion,) = tasks[0]["predictions"][0]["result"]
    assert suggestion == {
        "from_name": "label",
        "to_name": "text",
        "type": "choices",
        "value": {"choices": ["card_lost"]},
    }
    assert tasks[0]["data"]["row"] == 7

    # As the tool exports it: the annotator confirmed the first and skipped the second.
    tasks[0]["annotations"] = [{"result": [suggestion]}]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    reading = read("tasks.json", {}, CLASSES, tmp_path)
    assert (reading.part.texts, reading.part.gold) == ((ROWS[0].item,), ("card_lost",))


def test_files_are_read_again_as_rows_to_label(tmp_path: Path) -> None:
    for form, name in (("csv", "x.csv"), ("label-studio", "x.json"), ("doccano", "x.jsonl")):
        write_annotation_file(tmp_path / name, AnnotationForm(form), ROWS, ("text",), Output.LABEL)
        items = [item for batch in arriving(tmp_path / name, CLASSES, {"text": "text"}) for _, item in batch]
        assert items == [row.item for row in ROWS], form


def test_doccano_export_is_read_with_its_labels(tmp_path: Path) -> None:
    write_annotation_file(tmp_path / "x.jsonl", AnnotationForm.DOCCANO, ROWS, ("text",), Output.LABEL)
    reading = read("x.jsonl", {}, CLASSES, tmp_path)
    assert reading.part.gold == ("card_lost", "greeting")


def test_entities_have_offsets_in_the_joined_words(tmp_path: Path) -> None:
    row = AnnotationRow(1, ("In", "New", "York", "with", "Anna"), ("O", "B-LOC", "I-LOC", "O", "B-PER"), 0.1)
    write_annotation_file(tmp_path / "x.jsonl", AnnotationForm.DOCCANO, [row], ("tokens",), Output.TAGS)
    record = json.loads((tmp_path / "x.jsonl").read_text(encoding="utf-8"))
    assert record["text"] == "In New York with Anna"
    assert [(record["text"][start:end], label) for start, end, label in record["label"]] == [
        ("New York", "LOC"),
        ("Anna", "PER"),
    ]
    write_annotation_file(tmp_path / "x.json", AnnotationForm.LABEL_STUDIO, [row], ("text",), Output.TAGS)
    (task,) = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    values = [entity["value"] for entity in task["predictions"][0]["result"]]
    assert values[0] == {"start": 3, "end": 11, "text": "New York", "labels": ["LOC"]}


@pytest.mark.parametrize("form", list(AnnotationForm))
def test_pairs_and_several_labels_are_written(form: AnnotationForm, tmp_path: Path) -> None:
    row = AnnotationRow(1, ("first", "second"), ("money", "sport"), 0.1)
    write_annotation_file(tmp_path / "x", form, [row], ("text1", "text2"), Output.LABEL)
    content = (tmp_path / "x").read_text(encoding="utf-8")
    assert all(word in content for word in ("first", "second", "money", "sport"))
