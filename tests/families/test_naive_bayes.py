from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from goldilocks.classical.ngram_linear import NgramLinear
from goldilocks.families import naive_bayes
from goldilocks.records import Machine, Part, Workload
from goldilocks.support.text.units import word_pattern
from goldilocks.testing import tiny

MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=188.6, bf16=False, name="")


@pytest.mark.parametrize("name", ["word12", "char24"])
def test_probabilities_are_those_of_scikit_learn_at_the_temperature(name: str) -> None:
    part, new = tiny.part(90), tiny.part(20, seed=3)
    info = next(entry for entry in naive_bayes.models() if entry.name == name)
    model = naive_bayes.create(info, None, Part(), tiny.GOAL, seed=0)
    assert isinstance(model, NgramLinear)
    model.fit(part.texts, part.gold, seed=0)

    grams = naive_bayes.GRAMS[name]
    size = (grams.low, grams.high)
    counter = (
        CountVectorizer(token_pattern=word_pattern().pattern, ngram_range=size)
        if grams.kind == "word"
        else CountVectorizer(analyzer="char_wb", ngram_range=size)
    )
    reference = MultinomialNB(alpha=0.1).fit(counter.fit_transform(part.texts), part.gold)
    expected = reference.predict_joint_log_proba(counter.transform(new.texts))
    assert list(reference.classes_) == list(tiny.LABELS)

    assert np.allclose(model.predict(new.texts).probabilities, softmax(expected / model.temperature, axis=1), atol=1e-4)


def test_forecast_grows_with_the_text_of_the_kind_it_counts() -> None:
    word, char = naive_bayes.models()
    short = Workload(rows=10_000, characters=100, words=20, labels=4)
    wordy = Workload(rows=10_000, characters=100, words=40, labels=4)
    long = Workload(rows=10_000, characters=200, words=20, labels=4)
    assert naive_bayes.forecast(word, wordy, MACHINE).seconds > naive_bayes.forecast(word, short, MACHINE).seconds
    assert naive_bayes.forecast(char, long, MACHINE).seconds > naive_bayes.forecast(char, short, MACHINE).seconds
