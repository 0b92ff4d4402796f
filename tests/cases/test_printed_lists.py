"""Lists in the cells of a CSV as Python and NumPy print them, in every task, to train and to predict."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from case_files import reading

from goldilocks import plugins
from goldilocks.data.unlabelled import arriving, columns_of
from goldilocks.support.text.cells import list_of, value_of

TOKENS = {
    "json": ('["It\'s", "a", "cat"]', '["X", "DET", "NOUN"]'),
    "python": ("[\"It's\", 'a', 'cat']", "['X', 'DET', 'NOUN']"),
    "numpy": ("[\"It's\" 'a'\n 'cat']", "['X' 'DET' 'NOUN']"),
    "array": ("array([\"It's\", 'a', 'cat'], dtype=object)", "array(['X', 'DET', 'NOUN'], dtype='<U4')"),
    "scalars": ("[np.str_(\"It's\"), np.str_('a'), np.str_('cat')]", "[np.str_('X'), np.str_('DET'), np.str_('NOUN')]"),
    "tuple": ("(\"It's\", 'a', 'cat')", "('X', 'DET', 'NOUN')"),
}


def as_csv(*rows: tuple[str, ...]) -> bytes:
    made = io.StringIO(newline="")
    csv.writer(made).writerows(rows)
    return made.getvalue().encode()


@pytest.mark.parametrize("form", TOKENS)
def test_words_and_tags_are_read(tmp_path: Path, form: str) -> None:
    got = reading(tmp_path, "x.csv", as_csv(("tokens", "tags"), TOKENS[form]), "pos_tagging")
    assert got.part.texts == (("It's", "a", "cat"),)
    assert got.part.gold == (("X", "DET", "NOUN"),)


@pytest.mark.parametrize("form", TOKENS)
def test_words_to_predict_for_are_read(tmp_path: Path, form: str) -> None:
    (tmp_path / "x.csv").write_bytes(as_csv(("tokens",), TOKENS[form][:1]))
    task = plugins.load("tasks", "pos_tagging")
    asked = [row for batch in arriving(tmp_path / "x.csv", task, columns_of(task, {})) for row in batch]
    assert asked == [(1, ("It's", "a", "cat"))]


def test_sentences_are_lists_of_lists(tmp_path: Path) -> None:
    row = ("[list(['a' 'b']), ['c']]".replace("list(", "array("), "[['X' 'X'] ['Y']]")
    got = reading(tmp_path, "x.csv", as_csv(("tokens", "tags"), row), "pos_tagging")
    assert got.part.texts == (("a", "b", "\n", "c"),)


@pytest.mark.parametrize("cell", ["['a', 'b", "['a' ... 'z']", "['a', b]"])
def test_what_begins_as_a_list_and_is_none_is_refused(tmp_path: Path, cell: str) -> None:
    got = reading(tmp_path, "x.csv", as_csv(("tokens", "tags"), (cell, "['X', 'X']")), "pos_tagging")
    assert list(got.problems) == [f"tokens is {cell!r}, which is not a list"]
    got = reading(tmp_path, "x.csv", as_csv(("tokens", "tags"), ("['a', 'b']", cell)), "pos_tagging")
    assert list(got.problems) == [f"tags is {cell!r}, which is not a list"]


@pytest.mark.parametrize(
    ("task", "header", "row", "item", "gold"),
    [
        ("multi_label_classification", ("text", "labels"), ("x", "['a' 'b']"), "x", ("a", "b")),
        ("multi_label_classification", ("text", "labels"), ("x", "[]"), "x", ()),
        ("matching", ("query", "candidates", "relevance"), ("q", "['a', 'b']", "[1. 0.]"), ("q", "a", "b"), (1.0, 0.0)),
        (
            "extractive_qa",
            ("question", "context", "answers"),
            ("Where?", "in Rome", "{'text': array(['Rome'], dtype=object), 'answer_start': array([3], dtype=int32)}"),
            ("Where?", "in Rome"),
            ((3, "Rome"),),
        ),
        ("dialogue", ("context", "reply"), ("['hi', 'hello']", "bye"), ("hi", "hello"), "bye"),
        (
            "translation",
            ("source", "target", "references"),
            ("ja", "yes", "['yes' 'yeah']"),
            "ja",
            ("yes", "yeah"),
        ),
    ],
)
def test_other_tasks_read_them_too(
    tmp_path: Path, task: str, header: tuple[str, ...], row: tuple[str, ...], item: Any, gold: Any
) -> None:
    got = reading(tmp_path, "x.csv", as_csv(header, row), task)
    assert got.problems == {}
    assert got.part.gold == (gold,)
    if task != "dialogue":
        assert got.part.texts == (item,)


def test_text_in_brackets_stays_text() -> None:
    for cell in ("[deleted]", "[sic] to Rome", "(a, b)", "a, b", "array of", "['open"):
        assert list_of(cell) is None
    assert value_of("__import__('os').getcwd()") is None
    assert value_of("[" * 100_000) is None


@pytest.mark.parametrize(
    ("cell", "labels"),
    [("frozenset({'a', 'b'})", ("a", "b")), ("Index(['a', 'b'], dtype='object')", ("a", "b")), ("('a',)", ("a",))],
)
def test_other_collections_of_python_are_labels(tmp_path: Path, cell: str, labels: tuple[str, ...]) -> None:
    got = reading(tmp_path, "x.csv", f'text,labels\nx,"{cell}"\n'.encode(), "multi_label_classification")
    assert got.part.gold == (labels,)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [("{'a': 1, 'b': 0}", "labels is a dict, not a list"), ("{a,b}", "labels is '{a,b}', which is not a list")],
)
def test_other_structures_are_no_labels(tmp_path: Path, cell: str, problem: str) -> None:
    got = reading(tmp_path, "x.csv", f'text,labels\nx,"{cell}"\n'.encode(), "multi_label_classification")
    assert got.problems == {problem: (1,)}


def test_list_in_a_cell_is_no_single_label(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b"text,label\nx,\"['a']\"\ny,[deleted]\n")
    assert (got.problems, got.part.gold) == ({"label is a list, not a single value": (1,)}, ("[deleted]",))
