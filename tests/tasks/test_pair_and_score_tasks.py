from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.data.read import read
from goldilocks.errors import InputError
from goldilocks.records import DataSpec, TaskSpec

DATA = Path(os.environ.get("GOLDILOCKS_DATA", "../shared/data"))


def _problem(task: str, row: dict[str, Any]) -> str | None:
    return plugins.load("tasks", task).problem(row)


def _read(task: str, row: dict[str, Any]) -> tuple[Any, Any]:
    plugin = plugins.load("tasks", task)
    assert plugin.problem(row) is None
    return plugin.item(row), plugin.gold(row)


@pytest.mark.parametrize(
    "cell", [["b", "a", "b"], '["b", "a"]', "b|a", "a; b", " a , b "], ids=["list", "json", "bar", "semicolon", "comma"]
)
def test_labels_come_as_a_list_or_as_one_text(cell: Any) -> None:
    assert _read("multi_label_classification", {"text": "t", "labels": cell}) == ("t", ("a", "b"))


def test_no_label_is_an_answer_that_is_written_out() -> None:
    assert _read("multi_label_classification", {"text": "t", "labels": []}) == ("t", ())
    assert _read("multi_label_classification", {"text": "t", "labels": "[]"}) == ("t", ())
    words = _problem("multi_label_classification", {"text": "t", "labels": ""})
    assert words == "labels is empty; write [] where no label fits"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("a||b", "one of the labels is empty"),
        (["a", None], "one of the labels is empty"),
        (["a", float("nan")], "one of the labels is NaN"),
        ({"a": 1}, "labels is a dict, not a list"),
        (["a", "x\ud800"], "one of the labels holds half a character (a lone surrogate)"),
        ("[a, b]", "labels is '[a, b]', which is not a list"),
    ],
)
def test_wrong_labels_are_reported(cell: Any, words: str) -> None:
    assert _problem("multi_label_classification", {"text": "t", "labels": cell}) == words


def test_pair_has_two_texts_and_a_label() -> None:
    row = {"text1": "a", "text2": "b", "label": 1.0}
    assert _read("pair_classification", row) == (("a", "b"), "1")
    assert _problem("pair_classification", row | {"text2": " "}) == "text2 is empty"
    assert _problem("pair_classification", row | {"text1": 7}) == "text1 is a int, not text"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("3-4", "score is '3-4', not a number"),
        ("high", "score is 'high', not a number"),
        ("inf", "score is inf, not a finite number"),
        (-1.7e308, "score is -1.7e+308; numbers are read up to 1e+12, so write it on another scale"),
        (float("nan"), "score is NaN"),
        (None, "score is empty"),
        ([3], "score is a list, not a number"),
        (True, "score is a bool, not a number"),
    ],
)
def test_score_that_is_no_number_is_reported(cell: Any, words: str) -> None:
    assert _problem("similarity", {"text1": "a", "text2": "b", "score": cell}) == words


def test_score_is_read_from_text_too() -> None:
    assert _read("similarity", {"text1": "a", "text2": "b", "score": " 3.25 "}) == (("a", "b"), 3.25)


# ------------------------------------------------------------------------------------------------------------ relations


def test_things_are_marked_in_the_text_or_given_beside_it() -> None:
    label = "Cause-Effect(e2,e1)"
    marked = {"text": "The <e1>burst</e1> came from <e2>heat</e2>.", "label": label}
    beside = {"text": "The burst came from heat.", "e1": [4, 9], "e2": "[20, 24]", "label": label}
    wanted = "The [E1] burst [/E1] came from [E2] heat [/E2] ."
    assert _read("relation_extraction", marked) == _read("relation_extraction", beside) == (wanted, label)


