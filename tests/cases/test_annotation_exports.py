"""Exports of annotation tools are read; annotations that were not accepted are left out and counted."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from case_files import as_jsonl, reading

from goldilocks import plugins
from goldilocks.data.read import read
from goldilocks.data.unlabelled import arriving, columns_of
from goldilocks.errors import InputError

TEXT = "Anna went to Rome"
PERSON, PLACE = (0, 4, "PER"), (13, 17, "LOC")
TAGS = ("B-PER", "O", "O", "B-LOC")


def label_studio_span(start: int, end: int, label: str) -> dict[str, Any]:
    return {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]}


LABEL_STUDIO = {
    "id": 1,
    "data": {"text": TEXT},
    "annotations": [
        {"was_cancelled": True, "result": []},
        {
            "was_cancelled": False,
            "result": [
                {"type": "labels", "from_name": "ner", "to_name": "text", "value": label_studio_span(*span)}
                for span in (PERSON, PLACE)
            ],
        },
    ],
}
JSON_MIN = {
    "id": 1,
    "text": TEXT,
    "ner": [label_studio_span(*PERSON), label_studio_span(*PLACE)],
    "annotator": 1,
    "lead_time": 2.5,
}
DOCCANO = {"id": 1, "text": TEXT, "label": [list(PERSON), list(PLACE)]}
DOCCANO_RELATIONS = {
    "id": 1,
    "text": TEXT,
    "entities": [
        {"id": 1, "label": label, "start_offset": start, "end_offset": end} for start, end, label in (PERSON, PLACE)
    ],
    "relations": [],
}
PRODIGY = {
    "text": TEXT,
    "_input_hash": 1,
    "_task_hash": 2,
    "tokens": [{"text": "Anna", "start": 0, "end": 4, "id": 0}],
    "spans": [{"start": start, "end": end, "label": label, "token_start": 0} for start, end, label in (PERSON, PLACE)],
    "answer": "accept",
}
SPACY = [TEXT, {"entities": [list(PERSON), list(PLACE)]}]
AS_JSON = {
    "Label Studio": [LABEL_STUDIO],
    "JSON_MIN": [JSON_MIN],
    "spaCy": [SPACY],
    "NER Annotator": {"classes": ["PER", "LOC"], "annotations": [SPACY]},
}


@pytest.mark.parametrize("tool", AS_JSON)
def test_entities_of_a_json_export_are_read(tmp_path: Path, tool: str) -> None:
    got = reading(tmp_path, "x.json", json.dumps(AS_JSON[tool]).encode(), "ner")
    assert got.problems == {}
    assert got.part.texts == (("Anna", "went", "to", "Rome"),)
    assert got.part.gold == (TAGS,)


@pytest.mark.parametrize(
    "row", [JSON_MIN, DOCCANO, DOCCANO_RELATIONS, PRODIGY], ids=["min", "doccano", "relations", "prodigy"]
)
def test_entities_of_an_export_by_lines_are_read(tmp_path: Path, row: dict[str, Any]) -> None:
    got = reading(tmp_path, "x.jsonl", as_jsonl([row]), "ner")
    assert got.problems == {}
    assert got.part.gold == (TAGS,)


def test_only_accepted_rows_of_prodigy_are_right(tmp_path: Path) -> None:
    rows = [PRODIGY, {**PRODIGY, "answer": "reject"}, {**PRODIGY, "answer": "ignore"}, {**PRODIGY, "answer": "reject"}]
    got = reading(tmp_path, "x.jsonl", as_jsonl(rows), "ner")
    assert len(got.part) == 1
    assert got.total == 4
    assert got.skipped == {
        "the answer 'reject' (only 'accept' is right)": (2, 4),
        "the answer 'ignore' (only 'accept' is right)": (3,),
    }
    assert got.remarks == ("read as an export of Prodigy",)


def test_spans_named_as_tags_respect_the_answer_too(tmp_path: Path) -> None:
    rows = [PRODIGY, {**PRODIGY, "answer": "reject"}]
    got = reading(tmp_path, "x.jsonl", as_jsonl(rows), "ner", {"tokens": "text", "tags": "spans"})
    assert (len(got.part), list(got.skipped.values())) == (1, [(2,)])


def test_choices_of_prodigy_are_labels(tmp_path: Path) -> None:
    options = [{"id": "A", "text": "A"}, {"id": "B", "text": "B"}]
    rows = [{"text": "x", "options": options, "accept": ["A"], "answer": "accept"}]
    assert reading(tmp_path, "x.jsonl", as_jsonl(rows)).part.gold == ("A",)
    several = [{"text": "x", "options": options, "accept": ["A", "B"], "answer": "accept"}]
    assert reading(tmp_path, "y.jsonl", as_jsonl(several), "multi_label_classification").part.gold == (("A", "B"),)


def label_studio_choice(*choices: str) -> dict[str, Any]:
    result = {"type": "choices", "from_name": "sentiment", "to_name": "text", "value": {"choices": list(choices)}}
    return {"id": 1, "data": {"text": "x"}, "annotations": [{"result": [result]}]}


def test_choices_of_label_studio_are_labels(tmp_path: Path) -> None:
    content = json.dumps([label_studio_choice("pos"), label_studio_choice("neg")]).encode()
    assert reading(tmp_path, "x.json", content).part.gold == ("pos", "neg")
    assert reading(tmp_path, "x.json", content, fields={"label": "sentiment"}).part.gold == ("pos", "neg")
    several = json.dumps([label_studio_choice("pos", "late")]).encode()
    assert reading(tmp_path, "x.json", several, "multi_label_classification").part.gold == (("late", "pos"),)


def test_task_of_label_studio_without_annotation_is_left_out(tmp_path: Path) -> None:
    bare = {"id": 2, "data": {"text": "x"}, "annotations": []}
    got = reading(tmp_path, "x.json", json.dumps([LABEL_STUDIO, bare]).encode(), "ner")
    assert got.skipped == {"a task without an annotation, or whose annotation was cancelled": (2,)}


def test_labels_of_doccano_are_lists(tmp_path: Path) -> None:
    got = reading(
        tmp_path, "x.jsonl", as_jsonl([{"id": 1, "text": "x", "label": ["a"]}, {"id": 2, "text": "y", "label": ["b"]}])
    )
    assert got.part.gold == ("a", "b")
    old = as_jsonl([{"id": 1, "data": "x", "label": ["a"]}])
    assert reading(tmp_path, "y.jsonl", old).part.texts == ("x",)


def test_categories_of_spacy_are_labels(tmp_path: Path) -> None:
    rows = [["x", {"cats": {"A": 1.0, "B": 0.0}}], ["y", {"cats": {"A": 0, "B": 1}}]]
    assert reading(tmp_path, "x.json", json.dumps(rows).encode()).part.gold == ("A", "B")


def test_null_of_ner_annotator_is_left_out(tmp_path: Path) -> None:
    content = json.dumps({"classes": ["PER"], "annotations": [None, SPACY]}).encode()
    got = reading(tmp_path, "x.json", content, "ner")
    assert (len(got.part), got.skipped) == (1, {"an annotation that is null": (1,)})


def test_rows_of_another_form_than_the_first_are_problems(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.json", json.dumps([SPACY, {"text": "x"}, ["y"]]).encode(), "ner")
    assert got.problems == {'not [text, {"entities": [...]}], as the first row is': (2, 3)}
    got = reading(tmp_path, "x.json", json.dumps([LABEL_STUDIO, {"text": "x"}]).encode(), "ner")
    assert got.problems == {"not a task of Label Studio with data and annotations, as the first row is": (2,)}


def test_entity_with_several_labels_is_a_problem(tmp_path: Path) -> None:
    row = {**JSON_MIN, "ner": [{**label_studio_span(*PERSON), "labels": ["PER", "ORG"]}]}
    got = reading(tmp_path, "x.json", json.dumps([row]).encode(), "ner")
    assert got.problems == {"entity 1 has 2 labels; a word has one tag, so keep one of them": (1,)}


def test_tasks_without_annotation_are_what_predict_answers(tmp_path: Path) -> None:
    bare = {"id": 2, "data": {"text": "x"}, "annotations": []}
    (tmp_path / "x.json").write_text(json.dumps([label_studio_choice("pos"), bare]))
    task = plugins.load("tasks", "text_classification")
    asked = [row for batch in arriving(tmp_path / "x.json", task, columns_of(task, {})) for row in batch]
    assert asked == [(1, "x"), (2, "x")]


def label_studio_task(*annotations: dict[str, Any]) -> bytes:
    return json.dumps([{"id": 1, "data": {"text": TEXT}, "annotations": list(annotations)}]).encode()


def chosen(label: str, **more: Any) -> dict[str, Any]:
    return {"result": label_studio_choice(label)["annotations"][0]["result"], **more}


def test_annotators_of_label_studio_are_asked_for_what_most_say(tmp_path: Path) -> None:
    got = reading(tmp_path, "most.json", label_studio_task(chosen("neg"), chosen("pos"), chosen("pos")))
    assert got.part.gold == ("pos",)
    got = reading(
        tmp_path, "truth.json", label_studio_task(chosen("neg"), chosen("neg"), chosen("pos", ground_truth=True))
    )
    assert got.part.gold == ("pos",)
    got = reading(tmp_path, "tie.json", label_studio_task(chosen("neg"), chosen("pos")))
    assert got.skipped == {"annotators of a task disagree, and none is marked as ground truth": (1,)}


def region(kind: str, **value: Any) -> dict[str, Any]:
    return {"result": [{"type": kind, "from_name": "ner", "to_name": "text", "value": {kind: ["PER"], **value}}]}


def test_regions_of_a_web_page_have_offsets_in_its_text(tmp_path: Path) -> None:
    page = region(
        "hypertextlabels", start="/p[1]/text()[1]", end="/p[1]/text()[1]", globalOffsets={"start": 0, "end": 4}
    )
    got = reading(tmp_path, "x.json", label_studio_task(page), "ner")
    assert got.part.gold == (("B-PER", "O", "O", "O"),)


@pytest.mark.parametrize("kind", ["hypertextlabels", "paragraphlabels", "timeserieslabels"])
def test_regions_without_offsets_are_not_read_as_texts_without_entities(tmp_path: Path, kind: str) -> None:
    got = reading(
        tmp_path, "x.json", label_studio_task(region(kind, start="0", end="0", startOffset=0, endOffset=4)), "ner"
    )
    assert list(got.problems) == [
        f"a region of type {kind} whose offsets do not count the characters of the text; export plain text"
    ]


def test_region_without_a_label_is_named(tmp_path: Path) -> None:
    bare = {"result": [{"type": "labels", "from_name": "n", "value": {"start": 0, "end": 4, "text": "Anna"}}]}
    assert reading(tmp_path, "x.json", label_studio_task(bare), "ner").problems == {"entity 1 has no label": (1,)}


def test_two_questions_of_label_studio_need_a_name(tmp_path: Path) -> None:
    def answer(question: str, label: str) -> dict[str, Any]:
        return {"type": "choices", "from_name": question, "value": {"choices": [label]}}

    content = label_studio_task({"result": [answer("topic", "money"), answer("mood", "good")]})
    with pytest.raises(InputError, match=r"there is no column 'label'. There are: 'text', 'topic', 'mood'"):
        reading(tmp_path, "x.json", content)
    assert reading(tmp_path, "y.json", content, fields={"label": "topic"}).part.gold == ("money",)


def test_tool_is_recognised_behind_rows_that_do_not_show_it(tmp_path: Path) -> None:
    bare = {"id": 1, "data": {"text": "x"}}
    got = reading(tmp_path, "x.json", json.dumps([bare, label_studio_choice("pos")]).encode())
    assert (got.part.gold, list(got.skipped.values())) == (("pos",), [(1,)])
    plain = {"text": "a", "label": "x"}
    got = reading(tmp_path, "x.jsonl", as_jsonl([plain, {**plain, "_input_hash": 1, "answer": "reject"}]))
    assert (got.part.texts, list(got.skipped.values())) == (("a",), [(2,)])
    got = reading(tmp_path, "y.json", json.dumps(label_studio_choice("pos")).encode())  # a single task
    assert got.part.gold == ("pos",)


def test_answers_are_respected_without_the_hashes_of_prodigy(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "x", "answer": "accept"}, {"text": "b", "label": "x", "answer": "reject"}]
    assert reading(tmp_path, "x.jsonl", as_jsonl(rows)).part.texts == ("a",)


def test_accepted_text_without_spans_has_no_entities(tmp_path: Path) -> None:
    bare = {key: cell for key, cell in PRODIGY.items() if key != "spans"}
    got = reading(tmp_path, "x.jsonl", as_jsonl([bare, PRODIGY]), "ner")
    assert got.part.gold == (("O",) * 4, TAGS)


def test_documents_of_spacy_and_entities_with_an_entry_are_read(tmp_path: Path) -> None:
    document = {
        "text": TEXT,
        "ents": [{"start": 0, "end": 4, "label": "PER"}],
        "tokens": [{"id": 0, "start": 0, "end": 4}],
    }
    got = reading(tmp_path, "x.jsonl", as_jsonl([document]), "ner")
    assert got.part.gold == (("B-PER", "O", "O", "O"),)
    linked = json.dumps([[TEXT, {"entities": [[0, 4, "PER", "Q1"]]}]]).encode()
    assert reading(tmp_path, "x.json", linked, "ner").part.gold == (("B-PER", "O", "O", "O"),)
    assert reading(tmp_path, "y.jsonl", linked, "ner").part.gold == (("B-PER", "O", "O", "O"),)  # a list in one line


def test_training_form_of_spacy_2_is_named(tmp_path: Path) -> None:
    token = {"orth": "Rome", "ner": "U-LOC"}
    content = json.dumps([{"id": 0, "paragraphs": [{"raw": "Rome", "sentences": [{"tokens": [token]}]}]}]).encode()
    with pytest.raises(InputError, match=r"x\.json: is spaCy 2's training form; write its documents as JSON Lines"):
        reading(tmp_path, "x.json", content, "ner")


@pytest.mark.parametrize("cell", ["[(0, 4, 'PER')]", '[{"start": 0, "end": 4, "label": "PER"}]', "[[0.0, 4.0, 'PER']]"])
def test_entities_in_cells_of_a_table_are_read(tmp_path: Path, cell: str) -> None:
    quoted = cell.replace('"', '""')
    got = reading(tmp_path, "x.csv", f'text,spans\n{TEXT},"{quoted}"\nBo,[]\n'.encode(), "ner")
    assert got.part.gold == (("B-PER", "O", "O", "O"), ("O",))


def related(kind: str, head: tuple[int, int, str], child: tuple[int, int, str]) -> dict[str, Any]:
    """A text with one relation, as a tool exports it."""
    spans = [{"start": start, "end": end, "label": label} for start, end, label in (head, child)]
    if kind == "doccano":
        entities = [
            {"id": place, "label": span["label"], "start_offset": span["start"], "end_offset": span["end"]}
            for place, span in enumerate(spans, start=7)
        ]
        relation = {"id": 1, "from_id": 7, "to_id": 8, "type": "went_to"}
        return {"id": 3, "text": TEXT, "entities": entities, "relations": [relation], "Comments": []}
    if kind == "Prodigy":
        relation = {"head": 0, "child": 3, "head_span": spans[0], "child_span": spans[1], "label": "went_to"}
        return {"text": TEXT, "_input_hash": 1, "spans": spans, "relations": [relation], "answer": "accept"}
    regions = [
        {"id": f"r{place}", "type": "labels", "from_name": "l", "value": {**span, "labels": [span["label"]]}}
        for place, span in enumerate(spans)
    ]
    arrow = {"type": "relation", "from_id": "r0", "to_id": "r1", "direction": "right", "labels": ["went_to"]}
    return {"id": 1, "data": {"text": TEXT}, "annotations": [{"result": [*regions, arrow]}]}


@pytest.mark.parametrize("kind", ["doccano", "Prodigy", "Label Studio"])
def test_relations_of_an_export_are_rows_with_their_direction(tmp_path: Path, kind: str) -> None:
    name = "x.json" if kind == "Label Studio" else "x.jsonl"
    rows = [related(kind, PERSON, PLACE), related(kind, PLACE, PERSON)]
    content = json.dumps(rows).encode() if name == "x.json" else as_jsonl(rows)
    got = reading(tmp_path, name, content, "relation_extraction")
    assert got.problems == {}
    assert got.part.texts == ("[E1] Anna [/E1] went to [E2] Rome [/E2]",) * 2
    assert got.part.gold == ("went_to(e1,e2)", "went_to(e2,e1)")
    assert got.remarks[0] == f"read as an export of {kind}"
    assert "pairs of entities without one are no rows" in got.remarks[1]
    assert reading(tmp_path, f"again{name[1:]}", content, "ner").part.gold == (TAGS, TAGS)  # the same file as entities


def test_text_without_relations_is_left_out_and_a_broken_one_is_named(tmp_path: Path) -> None:
    whole = related("doccano", PERSON, PLACE)
    broken = {**whole, "relations": [{"from_id": 7, "to_id": 99, "type": "went_to"}]}
    rows = [whole, {**whole, "relations": []}, broken]
    got = reading(tmp_path, "x.jsonl", as_jsonl(rows), "relation_extraction")
    assert got.part.gold == ("went_to(e1,e2)",)
    assert got.skipped == {"a text in which no relation is marked": (2,)}
    assert got.problems == {"relation 1 is not between two entities with offsets": (3,)}


def test_several_relations_of_a_text_share_its_row_number(tmp_path: Path) -> None:
    whole = related("Prodigy", PERSON, PLACE)
    other = {**whole["relations"][0], "label": "likes"}
    got = reading(
        tmp_path, "x.jsonl", as_jsonl([{**whole, "relations": [*whole["relations"], other]}]), "relation_extraction"
    )
    assert (got.part.gold, got.part.rows) == (("went_to(e1,e2)", "likes(e1,e2)"), (1, 1))


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.xlsx"])
def test_answers_of_prodigy_are_respected_in_tables(tmp_path: Path, name: str) -> None:
    rows = [
        (text, label, 1, answer)
        for text, label, answer in (
            ("a", "x", "accept"),
            ("b", "x", "reject"),
            ("c", "y", "ignore"),
            ("d", "y", "accept"),
        )
    ]
    frame = pd.DataFrame(rows, columns=["text", "label", "_input_hash", "answer"])
    path = tmp_path / name
    {"x.csv": frame.to_csv, "x.parquet": frame.to_parquet, "x.xlsx": frame.to_excel}[name](path, index=False)
    got = read(name, {}, plugins.load("tasks", "text_classification"), tmp_path)
    assert (got.part.texts, got.total) == (("a", "d"), 4)
    assert got.skipped == {
        "the answer 'reject' (only 'accept' is right)": (2,),
        "the answer 'ignore' (only 'accept' is right)": (3,),
    }
    assert "read as an export of Prodigy" in got.remarks
    task = plugins.load("tasks", "text_classification")
    asked = [row for batch in arriving(path, task, columns_of(task, {})) for row in batch]
    assert [text for _, text in asked] == ["a", "b", "c", "d"]  # what was rejected can still be predicted


def test_a_column_of_other_answers_is_no_export(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b"text,label,answer\na,x,accept\nb,x,perhaps\n")
    assert got.part.texts == ("a", "b")
    named = reading(tmp_path, "y.csv", b"text,label,answer\na,x,accept\nb,x,reject\n", fields={"label": "answer"})
    assert named.part.gold == ("accept", "reject")


def test_annotation_of_json_min_without_regions_has_no_entities(tmp_path: Path) -> None:
    bare = {name: cell for name, cell in JSON_MIN.items() if name != "ner"}
    for rows in ([bare, JSON_MIN], [JSON_MIN, bare]):
        got = reading(tmp_path, "x.json", json.dumps(rows).encode(), "ner")
        assert (set(got.part.gold), got.problems) == ({TAGS, ("O",) * 4}, {})


def test_single_choices_are_labels_where_other_rows_have_several(tmp_path: Path) -> None:
    rows = [{**JSON_MIN, "ner": [], "mood": mood} for mood in ("sad", {"choices": ["glad", "calm"]})]
    got = reading(tmp_path, "x.json", json.dumps(rows).encode(), "multi_label_classification")
    assert got.part.gold == (("sad",), ("calm", "glad"))
    table = b'text,labels\nx,sad\ny,"{""choices"": [""glad"", ""calm""]}"\n'
    assert reading(tmp_path, "x.csv", table, "multi_label_classification").part.gold == got.part.gold


def test_taxonomies_and_texts_of_label_studio_are_read(tmp_path: Path) -> None:
    def task(kind: str, name: str, value: Any) -> dict[str, Any]:
        result = {"type": kind, "from_name": name, "value": {"text" if kind == "textarea" else kind: value}}
        return {"id": 1, "data": {"text": "x", "source": "x"}, "annotations": [{"result": [result]}]}

    content = json.dumps([task("taxonomy", "topic", [["Sport", "Tennis"]])]).encode()
    assert reading(tmp_path, "x.json", content).part.gold == ("Sport / Tennis",)
    content = json.dumps([task("textarea", "target", ["y"])]).encode()
    assert reading(tmp_path, "y.json", content, "translation").part.gold == ("y",)


def test_numbers_of_labels_are_named_as_what_they_are(tmp_path: Path) -> None:
    row = {"id": 1, "text": TEXT, "annotations": [{"label": 2, "start_offset": 0, "end_offset": 4, "user": 1}]}
    got = reading(tmp_path, "x.jsonl", as_jsonl([row]), "ner")
    assert list(got.problems) == [
        "labels are numbers of doccano's; export JSONL with the text of labels (JSONL (Text label))"
    ]


@pytest.mark.parametrize("name", ["train.py", "train.txt", "train.json"])
def test_training_data_in_python_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"is Python source; write its list with json\.dump"):
        reading(tmp_path, name, f"TRAIN_DATA = [('{TEXT}', {{'entities': [(0, 4, 'PER')]}})]\n".encode(), "ner")


def test_exports_of_dataturks_rasa_and_webanno(tmp_path: Path) -> None:
    turks = {"content": TEXT, "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 3, "text": "Anna"}]}]}
    person = ("B-PER", "O", "O", "O")
    assert reading(tmp_path, "x.json", as_jsonl([turks, turks]), "ner").part.gold == (person, person)
    example = {"text": TEXT, "intent": "go", "entities": [{"start": 0, "end": 4, "value": "Anna", "entity": "PER"}]}
    content = json.dumps({"rasa_nlu_data": {"common_examples": [example]}}).encode()
    assert reading(tmp_path, "y.json", content, "ner").part.gold == (person,)
    with pytest.raises(InputError, match="is a TSV of WebAnno or INCEpTION; export CoNLL 2002"):
        reading(tmp_path, "z.tsv", b"#FORMAT=WebAnno TSV 3.3\n\n#Text=Bo\n1-1\t0-2\tBo\tPER\n", "ner")
