from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.data.unlabelled import NumberedItem, arriving, columns_of
from goldilocks.errors import InputError, MissingError

HOW = (
    "separate them by tabs (in Python pass a tuple), or name them in a JSON object; "
    "JSON objects are read with --jsonl, or from a .jsonl file"
)


def read(path: Path, task: str = "text_classification", **fields: str) -> list[tuple[int, object]]:
    plugin = plugins.load("tasks", task)
    return numbered([entry for batch in arriving(path, plugin, columns_of(plugin, fields)) for entry in batch])


def numbered(asked: list[NumberedItem]) -> list[tuple[int, object]]:
    """Errors as their words."""
    return [(number, str(entry) if isinstance(entry, InputError) else entry) for number, entry in asked]


def test_bad_rows_stand_among_the_others_with_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"text": "a"}\n \n{"text": 3}\n[1]\n{\n\xff\n{"text": "b"}\r\n')
    assert read(file) == [
        (1, "a"),
        (2, "an empty line, not a JSON object"),
        (3, "text is a int, not text"),
        (4, "a JSON list, not an object"),
        (5, "broken JSON (Expecting property name enclosed in double quotes)"),
        (6, "not UTF-8 at byte 0; convert it, e.g. with iconv"),
        (7, "b"),
    ]


def test_empty_lines_behind_the_last_row_of_json_lines_are_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goldilocks.data.unlabelled._CHUNK", 4)
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a"}\n\n\n')
    assert read(file) == [(1, "a")]
    file.write_text("\n" * 9 + '{"text": "a"}\n\n')
    assert [number for number, _ in read(file)] == list(range(1, 11))


def test_rows_before_the_end_of_a_truncated_file_are_handed_on(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl.gz"
    file.write_bytes(gzip.compress(b"".join(b'{"text": "%d"}\n' % (k * 7919) for k in range(9_000)))[:-40])
    plugin = plugins.load("tasks", "text_classification")
    batches = arriving(file, plugin, columns_of(plugin, {}))
    got: list[NumberedItem] = []
    with pytest.raises(InputError, match=r"rows\.jsonl\.gz: .* ends in the middle; is it truncated"):
        got.extend(entry for batch in batches for entry in batch)
    assert len(got) > 1_000
    assert got[:2] == [(1, "0"), (2, "7919")]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows"])
def test_utf16_file_is_read_and_refused_of_a_pipe(tmp_path: Path, name: str) -> None:
    content = "a\nb\n" if name == "rows" else '{"text": "a"}\n{"text": "b"}\n'
    file = tmp_path / name
    file.write_bytes(content.encode("utf-16le"))
    assert read(file) == [(1, "a"), (2, "b")]
    plugin = plugins.load("tasks", "text_classification")
    with file.open("rb") as pipe, pytest.raises(InputError, match="look like UTF-16-LE, not UTF-8; convert them with"):
        list(arriving(pipe.fileno(), plugin, columns_of(plugin, {})))


def test_column_of_another_name_is_answered_with_the_option_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"tags": [], "text": "to Rome"}\n{"tokens": 3, "text": "to Rome"}\n')
    (_, lacking), (_, wrong) = read(file, "ner")
    assert str(lacking).endswith("this task takes 'tokens'; if it is in 'text', pass --field text")
    assert wrong == "tokens is a int, not text"
    assert read(file, "ner", tokens="text")[0] == (1, "to Rome")


def piped(
    content: str, task: str = "text_classification", **options: Any
) -> tuple[list[tuple[int, object]], list[str]]:
    """What is read of standard input, and what is announced."""
    out, into = os.pipe()
    os.write(into, content.encode())
    os.close(into)
    plugin, announced = plugins.load("tasks", task), list[str]()
    batches = arriving(out, plugin, columns_of(plugin, {}), announce=announced.append, **options)
    rows = numbered([entry for batch in batches for entry in batch])
    os.close(out)
    return rows, announced


def test_objects_on_standard_input_are_json_lines_without_being_numbered(tmp_path: Path) -> None:
    rows, announced = piped('\ufeff\n{"text": "a", "label": "x"}\n{"text": "b"}\n')
    assert rows == [(1, "an empty line, not a JSON object"), (2, "a"), (3, "b")]
    assert announced == [
        "The first line is a JSON object with 'text', 'label', so the lines are read as JSON Lines; --no-jsonl takes "
        "them as texts."
    ]
    file = tmp_path / "rows.txt"
    file.write_text('{"text": "a"}\n')
    assert read(file) == [(1, "a")]


def test_texts_that_are_json_are_texts_if_that_is_said() -> None:
    line = '{"text": "a"}'
    assert piped(line, jsonl=False) == ([(1, line)], [])
    assert piped("[1] {a} b\n{}\n") == ([(1, "[1] {a} b"), (2, "{}")], [])
    assert piped('{"id": 3}') == ([(1, '{"id": 3}')], [])  # without a text in it that could be meant
    assert piped('["to", "Rome"]', "ner") == ([(1, ("to", "Rome"))], [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"review": "a"}\n', "a JSON object with 'review' and without 'text'; name the column with --field"),
        ('[{"text": "a"}, {"text": "b"}]\n', "the lines look like one JSON document; pass one object per line"),
        ('{\n  "text": "a"\n}\n', "the lines look like one JSON document"),
    ],
)
def test_json_of_which_no_text_is_known_is_refused_rather_than_classified(content: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        piped(content)


def test_folder_is_not_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="is a folder; name a file in it"):
        read(tmp_path)


