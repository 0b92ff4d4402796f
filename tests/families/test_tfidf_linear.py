from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from sklearn.svm import LinearSVC

from goldilocks.classical.ngram_linear import Solution
from goldilocks.families import tfidf_linear
from goldilocks.records import Machine, Workload


def _problem(n_labels: int) -> tuple[sp.csr_array, npt.NDArray[np.int64]]:
    """Sparse values of length 1, and labels that half follow from them."""
    rng = np.random.default_rng(0)
    values = sp.random_array((400, 300), density=0.05, format="csr", dtype=np.float32, rng=rng)
    lengths = np.sqrt(np.asarray((values * values).sum(1)))
    values.data /= np.repeat(np.maximum(lengths, 1e-6), np.diff(values.indptr)).astype(np.float32)
    hidden = values @ rng.normal(size=(300, n_labels)) + 0.3 * rng.normal(size=(400, n_labels))
    return values, hidden.argmax(1)


def _loss(values: sp.csr_array, answers: npt.NDArray[np.int64], solution: Solution) -> float:
    """λ/2 · |w|² + 1/2 · Σ max(0, 1 - y (w·x + b))² over all labels, λ = 1."""
    wanted = np.where(answers[:, None] == np.arange(solution.weights.shape[1]), 1, -1)
    slack = np.maximum(0, 1 - wanted * (values @ solution.weights + solution.bias))
    return float(0.5 * (solution.weights.astype(float) ** 2).sum() + 0.5 * (slack**2).sum())


@pytest.mark.parametrize("n_labels", [2, 5])
def test_the_loss_comes_within_two_percent_of_the_exact_solver(n_labels: int) -> None:
    values, answers = _problem(n_labels)
    ours = tfidf_linear.solve(values, answers, n_labels, tfidf_linear.solve(values, answers, n_labels, None))
    # C = 0.5 is λ = 1; a large intercept_scaling leaves the bias nearly unpenalised, as it is here.
    exact = LinearSVC(C=0.5, intercept_scaling=30, max_iter=20_000, tol=1e-6, random_state=0).fit(values, answers)
    weights, bias = exact.coef_.T, exact.intercept_
    if n_labels == 2:
        weights, bias = np.hstack([-weights, weights]), np.array([-bias[0], bias[0]])
    theirs = Solution(weights.astype(np.float32), bias.astype(np.float32))

    assert _loss(values, answers, ours) < 1.02 * _loss(values, answers, theirs)
    agree = (values @ ours.weights + ours.bias).argmax(1) == (values @ weights + bias).argmax(1)
    assert agree.mean() > 0.97


def test_two_labels_are_each_others_mirror() -> None:
    values, answers = _problem(2)
    result = tfidf_linear.solve(values, answers, 2, None)
    assert np.array_equal(result.weights[:, 0], -result.weights[:, 1])
    assert result.bias[0] == -result.bias[1]


def test_a_label_that_no_text_has_is_not_answered() -> None:
    values, answers = _problem(3)
    result = tfidf_linear.solve(values, answers, 4, None)
    assert np.isfinite(result.weights).all()
    assert ((values @ result.weights + result.bias).argmax(1) != 3).all()


def test_forecast_follows_what_was_measured_to_a_factor_of_two() -> None:
    machine = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=188.6, bf16=False, name="")
    word, both = tfidf_linear.models()
    # Processor seconds of one fit: 10 001 news of 194 characters, 6 480 requests of 43, 10 003 questions of 59.
    news, requests, questions = Workload(10_001, 194, 40, 4), Workload(6_480, 43, 8.2, 27), Workload(10_003, 59, 12, 77)
    measured = ((word, news, 0.38), (both, news, 2.65), (both, requests, 0.7), (word, questions, 0.42))
    for info, work, seconds in (*measured, (both, questions, 2.0)):
        assert seconds / 2 < tfidf_linear.forecast(info, work, machine).seconds < seconds * 2
