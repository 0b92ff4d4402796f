from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.data.documents import joined
from goldilocks.data.read import Reading, read
from goldilocks.errors import InputError

CONLL = """-DOCSTART- O

EU B-ORG
rejects O

Peter I-PER

-DOCSTART- O

Rome I-LOC

Oslo I-LOC

Bern I-LOC
"""
ROLES = ("tokens", "tags", "document")


def _read(folder: Path, content: str, name: str = "x.conll", sentences: int = 2, task: str = "ner") -> Reading:
    (folder / name).write_text(content, encoding="utf-8")
    return read(name, {}, plugins.load("tasks", task), folder, sentences=sentences)


def _lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in rows)


def test_neighbours_of_one_document_are_read_together(tmp_path: Path) -> None:
    found = _read(tmp_path, CONLL)
    assert found.part.texts == (("EU", "rejects", "\n", "Peter"), ("Rome", "\n", "Oslo"), ("Bern",))
    assert found.part.gold == (("B-ORG", "O", "B-PER"), ("B-LOC", "B-LOC"), ("B-LOC",))
    assert found.part.rows == (1, 3, 5)
    assert "up to 2 sentences of a document that follow one another are a row" in found.remarks


def test_one_sentence_a_row_unless_more_are_asked_for(tmp_path: Path) -> None:
    found = _read(tmp_path, CONLL, sentences=1)
    assert found.part.rows == (1, 2, 3, 4, 5)
    assert not [one for one in found.remarks if "sentences" in one]


def test_conllu_tells_documents_by_its_comments(tmp_path: Path) -> None:
    words = "1\tRome\trome\tPROPN\n\n# newdoc id = b\n# sent_id = 2\n1\tOslo\toslo\tPROPN\n\n1\tBern\tbern\tPROPN\n"
    found = _read(tmp_path, words, "x.conllu", task="pos_tagging")
    assert found.part.texts == (("Rome",), ("Oslo", "\n", "Bern"))


def test_column_tells_documents_of_json_lines(tmp_path: Path) -> None:
    row: dict[str, Any] = {"tokens": ["Rome"], "tags": ["B-LOC"]}
    other: dict[str, Any] = {"tokens": "in Oslo", "tags": "O B-LOC"}
    rows = _lines(*({**one, "document": name} for one, name in [(row, "a"), (other, "a"), (row, "b"), (row, "b")]))
    found = _read(tmp_path, rows, "x.jsonl", 9)
    assert found.part.texts == (("Rome", "\n", "in", "Oslo"), ("Rome", "\n", "Rome"))


def test_row_of_several_sentences_needs_no_joining_and_stays_by_itself(tmp_path: Path) -> None:
    both = {"tokens": [["in", "Rome"], ["Oslo"]], "tags": [["O", "B-LOC"], ["B-LOC"]]}
    one = {"tokens": ["Bern"], "tags": ["B-LOC"]}
    found = _read(tmp_path, _lines(one, both, one), "x.jsonl", 9)
    assert found.part.texts == (("Bern",), ("in", "Rome", "\n", "Oslo"), ("Bern",))
    assert found.part.gold[1] == ("O", "B-LOC", "B-LOC")


def test_broken_row_is_named_and_spoils_no_neighbour() -> None:
    rows: list[tuple[int, Any]] = [(1, [["a"], ["O"], 1]), (2, "no UTF-8"), (3, [None, ["O"], 1]), (4, [["b"], "O", 1])]
    found = list(joined(iter(rows), ROLES, 5))
    assert (2, "no UTF-8") in found
    assert (3, [None, ["O"], 1]) in found
    assert (4, [[["b"]], [["O"]], 1]) in found


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"tokens": [["a"], ["b"]], "tags": [["O"]]}, "tags holds those of 1 sentences for 2"),
        ({"tokens": [["a"], ["b", "c"]], "tags": [["O"], ["O"]]}, "sentence 2: 1 tag for 2 words"),
        ({"tokens": [["a"], ["b"]], "tags": ["O"]}, "1 tag for 2 words"),
        ({"tokens": [["a"], "b"], "tags": ["O", "O"]}, "sentence 2 of tokens is not a list of words"),
        ({"tokens": [["a"], []], "tags": ["O"]}, "sentence 2 of tokens is empty"),
        ({"tokens": [["a", "\n"]], "tags": ["O", "O"]}, "word 2 of sentence 1 of tokens is empty"),
    ],
)
def test_what_is_wrong_with_sentences_is_said(row: dict[str, Any], problem: str) -> None:
    for name in ("ner", "pos_tagging"):
        found = plugins.load("tasks", name).problem(row)
        assert found is not None
        assert found.startswith(problem)


def test_other_tasks_have_no_sentences_to_join(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.sentences is for tasks that tag words"):
        _read(tmp_path, "text,label\na,b\n", "x.csv", task="text_classification")


def test_texts_of_a_brat_folder_are_documents(tmp_path: Path) -> None:
    (tmp_path / "brat").mkdir()
    with pytest.raises(InputError, match=r"each text of a BRAT folder is a document by itself; leave data\.sentences"):
        read("brat", {}, plugins.load("tasks", "ner"), tmp_path, sentences=2)


def test_joining_keeps_every_word_in_its_order() -> None:
    rows: list[tuple[int, Sequence[Any]]] = [
        (n, [[f"w{n}"] * (n % 3 + 1), ["O"] * (n % 3 + 1), n // 7]) for n in range(50)
    ]
    found = list(joined(iter(rows), ROLES, 4))  # type: ignore[arg-type]
    words = [word for _, cells in found for sentence in cells[0] for word in sentence]
    assert words == [word for _, cells in rows for word in cells[0]]
    assert max(len(cells[0]) for _, cells in found) == 4
