"""Pruning and quantising n-gram models, with numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.classical.ngram_features import Grams, Vocabulary
from goldilocks.classical.ngram_linear import NgramConfig, NgramLinear, Solution, restored
from goldilocks.testing.compression import calibration

TERMS = ["sun", "rain", "snow", "the"]


def model(weights: list[list[float]], *, idf: list[float] | None = None, several: bool = False) -> NgramLinear:
    """Weights of ``TERMS`` under two labels."""
    made = NgramLinear(("dry", "wet"), NgramConfig((Grams("word", 1, 1),), tfidf=idf is not None, most_terms=9))
    made.several = several
    made.vocabulary = Vocabulary(made.config.grams, [TERMS])
    order = [TERMS.index(term) for term in made.vocabulary.terms[0]]
    made.solution = Solution(np.array(weights, np.float32)[order], np.array([0.5, -0.5], np.float32))
    made.idf = np.array([] if idf is None else idf, np.float32)[order if idf is not None else []]
    return made


WEIGHTS = [[2.0, -2.0], [-1.0, 1.0], [-0.5, 0.25], [3.0, 3.0]]
TEXTS = ["the sun", "rain rain", "snow", "", "unknown"]


def test_pruning_removes_what_tells_no_label_from_another(tmp_path: Path) -> None:
    # Centred over the labels, "the" has no weight at all, although its weights are the largest.
    pruned = model(WEIGHTS)
    plugins.load("compressors", "feature_pruning").compress(pruned, 0.5, tmp_path, calibration())

    again = restored(tmp_path)

    assert set(again.vocabulary.terms[0]) == {"sun", "rain"}
    kept = again.predict(["sun rain"]).probabilities
    assert kept == pytest.approx(model(WEIGHTS).predict(["sun rain"]).probabilities)


def test_pruning_weighs_features_by_how_often_they_occur() -> None:
    from goldilocks.compressors.feature_pruning import importance

    # idf 1: in every text; idf 1 + ln 100: in one of 100. (1 + ln 100) · 0.1 = 0.56 < 1.
    made = model([[1.0, -1.0], [1.0, -1.0], [0.0, 0.0], [0.0, 0.0]], idf=[1.0, 1 + np.log(100), 1.0, 1.0])
    strength = dict(zip(made.vocabulary.terms[0], importance(made), strict=True))

    assert strength["sun"] == pytest.approx(2**0.5)
    assert strength["rain"] == pytest.approx(2**0.5 * (1 + np.log(100)) * 0.1)
    assert strength["snow"] == 0


def test_independent_labels_are_not_centred() -> None:
    from goldilocks.compressors.feature_pruning import importance

    made = model(WEIGHTS, several=True)
    strength = dict(zip(made.vocabulary.terms[0], importance(made), strict=True))

    assert strength["the"] == pytest.approx(18**0.5)


@pytest.mark.parametrize("several", [False, True])
def test_int8_answers_as_the_original_within_half_a_step(tmp_path: Path, several: bool) -> None:
    quantised = model(WEIGHTS, several=several)
    plugins.load("compressors", "int8_tables").compress(quantised, 1.0, tmp_path, calibration())

    again = restored(tmp_path)

    assert again.solution.weights.dtype == np.int8
    # The largest centred weight is 2 (several: 3): half a step is 2 / 127 / 2 (3 / 127 / 2) for each n-gram.
    step = (3 if several else 2) / 127 / 2
    exact = model(WEIGHTS, several=several).solution.dense()
    exact = exact if several else exact - exact.mean(1, keepdims=True)
    assert np.abs(again.solution.dense() - exact).max() <= step * 1.001
    assert again.predict(TEXTS).probabilities == pytest.approx(
        model(WEIGHTS, several=several).predict(TEXTS).probabilities, abs=0.01
    )


def test_float16_halves_the_bytes_of_the_weights(tmp_path: Path) -> None:
    before = model(WEIGHTS).size_bytes()
    made = model(WEIGHTS)
    plugins.load("compressors", "float16").compress(made, 1.0, tmp_path, calibration())

    again = restored(tmp_path)

    assert again.solution.weights.dtype == np.float16
    assert before - again.size_bytes() == 8 * 2  # eight weights
    assert again.predict(TEXTS).probabilities == pytest.approx(model(WEIGHTS).predict(TEXTS).probabilities, abs=1e-3)


def test_compressed_weights_are_not_compressed_again(tmp_path: Path) -> None:
    made = model(WEIGHTS)
    plugins.load("compressors", "int8_tables").compress(made, 1.0, tmp_path, calibration())

    for name in ("float16", "int8_tables"):
        assert plugins.load("compressors", name).incompatibility(made) == "its weights are int8 already"


def test_weights_beyond_half_precision_are_declined() -> None:
    made = model([[1e5, 0], [0, 0], [0, 0], [0, 0]])

    assert "100000, beyond the range" in str(plugins.load("compressors", "float16").incompatibility(made))
