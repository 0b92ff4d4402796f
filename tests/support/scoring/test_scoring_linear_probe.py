from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression

from goldilocks.support.scoring import linear_probe


def _problem(rows: int, labels: int, gap: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    answers = rng.integers(0, labels, rows)
    centres = rng.normal(size=(labels, 24))
    return (gap * centres[answers] + rng.normal(size=(rows, 24))).astype(np.float32), answers


@pytest.mark.parametrize("labels", [2, 5])
def test_probabilities_are_those_of_scikit_learns_logistic_regression(labels: int) -> None:
    features, answers = _problem(400, labels, 0.5)
    ours = linear_probe.fit_predict(features[:300], answers[:300], features[300:], labels)

    standard = (features - features[:300].mean(0)) / features[:300].std(0)
    # Theirs sums the losses over the rows and multiplies by C: C = 1 / (penalty per row * rows).
    theirs = LogisticRegression(C=labels / (linear_probe.PENALTY * 300), tol=1e-8, max_iter=5_000)
    if labels == 2:  # one weight vector instead of two mirrored ones, whose penalties add up to half
        theirs.set_params(C=2 * labels / (linear_probe.PENALTY * 300))
    wanted = theirs.fit(standard[:300], answers[:300]).predict_proba(standard[300:])
    assert np.abs(ours - wanted).max() < 0.01


def test_held_out_tells_apart_and_does_not_flatter() -> None:
    clear, answers = _problem(600, 4, 3.0)
    noise = np.random.default_rng(1).normal(size=clear.shape).astype(np.float32)
    loss, error = linear_probe.held_out(clear, answers, 0)
    assert error < 0.02
    assert loss < 0.1
    loss, error = linear_probe.held_out(noise, answers, 0)
    assert 0.6 < error < 0.9  # chance is 0.75
    assert loss > np.log(4) * 0.9  # and so is log 4


def test_the_same_seed_draws_the_same_rows() -> None:
    features, answers = _problem(300, 3, 0.5)
    assert linear_probe.held_out(features, answers, 7) == linear_probe.held_out(features, answers, 7)
    assert linear_probe.held_out(features, answers, 7) != linear_probe.held_out(features, answers, 8)


def test_numbers_that_never_change_do_no_harm() -> None:
    features, answers = _problem(200, 3, 2.0)
    features[:, 5] = 4.0
    loss, _ = linear_probe.held_out(features, answers, 0)
    assert np.isfinite(loss)


def test_each_label_gives_its_share() -> None:
    labels = np.repeat([0, 1, 2], [80, 40, 4])
    first, second = linear_probe.stratified(labels, 0.25, np.random.default_rng(0))
    assert np.bincount(labels[first]).tolist() == [20, 10, 1]
    assert sorted([*first, *second]) == list(range(124))


def test_a_label_seen_once_stays_where_it_can_be_learnt() -> None:
    labels = np.array([0] * 20 + [1])
    for seed in range(20):
        first, second = linear_probe.stratified(labels, 0.9, np.random.default_rng(seed))
        assert 20 in second
        assert 20 not in first


def test_labels_of_few_rows_do_not_all_fall_on_one_side() -> None:
    labels = np.repeat(np.arange(200), 2)  # a quarter of two rows is half a row
    first, _ = linear_probe.stratified(labels, 0.25, np.random.default_rng(0))
    assert 70 < len(first) < 130  # 100, give or take four standard deviations
