from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.classical.most_frequent_tag import WordTags
from goldilocks.errors import InputError
from goldilocks.records import Goal, Output, Part

LABELS = ("B-LOC", "I-LOC", "O")


def _fitted() -> WordTags:
    family = plugins.load("families", "majority")
    model = family.create(family.models()[0], None, Part(), Goal(Output.TAGS, LABELS), seed=0)
    assert isinstance(model, WordTags)
    texts = [("in", "Rome"), ("Rome", "is", "New"), ("to", "New", "York"), ("Rome",)]
    model.fit(texts, [("O", "B-LOC"), ("B-LOC", "O", "O"), ("O", "B-LOC", "I-LOC"), ("O",)], seed=0)
    return model


def test_word_gets_its_commonest_tag_and_another_the_commonest_of_all() -> None:
    result = _fitted().predict([("Rome", "Paris")])
    assert result.values == (("B-LOC", "O"),)
    # Rome: 2 of 3 times B-LOC; New has O once and B-LOC once, of which B-LOC is the first; other words: O 3 of 3 times.
    assert result.scores[0] == pytest.approx(2 / 3)


def test_inside_tag_without_a_beginning_is_mended() -> None:
    assert _fitted().predict([("York",), ("New", "York")]).values == (("B-LOC",), ("B-LOC", "I-LOC"))


def test_ends_of_sentences_have_no_tag_and_no_name_goes_on_behind_them() -> None:
    assert _fitted().predict([("New", "York"), ("New", "\n", "York")]).values == (
        ("B-LOC", "I-LOC"),
        ("B-LOC", "B-LOC"),
    )


def test_restored_answers_are_the_saved_ones(tmp_path: Path) -> None:
    model = _fitted()
    model.save(tmp_path)
    again = plugins.load("families", "majority").restore(tmp_path)
    texts = [("Rome", "is", "New", "York"), ()]
    assert again.predict(texts).values == model.predict(texts).values
    assert again.predict(texts).scores.tolist() == model.predict(texts).scores.tolist()


def test_unknown_or_no_tags_are_refused() -> None:
    with pytest.raises(InputError, match="the tag 'B-PER'; the model was made for: B-LOC, I-LOC, O"):
        WordTags(LABELS).fit([("a",)], [("B-PER",)], seed=0)
    with pytest.raises(InputError, match="no tags"):
        WordTags(LABELS).fit([], [], seed=0)
