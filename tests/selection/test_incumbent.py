"""Reading what answers today, and what can be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from race_records import SPEC

from goldilocks import plugins
from goldilocks.errors import InputError, MissingError
from goldilocks.evaluation.trivial_baselines import BaselineAnswers
from goldilocks.records import Answer, DataProfile, Dataset, Output, Part
from goldilocks.selection.incumbent import with_incumbent

ROWS = Part(("card lost", "send money", "lost again"), ("card", "transfer", "card"), (2, 5, 7))
DATA = Dataset(Part(), ROWS, Part(), ("card", "transfer"), "0" * 16, DataProfile({}, {}, {}, {}, "en", {}))


def answers(
    folder: Path, rows: Sequence[Mapping[str, Any]], dataset: Dataset = DATA, task: str = "text_classification"
) -> tuple[Answer, ...]:
    path = folder / "today.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = replace(SPEC, folder=folder)
    return with_incumbent(BaselineAnswers({}), "today.jsonl", spec, plugins.load("tasks", task), dataset).answers[
        "incumbent"
    ]


def test_rows_are_matched_by_their_text_and_others_are_passed_over(tmp_path: Path) -> None:
    rows = [{"text": "lost again", "prediction": "transfer"}, {"text": "not asked", "prediction": "card"}]
    rows += [{"text": "send money", "label": "transfer"}, {"text": "card lost", "label": "card"}]
    assert answers(tmp_path, rows) == ("card", "transfer", "transfer")


def test_rows_are_matched_by_their_number_where_there_is_no_text(tmp_path: Path) -> None:
    rows = [{"row": number, "prediction": label} for number, label in ((7, "card"), (2, "card"), (5, "transfer"))]
    assert answers(tmp_path, rows) == ("card", "transfer", "card")


def test_csv_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "today.csv").write_text("text,prediction\ncard lost,card\nsend money,card\nlost again,card\n")
    spec = replace(SPEC, folder=tmp_path)
    got = with_incumbent(BaselineAnswers({}), "today.csv", spec, plugins.load("tasks", "text_classification"), DATA)
    assert got.answers["incumbent"] == ("card",) * 3
    assert got.notes["incumbent"] == "the incumbent (today.csv)"


def test_fewer_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 of 3 validation rows have no answer in it \(rows 5, 7 of the data\)"):
        answers(tmp_path, [{"text": "card lost", "prediction": "card"}])


def test_other_labels_are_named_with_the_nearest(tmp_path: Path) -> None:
    rows = [{"text": text, "prediction": "transfr"} for text in ROWS.texts]
    with pytest.raises(InputError, match=r"answers 'transfr' for row 2 .* Did you mean 'transfer'"):
        answers(tmp_path, rows)


def test_row_number_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 1: row is 'x'; write the number of the row"):
        answers(tmp_path, [{"row": "x", "prediction": "card"}])


def test_score_that_is_no_number_is_named(tmp_path: Path) -> None:
    data = replace(DATA, validation=Part((("a", "b"),), (1.0,), (1,)), labels=(), output=Output.SCORE)
    with pytest.raises(InputError, match=r"score cannot be used .it is 'much', not a number"):
        answers(tmp_path, [{"text1": "a", "text2": "b", "score": "much"}], data, "similarity")


def test_tags_must_be_as_many_as_the_words(tmp_path: Path) -> None:
    data = replace(
        DATA, validation=Part((("to", "Rome"),), (("O", "B-LOC"),), (1,)), labels=("B-LOC", "O"), output=Output.TAGS
    )
    assert answers(tmp_path, [{"tokens": ["to", "Rome"], "tags": ["O", "O"]}], data, "ner") == (("O", "O"),)
    with pytest.raises(InputError, match="not one value for each of the 2 words"):
        answers(tmp_path, [{"tokens": ["to", "Rome"], "tags": ["O"]}], data, "ner")


def test_file_that_is_not_there_and_folder_that_is_no_bundle_are_named(tmp_path: Path) -> None:
    task = plugins.load("tasks", "text_classification")
    with pytest.raises(MissingError, match=r"nothing.csv"):
        with_incumbent(BaselineAnswers({}), "nothing.csv", replace(SPEC, folder=tmp_path), task, DATA)
    with pytest.raises(InputError, match=r"is a folder without bundle.json"):
        with_incumbent(BaselineAnswers({}), str(tmp_path), SPEC, task, DATA)
