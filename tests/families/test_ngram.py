from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldilocks.errors import InputError
from goldilocks.families import ngram
from goldilocks.families.ngram import CODE_POINTS, NgramModel
from goldilocks.records import Generation, Output

_WORDS = NgramModel("word", Output.TEXT)


def fitted(unit: str, texts: list[str], output: Output = Output.LIKELIHOOD) -> NgramModel:
    model = NgramModel(unit, output)
    model.fit(texts, texts, seed=0)
    return model


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(_WORDS.cut(text)) == text


@pytest.mark.parametrize("unit", ["word", "char"])
@pytest.mark.parametrize("item", ["a new cat", ("the dog", "龙 ran"), "", "the"])
def test_likelihoods_of_the_tokens_add_up_to_that_of_the_text(unit: str, item: str | tuple[str, ...]) -> None:
    model = fitted(unit, ["the cat ran", "the dog ran", "a cat sat"])
    tokens = model.token_likelihoods(item)
    assert "".join(piece for piece, _ in tokens) == (item if isinstance(item, str) else item[-1])
    assert tokens[-1][0] == ""
    assert sum(value for _, value in tokens) == pytest.approx(model.log_likelihoods([item])[0], abs=1e-5)


def test_character_never_seen_is_one_of_all_there_may_be() -> None:
    model = fitted("char", ["aaaa", "abab"])
    known, strange = model.log_likelihoods(["a", "龙"])
    # "a" and "龙" differ in the piece and in what follows it; the spelling alone costs ln(1,114,112).
    numbers = model.vocabulary.of(["龙"])
    (logs,) = model.grams.log_probabilities([numbers])
    assert strange == pytest.approx(logs.sum() - math.log(CODE_POINTS))
    assert known > strange


def test_unknown_word_costs_its_spelling() -> None:
    model = fitted("word", ["the cat sat", "the cat ran", "the dog barked"])
    (whole,) = model.log_likelihoods(["the catran"])
    (logs,) = model.grams.log_probabilities([model.vocabulary.of(["the", " catran"])])
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


def writer(unit: str = "word", **how: Any) -> NgramModel:
    texts = [" a time there was a cat and it sat.", " a time there was a dog and it ran.", " a hill, and it was high."]
    model = NgramModel(unit, Output.TEXT, Generation(**how))
    model.fit(["Once upon"] * 30, texts * 10, seed=3)
    return model


PROMPTS = ["Once upon", "Once", "a cat", ""]


def test_at_temperature_0_the_likeliest_piece_is_taken_each_time() -> None:
    model = writer(temperature=0)
    (text,) = model.predict(["Once upon"]).values
    assert text == writer(temperature=0, seed=9).predict(["Once upon"]).values[0]
    assert text == writer(temperature=2.0, top_k=1).predict(["Once upon"]).values[0]
    pieces = model.cut("Once upon")
    for piece in model.cut(str(text)):
        distribution = model.grams.distribution(
            model.grams.after(model.grams.begin(), model.vocabulary.of(pieces).tolist())
        )
        assert model.vocabulary.known[int(distribution.argmax()) - ngram.UNKNOWN - 1] == piece
        pieces.append(piece)


def test_drawn_at_1_is_drawn_whether_the_whole_vocabulary_is_looked_at_or_not() -> None:
    model, drawn = writer(), []
    for how in (Generation(max_tokens=3), Generation(max_tokens=3, top_k=10_000)):
        texts: list[Any] = []
        for seed in range(150):
            model.generation = replace(how, seed=seed)
            texts += model.predict(["Once upon"]).values
        drawn.append(Counter(texts)[" a time there"])
    # Two in three of the texts; of 150 the standard error of a difference is 8.
    assert drawn[0] > 60
    assert drawn[0] == pytest.approx(drawn[1], abs=25)


def test_longest_and_stops_bound_an_answer() -> None:
    model = writer(temperature=0)
    (whole,) = model.predict(["Once upon"]).values
    assert len(model.cut(str(whole))) > 4
    assert writer(temperature=0, max_tokens=3).predict(["Once upon"]).values == ("".join(model.cut(str(whole))[:3]),)
    assert writer(temperature=0, stops=(" there",)).predict(["Once upon"]).values == (" a time",)


@pytest.mark.parametrize("how", [{"temperature": 0}, {"temperature": 0.7, "top_k": 9, "top_p": 0.9, "seed": 5}])
def test_generation_settings_hold_alone_in_a_batch_and_after_loading(how: dict[str, Any], tmp_path: Path) -> None:
    model = writer(**how)
    together = model.predict(PROMPTS).values
    assert tuple(model.predict([prompt]).values[0] for prompt in PROMPTS) == together
    model.save(tmp_path)
    again = ngram.restore(tmp_path)
    assert again.generation == Generation(**how)
    assert again.predict(PROMPTS).values == together


def test_another_seed_is_another_sample_and_may_be_below_0() -> None:
    drawn = {seed: writer(seed=seed).predict(PROMPTS).values for seed in (-1, 0, 1, 2)}
    assert len(set(drawn.values())) > 1
    assert writer(seed=1).predict(PROMPTS).values == drawn[1]
    assert writer().predict(PROMPTS).values == writer(seed=3).predict(PROMPTS).values  # that of ``fit``


def test_unknown_piece_is_never_written() -> None:
    # Every word once: the unknown one is by far the likeliest everywhere, and spells nothing.
    model = NgramModel("word", Output.TEXT)
    model.fit([""] * 200, [f"w{number}x" for number in range(200)], seed=0)
    place = model.grams.begin()
    assert model.grams.distribution(place).argmax() == ngram.UNKNOWN
    for how in (Generation(), Generation(temperature=0), Generation(temperature=0.1)):
        model.generation = how
        assert model.predict([""]).values == ("",)


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(InputError, match="fit got no texts"):
        NgramModel("word", Output.TEXT).fit([], [], seed=0)
