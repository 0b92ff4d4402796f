from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldilocks.errors import InputError
from goldilocks.families import ngram
from goldilocks.families.ngram import CODE_POINTS, NgramModel
from goldilocks.records import Output

_WORDS = NgramModel("word", Output.TEXT)


def fitted(unit: str, texts: list[str], output: Output = Output.LIKELIHOOD) -> NgramModel:
    model = NgramModel(unit, output)
    model.fit(texts, texts, seed=0)
    return model


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(_WORDS.cut(text)) == text


def test_character_never_seen_is_one_of_all_there_may_be() -> None:
    model = fitted("char", ["aaaa", "abab"])
    known, strange = model.log_likelihoods(["a", "龙"])
    # "a" and "龙" differ in the piece and in what follows it; the spelling alone costs ln(1,114,112).
    numbers = model.pieces.of(["龙"])
    (logs,) = model.grams.log_probabilities([numbers])
    assert strange == pytest.approx(logs.sum() - math.log(CODE_POINTS))
    assert known > strange


def test_unknown_word_costs_its_spelling() -> None:
    model = fitted("word", ["the cat sat", "the cat ran", "the dog barked"])
    (whole,) = model.log_likelihoods(["the catran"])
    (logs,) = model.grams.log_probabilities([model.pieces.of(["the", " catran"])])
    assert whole == pytest.approx(logs.sum() + model._spelled([" catran"])[" catran"])


def test_all_short_texts_together_are_not_more_than_certain() -> None:
    model = fitted("char", ["ab", "ba", "aab", "abb", "bb"])
    texts = ["", *"ab", "aa", "ab", "ba", "bb", *(x + y + z for x in "ab" for y in "ab" for z in "ab")]
    assert 0.5 < sum(map(math.exp, model.log_likelihoods(texts))) < 1


def test_text_after_a_context_is_more_likely_where_they_belong_together() -> None:
    model = NgramModel("word", Output.LIKELIHOOD)
    replies = [("how are you", "fine thanks"), ("what time is it", "it is noon")] * 5
    model.fit(replies, [reply for _, reply in replies], seed=0)
    right, wrong = model.log_likelihoods([("how are you", "fine thanks"), ("what time is it", "fine thanks")])
    assert right > wrong


def test_answer_is_the_same_alone_in_a_batch_and_after_loading(tmp_path: Path) -> None:
    model = NgramModel("word", Output.TEXT)
    model.fit(["Once upon"] * 3, [" a time there was a cat.", " a time there was a dog.", " a hill."], seed=3)
    together = model.predict(["Once upon", "", "a cat"]).values
    assert model.predict(["a cat"]).values == together[2:]
    model.save(tmp_path)
    assert ngram.restore(tmp_path).predict(["Once upon", "", "a cat"]).values == together
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_another_seed_draws_other_texts() -> None:
    texts = [f"{word} sat on the mat and {word} ran" for word in ("cat", "dog", "cow", "pig")] * 3
    drawn = set()
    for seed in range(4):
        model = NgramModel("char", Output.TEXT)
        model.fit([""] * len(texts), texts, seed=seed)
        drawn.add(model.predict(["the"]).values)
    assert len(drawn) > 1


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(InputError, match="fit got no texts"):
        NgramModel("word", Output.TEXT).fit([], [], seed=0)
