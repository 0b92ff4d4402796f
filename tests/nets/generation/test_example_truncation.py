from __future__ import annotations

from dataclasses import replace

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from goldilocks.errors import InputError
from goldilocks.nets.generation.example_selection import Settings
from goldilocks.nets.generation.example_truncation import FewShotExamples
from goldilocks.nets.generation.prompt_state import PromptState
from goldilocks.nets.generation.prompt_tokens import PromptTokenizer
from goldilocks.nets.generation.prompts import Prompt
from goldilocks.records import Output
from goldilocks.testing import tiny

PART = tiny.part(24)
STATE = PromptState(Prompt(replace(tiny.GOAL, instruction="Give the label.")), max_tokens=8)


def examples(
    most: int, count: int = 4, output: Output = Output.LABEL, strategy: str = "balanced", tokens: int = 0
) -> FewShotExamples:
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # one token for each word
    return FewShotExamples(PromptTokenizer(tokenizer, most), Settings(strategy, tokens=tokens), count, output, seed=0)


def test_held_out_rows_are_no_examples() -> None:
    ((state,), held_out) = examples(10_000).arrangements(STATE, PART.texts, PART.gold)

    shown = [item for item, _ in state.prompt.examples]
    assert len(shown) == 4
    assert not {PART.texts[row] for row in held_out} & set(shown)


def test_examples_that_do_not_fit_are_left_out() -> None:
    """Of the context 512 tokens are an item's, 64 are spare, and the answer has its own."""
    beside = 512 + 64 + STATE.max_tokens
    ((state,), _) = examples(10_000).arrangements(STATE, PART.texts, PART.gold)
    whole = len(state.prompt.lead.split())

    ((fitting,), _) = examples(beside + whole).arrangements(STATE, PART.texts, PART.gold)
    ((short,), _) = examples(beside + whole - 1).arrangements(STATE, PART.texts, PART.gold)

    assert len(fitting.prompt.examples) == 4
    assert len(short.prompt.examples) == 3


@pytest.mark.parametrize("strategy", ["balanced", "nearest"])
def test_context_without_room_is_named(strategy: str) -> None:
    with pytest.raises(InputError, match="not even one example fits; the context is 590 tokens"):
        examples(590, strategy=strategy).arrangements(STATE, PART.texts, PART.gold)


def test_examples_have_no_more_tokens_than_asked_for() -> None:
    """An example is 9 words: "Text:", six of the text, "Label:" and the label."""

    def shown(tokens: int) -> int:
        ((state,), _) = examples(10_000, tokens=tokens).arrangements(STATE, PART.texts, PART.gold)
        return len(state.prompt.examples)

    assert [shown(9), shown(26), shown(27), shown(100)] == [1, 2, 3, 4]


@pytest.mark.parametrize("strategy", ["balanced", "nearest"])
def test_budget_of_less_than_an_example_is_refused(strategy: str) -> None:
    with pytest.raises(InputError, match="tokens is 8, and one example takes 9; allow more, or use zero_shot"):
        examples(10_000, strategy=strategy, tokens=8).arrangements(STATE, PART.texts, PART.gold)


def test_cached_examples_do_not_count() -> None:
    choice = examples(10_000, strategy="nearest", tokens=9)
    choice = replace(choice, settings=replace(choice.settings, cached=3))
    ((state,), _) = choice.arrangements(STATE, PART.texts, PART.gold)
    assert len(state.prompt.examples) == 3


def test_answer_that_is_a_text_is_truncated_and_a_label_is_not() -> None:
    long = " ".join(["word"] * 300)
    assert examples(2_000, output=Output.TEXT).short_answer(long) == " ".join(["word"] * 256)
    assert examples(2_000).short_answer(long) == long
