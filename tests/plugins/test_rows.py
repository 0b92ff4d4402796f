from __future__ import annotations

from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.protocols import Task
from goldilocks.records import Text
from goldilocks.rows import item_of, named, of_line


def read(task: str, **row: Any) -> Text:
    plugin = plugins.load("tasks", task)
    return item_of(row, plugin, {role: role for role in plugin.READS})


def task(name: str) -> Task:
    return plugins.load("tasks", name)


def test_optional_roles_that_are_there_are_read() -> None:
    assert read("language_modelling", text="b", context="a") == ("a", "b")
    assert read("language_modelling", text="b") == "b"
    assert read("relation_extraction", text="Rome is in Italy", e1=[0, 4], e2=[11, 16]) == (
        "[E1] Rome [/E1] is in [E2] Italy [/E2]"
    )
    assert read("code_generation", prompt="Write f.", tests=["assert f(1)"]) == (
        "Write f.\nYour code should pass these tests:\nassert f(1)"
    )
    assert read("matching", query="q", candidates=["a", "b"]) == ("q", "a", "b")
    assert read("dialogue", context=["hi", "yo"]) == ("hi", "yo")


def test_dialogue_that_goes_on_is_read_to_its_last_turn() -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]
    assert read("dialogue", turns=messages) == ("hi", "yo")
    assert read("dialogue", turns=["hi", "yo"], context=["hello"]) == ("hello",)
    assert read("dialogue_retrieval", turns=["hi", "yo"], candidates=["a", "b"]) == ("hi\nyo", "a", "b")


def test_marked_text_is_read_as_it_stands() -> None:
    marked = "[E1] Rome [/E1] is in [E2] Italy [/E2]"
    assert read("relation_extraction", text=marked) == marked


def test_column_of_another_name_is_read() -> None:
    assert item_of({"body": "x"}, task("text_classification"), {"text": "body"}) == "x"


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        (
            "matching",
            {"query": "q", "item": "a"},
            "candidates is empty; .* the row has 'query', 'item', this task takes",
        ),
        ("matching", {"query": "q", "candidates": ["a"]}, "1 candidate; at least 2 are needed to rank"),
        ("dialogue", {"reply": "a"}, "context is empty; the row has 'reply', this task takes 'context', 'turns'"),
        ("dialogue", {"turns": ["a", ""]}, "turn of turns 2 is empty"),
        ("dialogue_retrieval", {"context": "a", "candidates": "b"}, "candidates is not a list"),
        ("relation_extraction", {"text": "no marks"}, "text has 0 <e1> and 0 </e1>"),
        ("relation_extraction", {"text": "ab", "e1": [0, 1]}, "e1 is given and the other is not"),
        ("extractive_qa", {"question": " ", "context": "c"}, "question is empty$"),
        ("similarity", {"text1": "a", "text2": ""}, "text2 is empty$"),
        ("code_generation", {"prompt": "p", "tests": [1]}, "test 1 is a int, not text"),
        ("ner", {"tokens": ["a", ""]}, "word 2 of tokens is empty"),
        ("text_classification", {"text": 3}, "text is a int, not text"),
        ("text_classification", {}, "the row has nothing, this task takes 'text'"),
    ],
)
def test_problem_of_a_row_is_reported_without_its_right_answer(name: str, row: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(name, **row)


def test_texts_without_names_are_taken_in_order() -> None:
    assert named("a b", task("ner")) == {"tokens": "a b"}
    assert named(("a", "b"), task("ner")) == {"tokens": ["a", "b"]}
    assert named(("a", "b"), task("similarity")) == {"text1": "a", "text2": "b"}
    assert named(("q", "a", "b"), task("matching")) == {"query": "q", "candidates": ["a", "b"]}
    assert named(("a", "b", "c"), task("language_modelling")) == {"context": ["a", "b"], "text": "c"}
    assert named("c", task("language_modelling")) == {"text": "c"}


def test_line_is_parted_at_tabs_only_where_the_task_needs_several_texts() -> None:
    assert of_line("a\tb", task("text_classification")) == {"text": "a\tb"}
    assert of_line("a\tb", task("language_modelling")) == {"text": "a\tb"}
    assert of_line("a\tb", task("dialogue")) == {"context": ["a", "b"]}
    assert of_line("q\ta\tb", task("matching")) == {"query": "q", "candidates": ["a", "b"]}
    assert of_line("q\tc", task("extractive_qa")) == {"question": "q", "context": "c"}


@pytest.mark.parametrize(
    ("name", "texts", "words"),
    [
        ("extractive_qa", "q", "1 text; this task takes question, context: separate them by tabs"),
        ("similarity", ("a", "b", "c"), "3 texts; this task takes text1, text2"),
        ("matching", ("q",), r"1 text; this task takes query, candidates, \.\.\.: separate"),
        ("text_classification", ("a", "b"), "2 texts; this task takes text"),
    ],
)
def test_wrong_number_of_texts_is_reported(name: str, texts: str | tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        named(texts, task(name))
