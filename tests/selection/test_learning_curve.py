import numpy as np
import pytest

from goldilocks.selection.learning_curve import EXPONENT, EXPONENT_SPREAD, NEXT_SPREAD, HalfRows, exponent, half_rows


def test_prior_stands_where_nothing_was_measured() -> None:
    law = exponent(None)
    assert law.mean == EXPONENT
    assert law.spread == pytest.approx(np.hypot(EXPONENT_SPREAD, NEXT_SPREAD))


def test_uncertain_refit_moves_the_exponent_a_part_of_the_way() -> None:
    # As uncertain as the prior: half of the way, and the variances of both halve.
    seen = np.log(0.3 / 0.2) / np.log(2)
    law = exponent(HalfRows(0.3, 0.2, EXPONENT_SPREAD * np.log(2)))
    assert law.mean == pytest.approx((EXPONENT + seen) / 2)
    assert law.spread == pytest.approx(np.hypot(EXPONENT_SPREAD / 2**0.5, NEXT_SPREAD))


def test_more_labels_never_make_a_loss_larger() -> None:
    factors = exponent(HalfRows(0.2, 0.25, 0.01)).factors(1_000)
    assert factors.max() == 1.0
    assert factors.min() > 0.5


def test_error_of_the_ratio_is_that_of_repeated_validation_sets() -> None:
    rng = np.random.default_rng(0)

    def drawn() -> tuple[np.ndarray, np.ndarray]:
        hard = rng.random(800)
        swapped = np.where(rng.random(800) < 0.2, rng.random(800), hard)
        return (swapped < 0.3).astype(float), (hard < 0.2).astype(float)

    ratios, errors = [], []
    for _ in range(300):
        half, full = drawn()
        measured = half_rows(half, full, 0.0)
        ratios.append(np.log(measured.loss / measured.full_loss))
        errors.append(measured.error)
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.1)


def test_seeds_of_both_runs_count_and_a_perfect_score_is_half_an_item() -> None:
    wrong = np.array([1.0, 0.0] * 50)
    plain, seeded = half_rows(wrong, wrong, 0.0), half_rows(wrong, wrong, 0.1)
    assert seeded.error == pytest.approx(np.hypot(plain.error, 0.1 * 2**0.5))
    assert half_rows(wrong, np.zeros(100), 0.0).full_loss == 0.005
