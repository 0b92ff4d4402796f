from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.data.read import Reading, read
from goldilocks.data.transforms.sentences import joined
from goldilocks.errors import InputError
from goldilocks.settings import task_from
from goldilocks.testing import tiny

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
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_neighbours_of_one_document_are_read_together(tmp_path: Path) -> None:
    result = _read(tmp_path, CONLL)
    assert result.part.texts == (("EU", "rejects", "\n", "Peter"), ("Rome", "\n", "Oslo"), ("Bern",))
    assert result.part.gold == (("B-ORG", "O", "B-PER"), ("B-LOC", "B-LOC"), ("B-LOC",))
    assert result.part.rows == (1, 3, 5)
    assert result.part.documents == ("1", "2", "2")
    assert result.total == 5


def test_one_sentence_a_row_unless_more_are_asked_for(tmp_path: Path) -> None:
    result = _read(tmp_path, CONLL, sentences=1)
    assert result.part.rows == (1, 2, 3, 4, 5)


def test_conllu_tells_documents_by_its_comments(tmp_path: Path) -> None:
    words = "1\tRome\trome\tPROPN\n\n# newdoc id = b\n# sent_id = 2\n1\tOslo\toslo\tPROPN\n\n1\tBern\tbern\tPROPN\n"
    result = _read(tmp_path, words, "x.conllu", task="pos_tagging")
    assert result.part.texts == (("Rome",), ("Oslo", "\n", "Bern"))


def test_column_tells_documents_of_json_lines(tmp_path: Path) -> None:
    row: dict[str, Any] = {"tokens": ["Rome"], "tags": ["B-LOC"]}
    other: dict[str, Any] = {"tokens": "in Oslo", "tags": "O B-LOC"}
    rows = _lines(*({**entry, "document": name} for entry, name in [(row, "a"), (other, "a"), (row, "b"), (row, "b")]))
    result = _read(tmp_path, rows, "x.jsonl", 9)
    assert result.part.texts == (("Rome", "\n", "in", "Oslo"), ("Rome", "\n", "Rome"))


def test_row_of_several_sentences_needs_no_joining_and_stays_by_itself(tmp_path: Path) -> None:
    both = {"tokens": [["in", "Rome"], ["Oslo"]], "tags": [["O", "B-LOC"], ["B-LOC"]]}
    single = {"tokens": ["Bern"], "tags": ["B-LOC"]}
    result = _read(tmp_path, _lines(single, both, single), "x.jsonl", 9)
    assert result.part.texts == (("Bern",), ("in", "Rome", "\n", "Oslo"), ("Bern",))
    assert result.part.gold[1] == ("O", "B-LOC", "B-LOC")


def test_broken_rows_are_named_and_spoil_no_neighbour(tmp_path: Path) -> None:
    good = {"tokens": ["Bern"], "tags": ["B-LOC"]}
    broken: list[dict[str, Any]] = [
        {"tokens": ["a", "b"], "tags": ["O"]},
        {"tokens": None, "tags": ["O"]},
        {"tokens": " ", "tags": "O"},
        {"tokens": 5, "tags": 5},
        {"tokens": ["a"], "tags": ["PER"]},
    ]
    result = _read(tmp_path, _lines(good, *broken, good), "x.jsonl", 9)
    assert result.part.texts == (("Bern", "\n", "Bern"),)
    assert result.total == 7
    assert sorted(row for rows in result.problems.values() for row in rows) == [2, 3, 4, 5, 6]
    assert result.problems["1 tag for 2 words; there must be one for each"] == (2,)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"tokens": [["a"], ["b"]], "tags": [["O"]]}, "tags holds those of 1 sentences for 2"),
        ({"tokens": [["a"], ["b", "c"]], "tags": [["O"], ["O"]]}, "sentence 2: 1 tag for 2 words"),
        ({"tokens": [["a"], ["b"]], "tags": ["O"]}, "1 tag for 2 words"),
        ({"tokens": [["a"], "b"], "tags": ["O", "O"]}, "sentence 2 of tokens is not a list of words"),
        ({"tokens": [["a"], []], "tags": ["O"]}, "sentence 2 of tokens is empty"),
        ({"tokens": [["a", "\n"]], "tags": ["O", "O"]}, "word 2 of sentence 1 of tokens is empty"),
        ({"tokens": [["a"], ["b", "c"]], "tags": [["O"], "O"]}, "sentence 2: 1 tag for 2 words"),
    ],
)
def test_what_is_wrong_with_sentences_is_said(row: dict[str, Any], problem: str) -> None:
    for name in ("ner", "pos_tagging"):
        result = plugins.load("tasks", name).problem(row)
        assert result is not None
        assert result.startswith(problem)