def test_lines_keep_their_numbers_and_the_last_needs_no_end(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    file.write_text("a\n\nb c")
    assert read(file) == [(1, "a"), (2, "text is empty"), (3, "b c")]


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.json", "rows.csv.gz", "rows.jsonl.gz"])
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = [{"body": "a", "more": "x", "label": "y"}, {"body": " ", "more": "x", "label": "y"}]
    mark = "," if ".csv" in name else "\t"
    content = "".join(json.dumps(row) + "\n" for row in rows)
    if ".json" in name and ".jsonl" not in name:
        content = json.dumps(rows)
    elif ".jsonl" not in name:
        content = "\n".join(mark.join(row) for row in (list(rows[0]), *(list(row.values()) for row in rows)))
    raw = content.encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    assert read(tmp_path / name, text="body") == [(1, "a"), (2, "text is empty")]


def test_tsv_without_a_header_is_lines_parted_at_tabs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("a\tb\nc\n")
    assert read(file, "similarity") == [
        (1, ("a", "b")),
        (2, f"1 text; this task takes text1, text2: {HOW}"),
    ]


def test_words_of_conll_columns_are_read_and_their_tags_are_not(tmp_path: Path) -> None:
    file = tmp_path / "rows.conll"
    file.write_text("to O\nRome B-LOC\n\nand O\nback O\n")
    assert read(file, "ner") == [(1, ("to", "Rome")), (2, ("and", "back"))]


def test_cells_of_a_table_may_hold_lists(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('query,candidates\nq,"[""a"", ""b""]"\n')
    assert read(file, "matching") == [(1, ("q", "a", "b"))]


def test_line_is_handed_on_before_the_next_is_there() -> None:
    task = plugins.load("tasks", "text_classification")
    out, into = os.pipe()
    rows = arriving(out, task, columns_of(task, {}))
    for number, text in enumerate((b"one\n", b"two\n"), start=1):
        os.write(into, text)
        assert next(rows) == [(number, text.decode().strip())]
    os.close(into)
    assert list(rows) == []
    os.close(out)


def test_role_that_is_not_read_is_refused() -> None:
    with pytest.raises(InputError, match="--field label=x: this task takes text, not 'label'"):
        columns_of(plugins.load("tasks", "text_classification"), {"label": "x"})


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no\.txt: there is no such file"):
        read(tmp_path / "no.txt")


def test_table_without_the_column_says_which_there_are(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("body\nx\n")
    with pytest.raises(InputError, match="there is no column 'text'"):
        read(file)
