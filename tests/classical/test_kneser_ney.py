from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from goldilocks.classical.kneser_ney import BEGIN, END, KneserNey, fitted, from_arrays

A, B, C = 2, 3, 4


def model(sequences: Sequence[Sequence[int]], order: int, size: int = 5) -> KneserNey:
    return fitted([np.array(sequence, dtype=np.int64) for sequence in sequences], order=order, size=size)


def logs(of: KneserNey, sequence: Sequence[int]) -> list[float]:
    result: list[float] = np.exp(of.log_probabilities([np.array(sequence, dtype=np.int64)])[0]).tolist()
    return result


def test_bigrams_of_two_texts_worked_out_by_hand() -> None:
    # <s> a b </s>  and  <s> a c </s>; too few counts to estimate discounts, so 1/2, 1 and 3/2 are taken.
    result = model([[A, B], [A, C]], order=2)
    # Order 1 counts different tokens before: a 1 (<s>), b 1 (a), c 1 (a), </s> 2 (b, c); 5 in all, kept 5 - 3·½ - 1.
    left = (3 * 0.5 + 1) / 5
    uniform = 1 / 4  # </s>, a, b, c
    unigrams = {
        A: 0.5 / 5 + left * uniform,
        B: 0.5 / 5 + left * uniform,
        C: 0.5 / 5 + left * uniform,
        END: 1 / 5 + left / 4,
    }
    # Order 2: after <s> a twice (discount 1); after a: b once, c once; after b: </s> once.
    begin = (2 - 1) / 2 + 1 / 2 * unigrams[A]
    after_a = (1 - 0.5) / 2 + 2 * 0.5 / 2 * unigrams[B]
    after_b = (1 - 0.5) / 1 + 0.5 / 1 * unigrams[END]
    assert logs(result, [A, B]) == pytest.approx([begin, after_a, after_b])
    # c was never followed by a: the share left over times the lower order.
    assert logs(result, [C, A])[1] == pytest.approx(0.5 * unigrams[A])


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_sum_to_1_after_any_context(order: int) -> None:
    rng = np.random.default_rng(order)
    texts = [rng.integers(2, 9, rng.integers(0, 12)).tolist() for _ in range(60)]
    result = model(texts, order, size=9)
    for context in ([], [2], [3, 4], [8, 8, 8, 8, 8], [2, 3, 4, 5, 6, 7]):
        following = [logs(result, [*context, token, 2])[len(context)] for token in range(2, 9)]
        end = logs(result, context)[-1]
        assert sum(following) + end == pytest.approx(1)


@pytest.mark.parametrize("order", [1, 3, 5])
def test_distribution_after_a_context_is_that_of_the_tokens_one_by_one(order: int) -> None:
    rng = np.random.default_rng(order)
    result = model([rng.integers(2, 9, rng.integers(0, 12)).tolist() for _ in range(60)], order, size=10)
    for context in ([], [2], [3, 4], [8, 8, 8, 8, 8], [9, 2], [2, 3, 4, 5, 6, 7]):
        whole = result.distribution(result.after(result.begin(), context))
        following = [logs(result, [*context, token])[len(context)] for token in range(2, 10)]
        assert whole.tolist() == pytest.approx([0, logs(result, context)[-1], *following])
        assert whole.sum() == pytest.approx(1)


def test_discounts_come_from_counts_of_counts() -> None:
    # Unigrams in a model of order 1 seen 1, 1, 1, 1, 2, 2, 3, 4 times: n1 = 4, n2 = 2, n3 = 1, n4 = 1; the end: 1 text.
    sequence = [2, 3, 4, *[5, 5], *[6, 6], *[7] * 3, *[8] * 4]
    result = model([sequence], order=1, size=9)
    share = 4 / (4 + 2 * 2)
    expected = [0, 1 - 2 * share * 2 / 4, 2 - 3 * share * 1 / 2, 3 - 4 * share * 1 / 1]
    assert result.discounts[0].tolist() == pytest.approx(expected)


def test_texts_do_not_run_into_each_other() -> None:
    apart = model([[A, B], [C]], order=3)
    assert apart.log_probabilities([np.array([A, B]), np.array([C])])[1].tolist() == pytest.approx(
        apart.log_probabilities([np.array([C])])[0].tolist()
    )
    assert not any(
        (keys % apart.size == BEGIN)[counts > 0].any() for keys, counts in zip(apart.keys, apart.counts, strict=True)
    )


def test_draws_follow_the_probabilities() -> None:
    rng = np.random.default_rng(0)
    result = model([[A, B, A], [A, C], [B], [A, B, C]], order=3)
    place = result.after(result.begin(), [A])
    drawn = np.bincount([result.sample(place, rng) for _ in range(20_000)], minlength=5) / 20_000
    expected = [logs(result, [A, token])[1] for token in (A, B, C)]
    assert drawn[2:].tolist() == pytest.approx(expected, abs=0.015)
    assert drawn[BEGIN] == 0
    assert drawn[END] == pytest.approx(logs(result, [A])[1], abs=0.015)


def test_counts_come_back_from_arrays() -> None:
    first = model([[A, B, C, A, B], [B, B]], order=3)
    again = from_arrays(first.arrays("x"), "x", 3, 5)
    assert logs(again, [B, C, A]) == logs(first, [B, C, A])


def test_model_that_counted_nothing_holds_everything_equally_likely() -> None:
    assert logs(model([], order=3), [A, B]) == pytest.approx([1 / 4] * 3)
