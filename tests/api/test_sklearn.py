from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from api_rows import labelled
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from goldilocks import GoldilocksClassifier, GoldilocksRegressor, GoldilocksTagger
from goldilocks.errors import InputError

CHEAP: dict[str, Any] = {"families": ["majority", "naive_bayes"], "budget": "30s"}


@pytest.fixture(scope="module")
def fitted() -> GoldilocksClassifier:
    rows = labelled(100)
    return GoldilocksClassifier(**CHEAP).fit([row["body"] for row in rows], [row["topic"] for row in rows])


def test_classifier_predicts_labels_and_probabilities_in_the_order_of_classes(fitted: GoldilocksClassifier) -> None:
    texts = ["referee goal", "loan interest"]
    assert fitted.predict(texts).tolist() == ["sport", "money"]
    probabilities = fitted.predict_proba(texts)
    assert probabilities.sum(1) == pytest.approx(np.ones(2))
    assert fitted.classes_[probabilities.argmax(1)].tolist() == ["sport", "money"]
    assert fitted.score(texts, ["sport", "sport"]) == 0.5


def test_parameters_survive_clone() -> None:
    classifier = GoldilocksClassifier(budget="5s", seed=3, metric="accuracy")
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.get_params()["seed"] == 3


def test_it_stands_in_pipelines_and_cross_validation() -> None:
    rows = labelled(120)
    texts = np.array([row["body"] for row in rows])
    labels = np.array([int(row["topic"] == "sport") for row in rows])
    pipeline = make_pipeline(FunctionTransformer(), GoldilocksClassifier(**CHEAP))
    assert cross_val_score(pipeline, texts, labels, cv=2).tolist() == [1.0, 1.0]


def test_labels_keep_their_type() -> None:
    rows = labelled(80)
    frame = pd.DataFrame({"body": [row["body"] for row in rows]})
    classifier = GoldilocksClassifier(**CHEAP).fit(frame, pd.Series([int(row["topic"] == "sport") for row in rows]))
    assert classifier.predict(["referee goal"]).tolist() == [1]


def test_regressor_scores_pairs() -> None:
    same = [(f"the bank lends money {n}", f"the bank lends money {n}") for n in range(40)]
    other = [(f"the bank lends money {n}", f"a goal in match {n}") for n in range(40)]
    regressor = GoldilocksRegressor(families=["static_embedding"], methods=["head_only"], budget="60s")
    regressor.fit(same + other, [1.0] * 40 + [0.0] * 40)
    high, low = regressor.predict([("red cars", "red cars"), ("red cars", "blue sky")])
    assert high > low


def test_tagger_tags_each_word() -> None:
    sentences = [["Ann", "visited", ("Rome", "Oslo", "Bonn")[n % 3], str(n)] for n in range(90)]
    tags = [["B-PER", "O", "B-LOC", "O"]] * 90
    tagger = GoldilocksTagger(families=["crf"], budget="30s").fit(sentences, tags)
    assert tagger.predict([["Ann", "visited", "Oslo", "7"]]) == [["B-PER", "O", "B-LOC", "O"]]
    assert tagger.score(sentences[:9], tags[:9]) == 1.0


def test_rows_and_targets_of_different_number_are_refused() -> None:
    with pytest.raises(InputError, match="X has 2 rows and y 1"):
        GoldilocksClassifier().fit(["a", "b"], ["x"])


def test_texts_that_are_no_strings_are_named_by_position(fitted: GoldilocksClassifier) -> None:
    with pytest.raises(InputError, match="text 1 is a int"):
        fitted.predict(["a", 3])


def test_pairs_are_needed_for_scores() -> None:
    with pytest.raises(InputError, match="row 0 is 'alone'; pass pairs of strings"):
        GoldilocksRegressor().fit(["alone"], [1.0])


def test_error_of_the_search_names_the_rows_and_no_temporary_file() -> None:
    with pytest.raises(InputError, match="the rows") as caught:
        GoldilocksClassifier(budget="20s").fit(["a goal", "a match", "a bank"] * 10, ["sport"] * 30)
    assert "/" not in str(caught.value)
