from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from goldilocks.nets.generation.prompt_tokens import PromptTokenizer

VOCABULARY = {"?": 0, "a": 1, "b": 2, "c": 3, "d": 4, ":": 5, ":a": 6}


@pytest.fixture
def tokens() -> PromptTokenizer:
    """Words at spaces; a colon sticks to the letter behind it."""
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PromptTokenizer(tokenizer, 64)


def test_item_is_truncated_at_the_end_of_a_token(tokens: PromptTokenizer) -> None:
    assert tokens.truncated("a  b c", 2) == "a  b"
    assert tokens.truncated("a b", 2) == "a b"


def test_texts_of_an_item_share_the_tokens(tokens: PromptTokenizer) -> None:
    assert tokens.truncated(("a b c", "d", "a b"), 6) == ("a b", "d", "a b")
    assert tokens.truncated(("a b", "c d"), 1) == ("a", "c")  # never nothing


def test_continuation_begins_where_the_tokens_part(tokens: PromptTokenizer) -> None:
    assert tokens.continuations("b :", [" a", " c d"]) == [[1], [3, 4]]
    assert tokens.continuations("b :", ["a", ""]) == [[6], [5]]  # the colon is merged; an empty one keeps a token
