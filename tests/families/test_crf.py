from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks.bundle.guard import refuse_pickle
from goldilocks.errors import InputError
from goldilocks.families import crf
from goldilocks.records import Goal, Output, Part
from goldilocks.support.text.iob2 import iob2
from goldilocks.support.text.word_shape import BUCKETS, MAX_FEATURES, features, numbers
from goldilocks.testing import tiny

LABELS = ("B-LOC", "I-LOC", "O")
TEXTS = [("in", "New", "York"), ("from", "New", "York", "."), ("a", "new", "york", "ham"), ("in", "Rome")] * 5
GOLD = [("O", "B-LOC", "I-LOC"), ("O", "B-LOC", "I-LOC", "O"), ("O", "O", "O", "O"), ("O", "B-LOC")] * 5


def _model() -> crf.WordCrf:
    model = crf.create(crf.models()[0], None, Part(), Goal(Output.TAGS, LABELS), seed=0)
    assert isinstance(model, crf.WordCrf)
    return model


def test_it_learns_capitals_and_neighbours() -> None:
    model = _model()
    model.fit(TEXTS, GOLD, seed=0)
    assert model.predict(TEXTS[:4]).values == tuple(GOLD[:4])


def test_score_is_the_probability_of_the_sequence() -> None:
    import pycrfsuite

    model = _model()
    model.fit(TEXTS, GOLD, seed=0)
    tagger = pycrfsuite.Tagger()
    tagger.open_inmemory(model.learnt)
    tagger.set(list(features(TEXTS[0])))
    assert model.predict(TEXTS[:1]).scores[0] == pytest.approx(tagger.probability(list(GOLD[0])), abs=1e-6)


def test_file_is_no_pickle_and_restores(tmp_path: Path) -> None:
    model = _model()
    model.fit(TEXTS, GOLD, seed=0)
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crf.json", "model.crfsuite"]
    refuse_pickle(tmp_path / "model.crfsuite")
    again = crf.restore(tmp_path)
    assert again.labels == LABELS
    assert again.predict(TEXTS).values == model.predict(TEXTS).values


def test_odd_words_and_no_words_are_answered() -> None:
    model = _model()
    model.fit(TEXTS, GOLD, seed=0)
    odd = [(), ("",), ("a\x00b", "\ud800"), ("x" * 100_000,), ("🙂",) * 300]
    result = model.predict(odd)
    assert [len(value) for value in result.values] == [0, 1, 2, 1, 300]  # type: ignore[arg-type]
    assert all(iob2(value) == value for value in result.values)  # type: ignore[arg-type]
    assert np.isfinite(result.scores).all()


def test_unknown_tag_no_sentences_and_no_fit_are_refused() -> None:
    with pytest.raises(InputError, match="'B-PER'; the model was made for: B-LOC, I-LOC, O"):
        _model().fit([("a",)], [("B-PER",)], seed=0)
    with pytest.raises(InputError, match="fit got no sentences"):
        _model().fit([], [], seed=0)
    with pytest.raises(InputError, match="call fit first"):
        _model().predict([("a",)])


def test_chinese_by_character_is_learnt_from_neighbours() -> None:
    model = _model()
    texts = [tuple("去北京吧"), tuple("在北京吃"), tuple("他很好吧"), tuple("我在吃饭")] * 5
    gold = [("O", "B-LOC", "I-LOC", "O"), ("O", "B-LOC", "I-LOC", "O"), ("O",) * 4, ("O",) * 4] * 5
    model.fit(texts, gold, seed=0)
    assert model.predict([tuple("我去北京")]).values == (("O", "O", "B-LOC", "I-LOC"),)


def test_features_as_numbers_are_the_same_for_the_same_strings() -> None:
    result = numbers(("in", "New", "York"))
    assert result.shape == (3, MAX_FEATURES)
    assert result.max() < BUCKETS
    assert [int((row > 0).sum()) for row in result] == [len(feature) for feature in features(("in", "New", "York"))]
    assert (result[1] == numbers(("in", "New", "York"))[1]).all()
    assert numbers(()).shape == (0, MAX_FEATURES)


def test_no_word_has_more_features_than_there_is_room_for() -> None:
    for item in [("longword",) * 9, *[tuple(str(text).split()) for text in tiny.part(9).texts]]:
        assert max(len(feature) for feature in features(item)) <= MAX_FEATURES


def test_sentences_of_an_item_are_tagged_each_by_itself() -> None:
    model = _model()
    joined = [(*TEXTS[0], "\n", *TEXTS[1], "\n", *TEXTS[2], "\n", *TEXTS[3])]
    model.fit(joined * 5, [tuple(tag for answer in GOLD[:4] for tag in answer)] * 5, seed=0)
    apart = _model()
    apart.fit(TEXTS, GOLD, seed=0)
    result, each = model.predict(joined), apart.predict(TEXTS[:4])
    assert result.values == (tuple(tag for value in each.values for tag in value),)  # type: ignore[union-attr]
    assert result.scores[0] == pytest.approx(float(np.prod(each.scores)), rel=1e-5)
