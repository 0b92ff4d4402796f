from __future__ import annotations

import pytest

from goldilocks import plugins
from goldilocks.data.instruction import instruction_for
from goldilocks.errors import InputError
from goldilocks.records import DataSpec, TaskSpec

GERMAN = (
    "Wo ist das Haus und wer ist da?",
    "Der Mann steht auf der Straße.",
    ("Das ist nicht gut.", "Gut ist das nicht."),
)


def instruction_of(
    gold: tuple[object, ...] = GERMAN, language: str = "en", task: str = "translation", **given: str
) -> str:
    spec = TaskSpec(name="t", data=DataSpec("t.tsv"), task=task, **given)  # type: ignore[arg-type]
    return instruction_for(spec, plugins.load("tasks", task), gold, language)  # type: ignore[arg-type]


def test_languages_are_named_as_the_task_file_or_the_rows_say() -> None:
    assert instruction_of(target_language="de") == "Translate from English to German."
    assert instruction_of(target_language="pt-BR", language="und") == "Translate the text to Brazilian Portuguese."
    assert instruction_of(target_language="gsw") == "Translate from English to gsw."
    assert instruction_of() == "Translate from English to German."


def test_target_that_rows_do_not_show_is_not_named() -> None:
    assert instruction_of(("42", "x")) == "Translate the text."
    assert instruction_of(("Wo ist das Haus?", "Where is the house and who is in it?")) == "Translate the text."


def test_own_instruction_stands_in_place_of_the_tasks() -> None:
    assert instruction_of(instruction=" Say it in formal German. ") == "Say it in formal German."
    assert instruction_of(("a",), task="text_classification", instruction="Which mood?") == "Which mood?"
    assert instruction_of(("a",), task="text_classification") == "Give the label that fits the text."


@pytest.mark.parametrize(
    ("prompts", "items", "wanted"),
    [
        ("en", "zh", "Give the label that fits the text."),
        ("auto", "zh", "给出适合这段文本的标签。"),
        ("auto", "en", "Give the label that fits the text."),
        ("zh", "en", "给出适合这段文本的标签。"),
    ],
)
def test_prompt_language_words_the_tasks_own_instruction(prompts: str, items: str, wanted: str) -> None:
    assert instruction_of(("a",), items, "text_classification", prompt_language=prompts) == wanted
    assert instruction_of(("a",), items, "text_classification", prompt_language=prompts, instruction="X.") == "X."


def test_tasks_without_a_chinese_instruction_keep_theirs() -> None:
    assert instruction_of(prompt_language="zh", target_language="de") == "Translate from English to German."


def test_target_language_without_a_prompted_model_is_refused() -> None:
    with pytest.raises(InputError, match="target_language goes with translation; summarisation has none"):
        instruction_of(task="summarisation", target_language="de")
    with pytest.raises(InputError, match="leave one of them out"):
        instruction_of(instruction="Translate.", target_language="de")
