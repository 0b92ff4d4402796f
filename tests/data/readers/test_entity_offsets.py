from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.data.read import Reading, read
from goldilocks.data.readers.entity_offsets import tags_from
from goldilocks.errors import InputError

TEXT = "I live in New York."


def _read(folder: Path, rows: list[dict[str, Any]], **fields: str) -> Reading:
    (folder / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return read("x.jsonl", fields, plugins.load("tasks", "ner"), folder)


@pytest.mark.parametrize("entity", [{"start": 10, "end": 18, "label": "LOC"}, [10, 18, "LOC"]])
def test_offsets_become_words_and_tags(tmp_path: Path, entity: Any) -> None:
    result = _read(tmp_path, [{"text": TEXT, "entities": [entity]}, {"text": "no one", "entities": []}])
    assert result.part.texts == (("I", "live", "in", "New", "York", "."), ("no", "one"))
    assert result.part.gold == (("O", "O", "O", "B-LOC", "I-LOC", "O"), ("O", "O"))


def test_columns_may_be_named_otherwise(tmp_path: Path) -> None:
    result = _read(tmp_path, [{"body": "in Rome", "spans": [[3, 7, "LOC"]]}], tokens="body", tags="spans")
    assert result.part.gold == (("O", "B-LOC"),)


def test_words_and_tags_are_not_taken_for_offsets(tmp_path: Path) -> None:
    row = {"text": TEXT, "entities": [], "tokens": ["in", "Rome"], "tags": ["O", "B-LOC"]}
    assert _read(tmp_path, [row]).part.texts == (("in", "Rome"),)


def test_chinese_is_read_by_character() -> None:
    # 我 0 住 1 在 2 北 3 京 4
    assert tags_from("我住在北京", [(3, 5, "LOC", "")]) == [list("我住在北京"), ["O", "O", "O", "B-LOC", "I-LOC"]]


def test_the_column_of_the_entities_may_be_called_label(tmp_path: Path) -> None:
    assert _read(tmp_path, [{"text": "in Rome", "label": [[3, 7, "LOC"]]}]).part.gold == (("O", "B-LOC"),)


@pytest.mark.parametrize("end", [7, 8])
def test_entities_by_type_and_name_are_read_whether_the_end_is_the_last_character_or_behind_it(
    tmp_path: Path, end: int
) -> None:
    # As in CLUENER: 生0 生1 不2 息3 C4 S5 O6 L7 生8
    result = _read(tmp_path, [{"text": "生生不息CSOL生", "label": {"game": {"CSOL": [[4, end]]}}}])
    assert result.part.texts == (("生", "生", "不", "息", "CSOL", "生"),)
    assert result.part.gold == (("O", "O", "O", "O", "B-game", "O"),)


def test_broken_places_of_entities_by_type_are_reported(tmp_path: Path) -> None:
    good = {"text": "in Rome", "label": {"LOC": {"Rome": [[3, 6]]}}}
    result = _read(tmp_path, [good, {"text": "in Rome", "label": {"LOC": {"Rome": [["3", 6]]}}}])
    assert result.problems == {"the entity 'Rome' has the place ['3', 6]; expected [start, last]": (2,)}
    result = _read(tmp_path, [good, {"text": "in Rome", "label": {"LOC": {"Rome": [[2, 5]]}}}])
    assert result.problems == {
        "the entity 2 to 6 is ' Rom' in the text, not 'Rome'; are the offsets off by one, or do they count something "
        "else than characters?": (2,)
    }


def test_a_word_in_chinese_text_is_cut_where_an_entity_ends_and_the_row_is_named(tmp_path: Path) -> None:
    # 看0 C1 P2 L3 2 0 1 1
    result = _read(tmp_path, [{"text": "看CPL2011", "entities": [[1, 4, "game"]]}])
    assert result.part.texts == (("看", "CPL", "2011"),)
    assert result.part.gold == (("O", "B-game", "O"),)
    assert result.repaired == {"an entity that begins or ends inside a word (the word was cut there)": (1,)}


def test_elsewhere_words_are_cut_only_where_that_is_rare(tmp_path: Path) -> None:
    whole = [{"text": "in Rome", "entities": [[3, 7, "LOC"]]}] * 9
    inside = {"text": "the mRNA", "entities": [[5, 8, "X"]]}
    result = _read(tmp_path, [*whole, inside])  # 1 of 10
    assert result.part.texts[-1] == ("the", "m", "RNA")
    assert list(result.repaired.values()) == [(10,)]
    result = _read(tmp_path, [*whole[:8], inside])  # 1 of 9: too often to be meant
    assert list(result.problems.values()) == [(9,)]
    assert "begins inside a word" in next(iter(result.problems))


def test_neighbouring_entities_stay_apart() -> None:
    assert tags_from("北京上海", [(2, 4, "LOC", ""), (0, 2, "LOC", "")]) == [
        list("北京上海"),
        ["B-LOC", "I-LOC", "B-LOC", "I-LOC"],
    ]


@pytest.mark.parametrize(
    ("entities", "problem"),
    [
        ([(10, 17, "LOC", "")], "10 to 17 ends inside a word"),
        ([(11, 18, "LOC", "")], "11 to 18 begins inside a word"),
        ([(9, 18, "LOC", "")], "9 to 18 begins with a blank"),
        ([(10, 14, "LOC", "")], "10 to 14 ends with a blank"),
        ([(10, 30, "LOC", "")], "10 to 30 does not lie in the text, which has 19 characters"),
        ([(-1, 3, "LOC", "")], "-1 to 3 does not lie in the text"),
        ([(10, 10, "LOC", "")], "10 to 10 does not lie in the text"),
        ([(10, 18, "LOC", ""), (14, 18, "PER", "")], "14 to 18 ('York') overlaps another"),
        ([(10, 13, "LOC", "York")], "10 to 13 is 'New' in the text, not 'York'; are the offsets off by one"),
    ],
)
def test_wrong_offsets_are_reported_in_words(entities: Any, problem: str) -> None:
    if problem.startswith("14 to"):
        entities = [(10, 18, "LOC", ""), (14, 18, "PER", "")]
    result = tags_from(TEXT, entities)
    assert isinstance(result, str)
    assert problem in result


@pytest.mark.parametrize(
    ("entities", "problem"),
    [
        ([{"start": "a", "end": 2, "label": "X"}], "entity 1 has the offsets 'a' and 2; they must be whole numbers"),
        ([{"start": 0, "end": 2}], "entity 1 has no label"),
        ([[0, 2]], "entity 1 is neither {start, end, label} nor [start, end, label]"),
        ("none", "entities is not a list"),
    ],
)
def test_broken_entities_are_named_by_row(tmp_path: Path, entities: Any, problem: str) -> None:
    good = {"text": "in Rome", "entities": [[3, 7, "LOC"]]}
    assert _read(tmp_path, [good, {"text": "in Rome", "entities": entities}]).problems == {problem: (2,)}


def _brat(folder: Path, text: str, annotations: str) -> Reading:
    (folder / "doc").mkdir()
    (folder / "doc" / "a.txt").write_bytes(text.encode())
    (folder / "doc" / "a.ann").write_bytes(annotations.encode())
    return read("doc", {}, plugins.load("tasks", "ner"), folder)


def test_brat_folder_gives_a_row_for_each_line(tmp_path: Path) -> None:
    result = _brat(
        tmp_path,
        "Anna lives\r\n\r\nin Rome.\n",
        "T1\tPER 0 4\tAnna\nR1\tlives Arg1:T1 Arg2:T2\nT2\tLOC 17 21\tRome\n#1\tNote T1\tx\n",
    )
    assert result.part.texts == (("Anna", "lives"), ("in", "Rome", "."))
    assert result.part.gold == (("B-PER", "O"), ("O", "B-LOC", "O"))


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        ("T1\tPER 1 4\tnna", "the entity 1 to 4 begins inside a word"),
        ("T1\tPER 0 4\tAnnb", "the entity 0 to 4 is 'Anna' in the text, not 'Annb'"),
        ("T1\tPER 0 4;5 10\tAnna lives", "T1 is in several pieces, which tags cannot say (a.txt)"),
        ("T1 PER 0 4", "'T1 PER 0 4' is not NAME<tab>TYPE START END<tab>TEXT (a.txt)"),
        ("T1\tPER 40 44\tAnna", "the entity 40 to 44 lies beyond the text (a.txt)"),
    ],
)
def test_wrong_annotation_names_its_file(tmp_path: Path, annotation: str, problem: str) -> None:
    result = _brat(tmp_path, "Anna lives\n", annotation)
    assert any(entry.startswith(problem) for entry in result.problems), result.problems


def test_annotations_of_which_no_line_can_be_read_are_reported(tmp_path: Path) -> None:
    result = _brat(tmp_path, "Anna lives\n", "Anna\tPER\nlives\tO\n")
    problem = "no line of its .ann is an annotation of BRAT, such as 'Anna\\tPER' (a.txt)"
    assert result.problems == {problem: (1,)}


def test_text_without_entities_may_have_an_empty_ann_or_notes_alone(tmp_path: Path) -> None:
    result = _brat(tmp_path, "nothing here\n", "#1\tAnnotatorNotes T1\tx\n")
    assert result.part.gold == (("O", "O"),)


def test_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    (tmp_path / "doc").mkdir()
    (tmp_path / "doc" / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"doc: a folder without a \.txt that has an \.ann beside it"):
        read("doc", {}, plugins.load("tasks", "ner"), tmp_path)
