import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from goldilocks.data.readers.rows import rows_of
from goldilocks.errors import InputError

COLUMNS = ["question", "context", "answers"]
ANSWER = [{"text": "Rome", "answer_start": 0}]


def squad(**more: Any) -> dict[str, Any]:
    question = {"id": "q1", "question": "Which city?", "answers": ANSWER}
    paragraph = {"context": "Rome is old.", "qas": [question, {**question, "id": "q2", "question": "Old?", **more}]}
    return {"version": "1.1", "data": [{"title": "Rome", "paragraphs": [paragraph]}]}


def written(path: Path, content: Any) -> Path:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    data = text.encode("utf-8")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["train.json", "train.json.gz"])
def test_nested_questions_become_rows_in_the_order_of_the_file(tmp_path: Path, name: str) -> None:
    result = list(rows_of(written(tmp_path / name, squad()), COLUMNS))

    assert result == [(1, ["Which city?", "Rome is old.", ANSWER]), (2, ["Old?", "Rome is old.", ANSWER])]


def test_title_and_id_can_be_asked_for(tmp_path: Path) -> None:
    result = list(rows_of(written(tmp_path / "a.json", squad()), ["title", "id"]))

    assert result == [(1, ["Rome", "q1"]), (2, ["Rome", "q2"])]


def test_impossible_question_of_squad_2_has_no_answers(tmp_path: Path) -> None:
    content = squad(is_impossible=True, answers=[], plausible_answers=ANSWER)

    result = list(rows_of(written(tmp_path / "v2.json", content), COLUMNS))

    assert [cells[2] for _, cells in result] == [ANSWER, []]


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"data": rows}])
def test_flat_rows_are_read_too(tmp_path: Path, wrap: Any) -> None:
    rows = [{"question": "Which city?", "context": "Rome.", "answers": ANSWER, "id": 7}]

    assert list(rows_of(written(tmp_path / "flat.json", wrap(rows)), COLUMNS)) == [
        (1, ["Which city?", "Rome.", ANSWER])
    ]


def test_damaged_rows_are_numbered_and_the_others_kept(tmp_path: Path) -> None:
    content = squad()
    content["data"][0]["paragraphs"] += [{"context": "No questions."}, {"context": "x", "qas": ["why"]}]
    content["data"].append("no article")

    result = list(rows_of(written(tmp_path / "a.json", content), COLUMNS))

    assert [number for number, _ in result] == [1, 2, 3, 4, 5]
    assert [cells for _, cells in result[2:]] == [
        "a paragraph without qas", "a question that is not a JSON object", "not a JSON object",
    ]  # fmt: skip


def test_document_of_nothing_but_damaged_rows_lacks_no_column(tmp_path: Path) -> None:
    content = {"data": [{"title": "t", "paragraphs": [{"context": "No questions."}]}]}
    assert list(rows_of(written(tmp_path / "a.json", content), COLUMNS)) == [(1, "a paragraph without qas")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"data": [', r"broken JSON .*expected SQuAD's form"),
        ('{"question": "one"}\n{"question": "two",}\n', r"broken JSON .*name the file \.jsonl"),
        ('{"rows": []}', "no list of rows or articles"),
        ("7", "no list of rows or articles"),
        ('[{"question": "q", "context": "c", "answer": []}]', "no column 'answers'. Did you mean 'answer'"),
    ],
)
def test_what_is_no_such_document_is_refused_in_one_line(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(rows_of(written(tmp_path / "a.json", content), COLUMNS))


def test_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert list(rows_of(written(tmp_path / "a.json", ""), COLUMNS)) == []
