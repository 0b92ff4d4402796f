from __future__ import annotations

import math

import numpy as np
import pytest

from goldilocks.classical.pair_similarity import FEATURES, PairSimilarity, from_plain


def _values(first: str, second: str, texts: list[str]) -> np.ndarray:
    profiles = PairSimilarity()
    profiles.fit(texts, seed=0)
    return profiles.values(profiles.profile(first), profiles.profile(second))


def test_word_overlap_by_hand() -> None:
    # Of two texts "cat" is in both (kept: idf ln(3/3) + 1 = 1), the others in one (not kept: ln(3/1) + 1).
    rare = math.log(3) + 1
    values = _values("the cat", "cat sat down", ["the cat", "cat sat down"])
    assert values[0] == pytest.approx(1 / math.sqrt((rare**2 + 1) * (2 * rare**2 + 1)))
    assert values[1] == pytest.approx(1 / 4)
    assert values[2] == pytest.approx(1 / (1 + rare))
    assert values[3] == pytest.approx(1 / (1 + 2 * rare))


def test_word_order_and_lengths() -> None:
    values = _values("a b c d", "a c b", ["a b c d", "a c b"])
    common = values[12:14]
    assert common == pytest.approx([2 * 2 / 7, 2 / 3])  # "a b" or "a c"
    assert values[15] == pytest.approx(math.log(5 / 4))


def test_equal_texts_are_as_similar_as_can_be() -> None:
    texts = ["flight ba 12 to rome", "a train to paris", "flights to rome", "train or flight"]
    values = _values(texts[0], texts[0], texts)
    assert values[:12] == pytest.approx(np.ones(12))
    assert values[-1] == 1.0  # the same number


def test_empty_texts_have_finite_values() -> None:
    values = _values("", "", ["", "x"])
    assert values.shape == (FEATURES,)
    assert np.isfinite(values).all()


def test_latent_directions_bring_words_of_one_topic_together() -> None:
    topics = [("soup", "bread", "oven", "salt"), ("bank", "loan", "credit", "budget")]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(topics[row % 2], 3, replace=False)) for row in range(60)]
    profiles = PairSimilarity()
    profiles.fit(texts, seed=0)
    near, far = (profiles.values(profiles.profile("soup"), profiles.profile(other))[14] for other in ("salt", "loan"))
    assert near > far + 0.2


def test_comes_back_from_plain_values() -> None:
    profiles = PairSimilarity()
    profiles.fit(["a b", "b c", "a c d", "d a"], seed=0)
    again = from_plain(profiles.to_plain(), profiles.directions)
    pair = ("a b", "b d")
    expected = profiles.values(*map(profiles.profile, pair))
    assert again.values(*map(again.profile, pair)) == pytest.approx(expected)
