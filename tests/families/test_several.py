"""Several labels for a text, and pairs of texts: what the counting families learn of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.naive_bayes import MultinomialNB

from goldilocks import plugins
from goldilocks.classical.ngram_linear import fitted_temperature_each
from goldilocks.evaluation.score import score
from goldilocks.families import naive_bayes
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Goal, Output, Part, labels_of
from goldilocks.testing import tiny

COUNTING = [("naive_bayes", "word12"), ("tfidf_linear", "word"), ("tfidf_linear", "word_char")]


def _fitted(family: str, name: str, part: Part, goal: Goal) -> OneShotEstimator:
    plugin = plugins.load("families", family)
    info = next(entry for entry in plugin.models() if entry.name == name)
    model = plugin.create(info, None, part, goal, seed=0)
    assert isinstance(model, OneShotEstimator)
    model.fit(part.texts, part.gold, seed=0)
    return model


def _sets(rows: int, seed: int) -> Part:
    """Texts of two halves: their labels are those of both."""
    first, second = tiny.part(rows, seed=seed), tiny.part(rows, seed=seed + 100)
    texts = tuple(f"{text} {other}" for text, other in zip(first.texts, second.texts, strict=True))
    gold = tuple(
        tuple(sorted({str(answer), str(other)})) for answer, other in zip(first.gold, second.gold, strict=True)
    )
    return Part(texts, gold, first.rows)


@pytest.mark.parametrize(("family", "name"), COUNTING)
def test_several_labels_of_new_texts_are_found(family: str, name: str) -> None:
    model = _fitted(family, name, _sets(300, 0), Goal(labels=tiny.LABELS, several=True))
    new = _sets(100, 1)
    answers = model.predict(new.texts)
    assert score(plugins.load("metrics", "micro_f1"), new.gold, answers.values) > 0.9
    assert (
        (answers.probabilities >= 0.5).sum(1) == [len(labels_of(value, Output.LABEL)) for value in answers.values]
    ).all()


def test_naive_bayes_of_several_labels_is_that_of_each_label_against_the_rest() -> None:
    rng = np.random.default_rng(0)
    values = sp.csr_array(rng.poisson(1.0, (40, 7)).astype(np.float32))
    answers = (rng.random((40, 3)) < 0.4).astype(np.int64)
    result = naive_bayes.solve(values, answers, 3, None)
    for label in range(3):
        reference = MultinomialNB(alpha=0.1).fit(values, answers[:, label])
        expected = np.diff(reference.predict_joint_log_proba(values), axis=1)[:, 0]
        ours = values @ result.weights[:, label] + result.bias[label]
        assert np.allclose(ours, expected, atol=1e-3)


def test_temperature_of_several_labels_undoes_scores_that_are_too_sure() -> None:
    rng = np.random.default_rng(0)
    exact = rng.normal(0, 2, (4000, 3))
    answers = (rng.random(exact.shape) < 1 / (1 + np.exp(-exact))).astype(np.int64)
    assert fitted_temperature_each(5 * exact, answers) == pytest.approx(5.0, rel=0.1)


def test_labels_most_texts_have_are_given_to_all() -> None:
    part = Part(("a", "b", "c", "d"), (("x",), ("x", "y"), ("x",), ()))
    model = _fitted("majority", "shares", part, Goal(labels=("x", "y"), several=True))
    answers = model.predict(["anything"])
    assert answers.values == (("x",),)
    assert answers.probabilities[0].tolist() == [0.75, 0.25]


def _pairs(rows: int, seed: int) -> Part:
    """Both texts about the same thing, or not: no text alone tells."""
    first, second = tiny.part(rows, seed=seed), tiny.part(rows, seed=seed + 100)
    same = ["same" if i % 2 else "other" for i in range(rows)]
    texts = [
        (str(text), " ".join(reversed(str(text).split())) if gold == "same" else str(other))
        for text, other, gold in zip(first.texts, second.texts, same, strict=True)
    ]
    return Part(tuple(texts), tuple(same), first.rows)


@pytest.mark.parametrize(("family", "name"), [*COUNTING, ("naive_bayes", "char24")])
def test_pairs_are_distinguished_by_what_they_share(family: str, name: str) -> None:
    model = _fitted(family, name, _pairs(200, 0), Goal(labels=("other", "same")))
    new = _pairs(100, 1)
    assert score(plugins.load("metrics", "accuracy"), new.gold, model.predict(new.texts).values) > 0.9


@pytest.mark.parametrize("several", [False, True])
def test_pairs_and_label_sets_come_back_from_disk(several: bool, tmp_path: Path) -> None:
    part = _sets(60, 0) if several else _pairs(60, 0)
    goal = Goal(labels=tiny.LABELS, several=True) if several else Goal(labels=("other", "same"))
    model = _fitted("tfidf_linear", "word_char", part, goal)
    model.save(tmp_path)
    again = plugins.load("families", "tfidf_linear").restore(tmp_path).predict(part.texts)
    assert again.values == model.predict(part.texts).values
    assert goal.output is Output.LABEL
