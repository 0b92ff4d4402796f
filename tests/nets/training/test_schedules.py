from __future__ import annotations

import pytest

from goldilocks.nets.training.schedules import rate_share
from goldilocks.records import Schedule


def test_linear_rate_climbs_falls_and_ends_at_zero() -> None:
    assert [rate_share(at, 0.2) for at in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_without_warm_up_it_starts_at_the_peak() -> None:
    assert rate_share(0.0, 0.0) == 1


def test_cosine_is_half_a_cosine_after_the_warm_up() -> None:
    shares = [rate_share(at, 0.2, Schedule.COSINE) for at in (0.1, 0.2, 0.4, 0.6, 1.0)]
    # (1 + cos(pi t)) / 2 at t = 0, 1/4, 1/2, 1 of the rest: 1, (1 + sqrt(1/2)) / 2, 1/2, 0.
    assert shares == pytest.approx([0.5, 1.0, (1 + 0.5**0.5) / 2, 0.5, 0.0])


def test_constant_stays_after_the_warm_up() -> None:
    assert [rate_share(at, 0.5, Schedule.CONSTANT) for at in (0.25, 0.5, 0.9, 1.0)] == [0.5, 1, 1, 1]
