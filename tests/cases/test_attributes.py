"""The other columns of a file stay beside its rows, as far as their cells are short."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from case_files import as_csv, as_jsonl, dataset, reading, topic_rows

from goldilocks import plugins
from goldilocks.data.attributes import MAX_COLUMNS, attribute_columns
from goldilocks.data.read import read
from goldilocks.records import Part

ROWS: list[dict[str, Any]] = [
    {"text": "a", "label": "x", "author": "Bo", "year": 2024},
    {"text": "b", "label": "y", "author": None, "year": 2025},
]


def parquet() -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", as_jsonl(ROWS)),
        ("x.json", json.dumps(ROWS).encode()),
        ("x.parquet", parquet()),
        ("x.csv", b"text,label,author,year\na,x,Bo,2024\nb,y,,2025\n"),
        ("x.tsv", b"text\tlabel\tauthor\tyear\na\tx\tBo\t2024\nb\ty\t\t2025\n"),
    ],
)
def test_other_columns_are_kept_in_every_format(tmp_path: Path, name: str, content: bytes) -> None:
    got = reading(tmp_path, name, content)
    assert got.part.attributes == {"author": ("Bo", ""), "year": ("2024", "2025")}


def test_take_takes_them_along() -> None:
    part = Part(("a", "b", "c"), ("x", "y", "x"), (1, 2, 3), (), {"author": ("Bo", "Cy", "Di")})
    assert part.take([2, 0]).attributes == {"author": ("Di", "Bo")}


def test_column_with_a_long_cell_is_left_out_unless_it_is_named(tmp_path: Path) -> None:
    content = as_csv([("a", "x", "n" * 65, "s" * 64), ("b", "y", "short", "")], ("text", "label", "note", "short"))
    assert list(reading(tmp_path, "x.csv", content).part.attributes) == ["short"]
    kept = read("x.csv", {}, plugins.load("tasks", "text_classification"), tmp_path, keep=["note"])
    assert kept.part.attributes["note"] == ("n" * 65, "short")


def test_lists_and_columns_with_a_role_are_no_attributes(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "x", "ids": [1, 2], "meta": {"k": 1}, "by": "Bo"}]
    assert reading(tmp_path, "x.jsonl", as_jsonl(rows)).part.attributes == {"by": ("Bo",)}


def test_number_of_columns_is_bounded() -> None:
    names = [f"c{number}" for number in range(50)]
    assert attribute_columns(names, {"c0"}, ["c49"]) == ["c49", *names[1 : MAX_COLUMNS + 1]]


def test_parts_of_a_split_have_them(tmp_path: Path) -> None:
    rows = [(text, label, f"a{place}") for place, (text, label) in enumerate(topic_rows(100))]
    (tmp_path / "x.csv").write_bytes(as_csv(rows, ("text", "label", "author")))
    got = dataset(tmp_path, train="x.csv")
    for part in (got.train, got.validation, got.test):
        assert part.attributes["author"] == tuple(f"a{row - 1}" for row in part.rows)


def test_joined_unrolled_and_gathered_rows_have_those_of_their_first_row(tmp_path: Path) -> None:
    rows = [
        {"query": "q", "item": "a", "relevance": 1, "by": "Bo"},
        {"query": "q", "item": "b", "relevance": 0, "by": "Cy"},
    ]
    assert reading(tmp_path, "x.jsonl", as_jsonl(rows), "matching").part.attributes == {"by": ("Bo",)}
    turns = [{"turns": ["hi", "hello", "bye"], "by": "Bo"}]
    assert reading(tmp_path, "y.jsonl", as_jsonl(turns), "dialogue").part.attributes == {"by": ("Bo", "Bo")}
    words = [{"tokens": ["a"], "tags": ["X"], "by": "Bo"}, {"tokens": ["b"], "tags": ["Y"], "by": "Cy"}]
    (tmp_path / "z.jsonl").write_bytes(as_jsonl(words))
    got = read("z.jsonl", {}, plugins.load("tasks", "pos_tagging"), tmp_path, sentences=2)
    assert got.part.attributes == {"by": ("Bo",)}
    entities = [{"text": "in Rome", "entities": [[3, 7, "LOC"]], "by": "Bo"}]
    assert reading(tmp_path, "w.jsonl", as_jsonl(entities), "ner").part.attributes == {"by": ("Bo",)}
