from __future__ import annotations

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.protocols import DeclinesWorkloads, OneShotEstimator
from goldilocks.records import Goal, Output, Part, Text, Workload

family = plugins.load("families", "pair_linear")


def _model(name: str, goal: Goal) -> OneShotEstimator:
    info = next(info for info in family.models() if info.name == name)
    model = family.create(info, None, Part(), goal, seed=0)
    assert isinstance(model, OneShotEstimator)
    return model


def _pairs(rows: int) -> list[tuple[str, str]]:
    """Half of them share their words in another order."""
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(30)]
    pairs = []
    for row in range(rows):
        first = rng.choice(words, 5, replace=False).tolist()
        second = rng.permutation(first).tolist() if row % 2 else rng.choice(words, 5, replace=False).tolist()
        pairs.append((" ".join(first), " ".join(second)))
    return pairs


def test_similarity_tells_paraphrases_from_others() -> None:
    model = _model("similarity", Goal(labels=("different", "same")))
    model.fit(_pairs(80), ["same" if row % 2 else "different" for row in range(80)], seed=0)
    answers = model.predict([("red green blue", "blue red green"), ("red green blue", "one two three")])
    assert answers.values == ("same", "different")
    assert answers.probabilities.sum(1) == pytest.approx(np.ones(2), abs=1e-5)


def test_scores_of_pairs_stay_in_the_range_of_train() -> None:
    model = _model("similarity", Goal(Output.SCORE))
    model.fit(_pairs(80), [5.0 if row % 2 else 1.0 for row in range(80)], seed=0)
    same, other = model.predict([("a b c d e", "a b c d e"), ("a b c d e", "f g h i j")]).values
    assert isinstance(same, float)
    assert isinstance(other, float)
    assert 1.0 <= other < 2.0
    assert 4.0 < same <= 5.0


def test_crossed_words_learn_what_answers_what() -> None:
    # Nothing is shared: only that "price" goes with "euros" and "place" with "rome" tells the right candidate.
    rng = np.random.default_rng(0)
    fill = [f"x{number}" for number in range(12)]
    texts: list[Text] = []
    gold = []
    for row in range(60):
        asked, right, wrong = [("price", "euros", "rome"), ("place", "rome", "euros")][row % 2]
        noise = rng.choice(fill, 3).tolist()
        texts.append((f"{asked} {noise[0]}", f"{right} {noise[1]}", f"{wrong} {noise[2]}"))
        gold.append((1.0, 0.0))
    model = _model("crossed", Goal(Output.SCORE))
    model.fit(texts, gold, seed=0)
    (price, place) = model.predict([("price", "rome", "euros"), ("place", "rome", "euros")]).values
    assert np.argmax(np.array(price)) == 1
    assert np.argmax(np.array(place)) == 0


def test_single_texts_are_declined() -> None:
    assert isinstance(family, DeclinesWorkloads)
    assert "compares two texts" in str(family.unsuited(Workload(100, 50.0, 10.0, 2)))
    assert family.unsuited(Workload(100, 50.0, 10.0, 2, texts=2.0)) is None


def test_wrong_input_is_refused() -> None:
    model = _model("similarity", Goal(labels=("no", "yes")))
    with pytest.raises(InputError, match="fit got 0 items and 0 answers"):
        model.fit([], [], seed=0)
    with pytest.raises(InputError, match="the label 'maybe'"):
        model.fit([("a", "b")], ["maybe"], seed=0)