def test_other_tasks_have_no_sentences_to_join(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.sentences is for tasks that tag words"):
        _read(tmp_path, "text,label\na,b\n", "x.csv", task="text_classification")


def test_texts_of_a_brat_folder_are_documents(tmp_path: Path) -> None:
    for name, text in (("a", "in Rome\nso far"), ("b", "in Oslo\n")):
        (tmp_path / f"{name}.txt").write_text(text)
        (tmp_path / f"{name}.ann").write_text(f"T1\tLOC 3 7\t{text[3:7]}\n")
    result = read(str(tmp_path), {}, plugins.load("tasks", "ner"), tmp_path, sentences=9)
    assert result.part.texts == (("in", "Rome", "\n", "so", "far"), ("in", "Oslo"))


def test_column_tells_documents_of_texts_with_offsets(tmp_path: Path) -> None:
    place = {"start": 3, "end": 7, "label": "LOC"}
    row = {"text": "in Rome", "entities": [place]}
    rows = _lines(*({**row, "document": name} for name in (1, 1, 2)))
    assert [len(text) for text in _read(tmp_path, rows, "x.jsonl", 9).part.texts] == [5, 2]


def test_document_is_looked_for_under_the_name_it_is_given(tmp_path: Path) -> None:
    row = {"tokens": ["Rome"], "tags": ["B-LOC"]}
    (tmp_path / "x.jsonl").write_text(_lines(*({**row, "id": name} for name in ("a", "a", "b"))))
    ner = plugins.load("tasks", "ner")
    assert len(read("x.jsonl", {"document": "id"}, ner, tmp_path, sentences=9).part) == 2
    with pytest.raises(InputError, match="'docid'"):
        read("x.jsonl", {"document": "docid"}, ner, tmp_path, sentences=9)
    (tmp_path / "x.conll").write_text("Rome a B-LOC\n\nOslo a B-LOC\nBern a O\n\nBonn b B-LOC\n")
    assert [len(text) for text in read("x.conll", {"document": "2"}, ner, tmp_path, sentences=9).part.texts] == [4, 1]


def test_no_document_is_reported_where_cells_are_empty(tmp_path: Path) -> None:
    row = {"tokens": ["Rome"], "tags": ["B-LOC"]}
    result = _read(tmp_path, _lines(*({**row, "document": name} for name in (None, "", "a", "a"))), "x.jsonl", 1)
    assert len(result.part) == 4
    joined_ = _read(tmp_path, _lines(*({**row, "document": name} for name in (None, "", "a", "a"))), "x.jsonl", 9)
    assert [len(text) for text in joined_.part.texts] == [3, 3]


def test_mark_of_a_document_ends_a_sentence(tmp_path: Path) -> None:
    result = _read(tmp_path, "Rome B-LOC\n-DOCSTART- O\nOslo B-LOC\n", sentences=1)
    assert result.part.texts == (("Rome",), ("Oslo",))
    words = "1\tRome\trome\tPROPN\n#newdoc\n1\tOslo\toslo\tPROPN\n# newdoc\tid\n1\tBern\tbern\tPROPN\n"
    assert len(_read(tmp_path, words, "x.conllu", task="pos_tagging").part) == 3


def test_joining_keeps_every_word_in_its_order() -> None:
    rows: list[tuple[int, Sequence[Any]]] = [
        (n, [[f"w{n}"] * (n % 3 + 1), ["O"] * (n % 3 + 1), n // 7]) for n in range(50)
    ]
    result = list(joined(iter(rows), ROLES, 4, lambda row: None))  # type: ignore[arg-type]
    words = [word for _, cells in result for sentence in cells[0] for word in sentence]
    assert words == [word for _, cells in rows for word in cells[0]]
    assert max(len(cells[0]) for _, cells in result) == 4


def _loaded(folder: Path, parts: dict[str, list[list[str]]], sentences: int) -> Any:
    """The data set of parts, each a list of documents, each a list of sentences."""
    named = ("Rome", "Oslo", "Bern")
    for name, documents in parts.items():
        lines = [
            {
                "tokens": words.split(),
                "tags": ["B-X" if piece in named else "O" for piece in words.split()],
                "document": n,
            }
            for n, document in enumerate(documents)
            for words in document
        ]
        (folder / f"{name}.jsonl").write_text(_lines(*lines))
    data = {name: f"{name}.jsonl" for name in parts} | {"sentences": sentences}
    return load(task_from({"name": "x", "task": "ner", "data": data}, folder=folder), plugins.load("tasks", "ner"))


def test_row_is_left_out_if_sentences_with_most_of_its_words_stand_in_test(tmp_path: Path) -> None:
    fresh = [[f"{word} goes to Rome by bus", f"no {word} came"] for word in "abcdefghijklmnop"]
    known = [["we saw Oslo last summer again", "so it is"], ["Bern", "what was never seen anywhere before"]]
    test = [["we saw Oslo last summer again"], ["Bern"], ["is there more to Rome or to Oslo"]]
    result = _loaded(tmp_path, {"train": [*fresh, *known], "validation": [["to Rome", "by Bern"]], "test": test}, 2)
    assert len(result.train) == len(fresh) + 1
    assert ("Bern", "\n", "what", "was", "never", "seen", "anywhere", "before") in result.train.texts


def test_split_keeps_the_rows_of_a_document_together(tmp_path: Path) -> None:
    documents = [[f"{entry} has {n} in Rome {k}" for n in range(5)] for k, entry in enumerate(tiny.part(120).texts)]
    result = _loaded(tmp_path, {"train": documents}, 2)
    parts = [{text[-1] for text in part.texts} for part in (result.train, result.validation, result.test)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == 120
    assert any("Rows with one document stay in one part" in finding.meaning for finding in result.findings)
    assert any("600 rows of the file are 360 here" in finding.message for finding in result.findings)


def test_rows_of_other_documents_that_are_the_same_are_left_out_of_train(tmp_path: Path) -> None:
    documents = [
        [f"{text} has {n} in Rome {k}" for n in range(2)] + ["that was all from Oslo by wire"]
        for k, text in enumerate(tiny.part(120).texts)
    ]
    result = _loaded(tmp_path, {"train": documents}, 2)
    held = {*result.validation.texts, *result.test.texts}
    assert len(result.train) > 60
    assert not held & {*result.train.texts}
    assert any("left out because they also occur in" in finding.message for finding in result.findings)


def test_one_document_keeps_nothing_together(tmp_path: Path) -> None:
    sentences = [f"{text} has {k} in Rome" for k, text in enumerate(tiny.part(120).texts)]
    result = _loaded(tmp_path, {"train": [sentences]}, 2)
    assert len(result.train) > len(result.test) > 0
