from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from goldilocks.errors import InputError
from goldilocks.evaluation.efficiency import Timing, footprint, mean_time, percentile
from goldilocks.records import Text
from goldilocks.support.machine.energy import Meter


class _Clock:
    """Stands in for ``time.perf_counter``: only answering takes time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.batches: list[list[Text]] = []

    def predict(self, texts: Sequence[Text]) -> None:
        self.batches.append(list(texts))
        self.now += 0.001 + 0.002 * len(texts)  # 3 ms for one text, 65 ms for 32


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    made = _Clock()
    monkeypatch.setattr("goldilocks.evaluation.efficiency.time.perf_counter", lambda: made.now)
    return made


def test_who_is_paid_for_is_asked_few_times_and_alone(clock: _Clock) -> None:
    rests: list[float] = []
    got = footprint(
        clock.predict,
        ["a", "b"],
        load_seconds=0.5,
        size_bytes=7,
        timing=Timing(60.0, batch_seconds=0.0, warm_up=0, max_single=20),
        rest=lambda: rests.append(clock.now),
    )
    assert clock.batches == [["a"], ["b"]] * 10
    assert len(rests) == 20
    assert (got.latency_p95_ms.n, got.joules_per_text) == (20, None)
    assert got.texts_per_second == pytest.approx(1 / 0.003)


def test_latency_is_of_single_texts_and_throughput_of_batches(clock: _Clock) -> None:
    got = footprint(clock.predict, ["a", "b"], load_seconds=0.5, size_bytes=7)
    assert got.latency_p50_ms.value == pytest.approx(3.0)
    assert (got.latency_p95_ms.n, got.latency_p95_ms.unit) == (100, "ms")
    assert got.texts_per_second == pytest.approx(32 / 0.065)
    assert (got.load_seconds, got.size_bytes) == (0.5, 7)
    assert got.memory_bytes > 10**7


def test_time_is_bounded_for_a_slow_model(clock: _Clock) -> None:
    def slow(texts: Sequence[Text]) -> None:
        clock.predict(texts)
        clock.now += 2.0 * len(texts)

    got = footprint(slow, ["a"], load_seconds=0, size_bytes=0, timing=Timing(single_seconds=3.0))
    assert clock.now < 2.01 + 3 * 2.01 + 70  # one to warm up, at most two or three single ones, one batch
    assert got.latency_p50_ms.n <= 3
    assert sum(len(batch) == 32 for batch in clock.batches) == 1


def test_energy_is_that_of_the_batches_spread_over_their_texts(clock: _Clock) -> None:
    class TenWatts(Meter):
        def __init__(self) -> None:
            pass

        def read(self) -> tuple[float, ...]:
            return (10 * clock.now,)

        def since(self, before: tuple[float, ...]) -> float:
            return 10 * clock.now - before[0]

    got = footprint(clock.predict, ["a"], load_seconds=0, size_bytes=0, meter=TenWatts())

    assert got.joules_per_text == pytest.approx(10 * 0.065 / 32)
    assert footprint(clock.predict, ["a"], load_seconds=0, size_bytes=0).joules_per_text is None


def test_few_texts_are_gone_through_again(clock: _Clock) -> None:
    footprint(clock.predict, ["a", "b", "c"], load_seconds=0, size_bytes=0)
    assert [batch[0] for batch in clock.batches[:7]] == ["a", "b", "c", "a", "b", "c", "a"]


def test_nothing_to_measure_with_is_refused() -> None:
    with pytest.raises(InputError, match="no texts"):
        footprint(len, [], load_seconds=0, size_bytes=0)


def test_percentile_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = {0.5: np.exp(0.0), 0.95: np.exp(1.6449)}  # of a log-normal
    for share, value in truth.items():
        result = [percentile(np.exp(rng.normal(size=100)), share) for _ in range(2000)]
        covered = np.mean([match.low <= value <= match.high for match in result])
        assert 0.92 <= covered <= 0.99


def test_one_measurement_has_no_spread() -> None:
    got = percentile(np.array([4.0]), 0.95)
    assert (got.value, got.low, got.high, got.n) == (4.0, 4.0, 4.0, 1)


def test_the_clock_is_real_where_none_is_given() -> None:
    start = time.perf_counter()
    got = footprint(len, ["a"], load_seconds=0, size_bytes=0, timing=Timing(single_seconds=0.05, batch_seconds=0.02))
    assert got.texts_per_second > 0
    assert time.perf_counter() - start < 5


def test_mean_times_have_their_interval_and_batches_their_own(clock: _Clock) -> None:
    got = footprint(clock.predict, ["a", "b"], load_seconds=0.5, size_bytes=7)
    assert got.mean_ms is not None
    assert got.batch_mean_ms is not None
    assert got.mean_ms.value == pytest.approx(3.0)
    assert got.mean_ms.n == 100
    assert got.batch_mean_ms.value == pytest.approx(65 / 32)
    assert got.batch_size == 32
    assert got.drift == pytest.approx(1.0)


def test_interval_of_a_mean_time_is_students() -> None:
    got = mean_time(np.array([1.0, 2.0, 3.0]))
    # Standard deviation 1, t of 2 degrees 4.303.
    assert (got.value, got.low, got.high) == pytest.approx((2.0, 0.0, 2 + 4.303 / 3**0.5), abs=1e-3)
    once = mean_time(np.array([4.0]))
    assert (once.low, once.high) == (2.0, 8.0)


def test_machine_that_becomes_slower_between_two_measurements_is_noticed(clock: _Clock) -> None:
    def slower(texts: Sequence[Text]) -> None:
        clock.predict(texts)
        if clock.now > 2:  # the batches have run
            clock.now += 0.003

    got = footprint(slower, ["a"], load_seconds=0, size_bytes=0)
    assert got.drift == pytest.approx(2.0, rel=0.01)
