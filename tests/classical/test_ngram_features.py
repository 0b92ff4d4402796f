from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from goldilocks.classical import ngram_features
from goldilocks.classical.ngram_features import Grams, Vocabulary, count_ngrams, hash_of_terms
from goldilocks.records import as_text
from goldilocks.support.text.units import word_pattern
from goldilocks.testing import tiny

ENGLISH = [
    *map(as_text, tiny.part(40).texts),
    "I DON'T know!! Is it 3.5?",
    "ab ab  ab\tcd\nef",
    "naïve Straße Ωμέγα",
    "🙂 x",
]
CHINESE = [*map(as_text, tiny.part(40, language="zh").texts), "我在2024年用Python写了代码!", "ひらがなとカタカナ", "面"]


def _reference(grams: Grams) -> CountVectorizer:
    size = (grams.low, grams.high)
    if grams.kind == "word":
        return CountVectorizer(token_pattern=word_pattern().pattern, ngram_range=size, dtype=np.float32)
    return CountVectorizer(analyzer="char_wb", ngram_range=size, dtype=np.float32)


@pytest.mark.parametrize("texts", [ENGLISH, CHINESE], ids=["en", "zh"])
@pytest.mark.parametrize("grams", [Grams("word", 1, 2), Grams("word", 2, 3), Grams("char", 2, 5), Grams("char", 3, 4)])
@pytest.mark.parametrize("block_characters", [100, 400_000])
def test_counts_are_those_of_scikit_learn(
    texts: list[str], grams: Grams, block_characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ngram_features, "BLOCK_CHARACTERS", block_characters)
    reference = _reference(grams)
    expected = reference.fit_transform(texts).toarray()

    vocabulary, learned = Vocabulary.learned(texts, [grams], min_texts=1, limit=10**6)

    (terms,) = vocabulary.terms
    assert set(terms) == set(reference.vocabulary_)
    columns = [reference.vocabulary_[term] for term in terms]
    assert np.array_equal(learned.toarray(), expected[:, columns])
    assert np.array_equal(vocabulary.matrix(texts).toarray(), expected[:, columns])


def test_texts_never_seen_are_counted_as_scikit_learn_counts_them() -> None:
    grams = Grams("char", 2, 4)
    reference = _reference(grams).fit(ENGLISH)
    vocabulary, _ = Vocabulary.learned(ENGLISH, [grams], min_texts=1, limit=10**6)
    new = ["we saw a soup bowl again", "", "   ", "完全不同", "DINNER dinner"]
    columns = [reference.vocabulary_[term] for term in vocabulary.terms[0]]
    assert np.array_equal(vocabulary.matrix(new).toarray(), reference.transform(new).toarray()[:, columns])


def test_ngrams_in_too_few_texts_are_left_out_and_the_commonest_kept() -> None:
    texts = ["a b c", "a b", "a a a d d d"]  # in texts: a 3, b 2, c 1, d 1
    grams = [Grams("word", 1, 1)]
    by_two, _ = Vocabulary.learned(texts, grams, min_texts=2, limit=10)
    commonest, _ = Vocabulary.learned(texts, grams, min_texts=1, limit=1)
    assert set(by_two.terms[0]) == {"a", "b"}
    assert commonest.terms == [["a"]]


def test_a_large_set_gives_its_vocabulary_by_a_sample_and_its_counts_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_features, "SAMPLE_CHARACTERS", 16)
    texts = ["soup bread"] * 4 + ["match goal"] * 4  # 80 characters: every fifth text is looked at
    vocabulary, counts = Vocabulary.learned(texts, [Grams("word", 1, 1)], min_texts=1, limit=10)
    assert set(vocabulary.terms[0]) == {"soup", "bread", "match", "goal"}
    assert counts.shape == (8, 4)
    assert counts.sum() == 16


def test_kinds_of_ngrams_do_not_meet_in_a_column() -> None:
    vocabulary, counts = Vocabulary.learned(["ab"], [Grams("word", 1, 1), Grams("char", 2, 2)], min_texts=1, limit=10)
    assert vocabulary.terms[0] == ["ab"]
    assert sorted(vocabulary.terms[1]) == [" a", "ab", "b "]
    assert vocabulary.edges == [0, 1, 4]
    assert counts.toarray().tolist() == [[1, 1, 1, 1]]


def test_a_term_has_the_hash_its_occurrences_have() -> None:
    block = count_ngrams(["soup 好吃的面包 soup"], Grams("char", 2, 4))
    terms = [block.joined[start:end] for start, end in zip(block.starts, block.ends, strict=True)]
    assert np.array_equal(hash_of_terms(terms), block.hashes)
    assert len(set(terms)) == len(terms)


def test_half_a_million_short_strings_share_no_hash() -> None:
    terms = [f"{a}{b}{c}" for a in map(chr, range(97, 177)) for b in map(chr, range(19968, 20048)) for c in range(80)]
    assert len(np.unique(hash_of_terms(terms))) == len(terms) == 512_000


def test_a_lone_surrogate_is_counted_like_any_sign() -> None:
    vocabulary, _ = Vocabulary.learned(["a\ud800b"], [Grams("char", 2, 2)], min_texts=1, limit=10)
    assert "a\ud800" in vocabulary.terms[0]


def test_no_texts_give_an_empty_matrix() -> None:
    vocabulary, _ = Vocabulary.learned(["soup"], [Grams("word", 1, 1)], min_texts=1, limit=10)
    assert vocabulary.matrix([]).shape == (0, 1)
