from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.errors import InputError
from goldilocks.families import extractive
from goldilocks.families.extractive import Nearest, SentenceExtractor
from goldilocks.records import Text

_TEXT = "Cats sleep. A cat and a dog met. The dog saw the cat and the cat ran. It rained in Rome."


def test_lead_is_as_long_as_answers_are() -> None:
    model = SentenceExtractor("lead")
    model.fit([""], ["six words are in this answer"], seed=0)
    # 2 words, then 8, is nearer to 6 than 2 alone? |2 - 6| = 4, |8 - 6| = 2: yes. A third sentence is not.
    assert model.predict([_TEXT]).values == ("Cats sleep. A cat and a dog met.",)


def test_textrank_takes_the_sentence_most_like_the_others_and_keeps_their_order() -> None:
    # The second shares {a, cat} with the first, 2 / (ln 3 + ln 5), and {dog, ran} with the third, 2 / (ln 5 + ln 4).
    text = "A cat met. A cat and a dog ran. The dog ran off. It rained."
    model = SentenceExtractor("textrank")
    model.words = 6.0
    assert model.predict([text]).values == ("A cat and a dog ran.",)
    model.words = 9.0
    assert model.predict([text]).values == ("A cat met. A cat and a dog ran.",)


def test_chinese_sentences_need_no_spaces() -> None:
    model = SentenceExtractor("lead")
    model.fit([""], ["今天天气好"], seed=0)
    assert model.predict(["我们去公园。她也去了！你呢？"]).values == ("我们去公园。",)


def test_copy_of_several_texts_is_the_last() -> None:
    assert SentenceExtractor("copy").predict(["a", ("b", "c")]).values == ("a", "c")


def test_nearest_answers_as_the_most_similar_item_was_answered(tmp_path: Path) -> None:
    model = Nearest()
    items: list[Text] = [("hi", "where is the station"), ("hi", "what is the time"), "thank you"]
    model.fit(items, ["over there", ("noon", "twelve"), "welcome"], seed=0)
    asked: list[Text] = [("hello", "the time please"), "you", "xyz"]
    result = model.predict(asked)
    assert result.values == ("noon", "welcome", "over there")
    assert result.scores.tolist()[2] == 0
    model.save(tmp_path)
    again = extractive.restore(tmp_path)
    assert again.predict(asked).values == result.values
    assert again.predict(asked).scores.tolist() == pytest.approx(result.scores.tolist())


def test_cosine_is_that_of_scikit_learn() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["the cat sat on the mat", "a dog sat", "the dog and the cat", "mat"]
    model = Nearest()
    model.fit(texts, texts, seed=0)
    other = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+").fit(texts)
    # A query's words that train does not have are left out in both.
    query = "the cat on a big mat"
    expected = (other.transform([query]) @ other.transform(texts).T).toarray().max()
    assert model.predict([query]).scores[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", sorted(extractive.NAMES))
def test_no_answers_to_learn_from_are_refused(name: str) -> None:
    model = Nearest() if name == "nearest" else SentenceExtractor(name)
    with pytest.raises(InputError, match="fit got no answers"):
        model.fit([], [], seed=0)
