from __future__ import annotations

from dataclasses import replace

import pytest

from goldilocks.nets.training.schedules import Span, rate_share
from goldilocks.records import Schedule, TrainingConfig


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


CONFIG = TrainingConfig(epochs=10.0, learning_rate=1e-3, head_learning_rate=1e-3, warmup_share=0.1)


@pytest.mark.parametrize("schedule", list(Schedule))
def test_a_run_that_is_cut_goes_on_at_its_rate_and_falls_to_zero(schedule: Schedule) -> None:
    config, whole = replace(CONFIG, schedule=schedule), Span.of(10.0)
    cut = whole.shortened(0.5, position=3.0)

    before = (0.5, 2.0, 3.0, 4.0)
    assert [cut.rate_share(at, config) for at in before] == [whole.rate_share(at, config) for at in before]
    # The last fifth, from 4 to 5 epochs: half of the rate is left at 4.5.
    assert cut.rate_share(4.5, config) == pytest.approx(whole.rate_share(4.0, config) / 2)
    assert cut.rate_share(5.0, config) == 0

    late = whole.shortened(0.5, position=4.5)  # the cooldown is what is left
    assert late.rate_share(4.75, config) == pytest.approx(whole.rate_share(4.5, config) / 2)
    assert [cut.share(at) for at in (2.5, 5.0, 5.1)] == [0.5, 1.0, 1.0]


def test_a_run_shortened_before_its_first_step_has_the_whole_schedule_in_fewer_epochs() -> None:
    short, planned = Span.of(10.0).shortened(0.4, position=0.0), Span.of(4.0)
    for at in (0.1, 0.4, 2.0, 3.9):
        assert short.rate_share(at, CONFIG) == planned.rate_share(at, CONFIG)


@pytest.mark.parametrize("share", [0.3, 0.2, 1.1])
def test_a_run_cannot_end_where_it_has_been_or_later_than_planned(share: float) -> None:
    with pytest.raises(ValueError, match="after 3 of 10 epochs a run cannot end at"):
        Span.of(10.0).shortened(share, position=3.0)