def test_second_thing_may_stand_first() -> None:
    row = {"text": "heat and burst", "e1": [9, 14], "e2": [0, 4], "label": "Other"}
    assert _read("relation_extraction", row)[0] == "[E2] heat [/E2] and [E1] burst [/E1]"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": "no <e1>mark</e1>"}, "text has 0 <e2> and 0 </e2>; mark one piece, or give e2 as [start, end]"),
        ({"text": "<e1>a <e2>b</e2>"}, "text has 1 <e1> and 0 </e1>; mark one piece, or give e1 as [start, end]"),
        ({"e1": [0, 1]}, "e1 is given and the other is not; give both, or mark both in the text"),
        ({"text": "abc", "e1": [0, 1], "e2": [2, 9]}, "e2 is [2, 9], which is not a piece of a text of 3 characters"),
        ({"text": "abc", "e1": [0, 2], "e2": [1, 3]}, "e1 and e2 overlap"),
        ({"text": "<e1>a <e2>b</e2></e1>"}, "e1 and e2 overlap"),
        ({"text": "[E2] a [E1] b [/E2] c [/E1]"}, "e1 and e2 overlap"),
        ({"text": "abc", "e1": "0-2", "e2": [1, 3]}, "e1 is '0-2', not [start, end]"),
        ({"label": "R(e1,e3)"}, "label 'R(e1,e3)' has the direction (e1,e3); write (e1,e2) or (e2,e1)"),
        ({"label": None}, "label is empty"),
    ],
)
def test_wrong_relation_row_is_reported(change: dict[str, Any], words: str) -> None:
    row = {"text": "<e1>a</e1> <e2>b</e2>", "label": "Other"} | change
    assert _problem("relation_extraction", row) == words


# ------------------------------------------------------------------------------------------------------------- matching


def test_list_has_a_number_for_each_candidate() -> None:
    row = {"query": "q", "candidates": ["a", "b"], "relevance": "[1, 0]"}
    assert _read("matching", row) == (("q", "a", "b"), (1.0, 0.0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"relevance": [1]}, "relevance has 1 number for 2 candidates"),
        ({"relevance": [1, -1]}, "relevance of candidate 2 is -1, below 0"),
        ({"relevance": [1, "x"]}, "relevance of candidate 2 is 'x', not a number"),
        ({"relevance": 1}, "relevance is '1', not a list"),
        ({"candidates": ["a"], "relevance": [1]}, "1 candidate; at least 2 are needed to rank"),
        ({"candidates": ["a", ""]}, "candidate 2 is empty"),
        ({"candidates": None}, "candidates is empty; give a list of texts, or rows with one item each"),
        ({"query": None}, "query is empty"),
    ],
)
def test_wrong_list_is_reported(change: dict[str, Any], words: str) -> None:
    assert _problem("matching", {"query": "q", "candidates": ["a", "b"], "relevance": [1, 0]} | change) == words


# ----------------------------------------------------------------------------------------------------------- from files


def test_bad_scores_are_named_by_their_rows(tmp_path: Path) -> None:
    lines = ["text1\ttext2\tscore", *(f"a{i}\tb{i}\t{i % 5}" for i in range(20)), "a\tb\tthree", "a\t\t2"]
    (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    spec = TaskSpec("t", DataSpec("train.tsv"), task="similarity", folder=tmp_path)
    with pytest.raises(InputError, match=r"score is 'three', not a number: row 21; text2 is empty: row 22"):
        load(spec, plugins.load("tasks", "similarity"))


def test_glue_file_is_read_by_its_own_column_names(tmp_path: Path) -> None:
    row = 'Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tHe said "so\tShe said "no"\n0\t9\t1\ta\tb\n'
    (tmp_path / "msr.tsv").write_text(row, encoding="utf-8")
    fields = {"text1": "#1 String", "text2": "#2 String", "label": "Quality"}
    part = read("msr.tsv", fields, plugins.load("tasks", "pair_classification"), tmp_path).part
    assert part.texts == (('He said "so', 'She said "no"'), ("a", "b"))
    assert part.gold == ("1", "0")


def test_rows_with_one_item_each_become_lists(tmp_path: Path) -> None:
    rows = ["query,item,relevance", "q1,a,1", "q2,c,0", "q1,b,0", "q2,d,2"]
    (tmp_path / "long.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    part = read("long.csv", {}, plugins.load("tasks", "matching"), tmp_path).part
    assert part.texts == (("q1", "a", "b"), ("q2", "c", "d"))
    assert part.gold == ((1.0, 0.0), (0.0, 2.0))
    assert part.rows == (1, 2)


@pytest.mark.parametrize(
    ("task", "name", "file", "rows"),
    [
        ("similarity", "stsb", "train", 5749),
        ("pair_classification", "mrpc", "train", 3668),
        ("relation_extraction", "semeval2010_task8", "train", 8000),
    ],
)
def test_published_set_has_no_row_that_cannot_be_used(task: str, name: str, file: str, rows: int) -> None:
    result = DATA / name / f"{file}.jsonl.gz"
    if not result.exists():
        pytest.skip(f"{name} is not at hand; set GOLDILOCKS_DATA")
    plugin = plugins.load("tasks", task)
    with gzip.open(result, "rt", encoding="utf-8") as lines:
        problems = [plugin.problem(json.loads(line)) for line in lines]
    assert len(problems) == rows
    assert not any(problems)
