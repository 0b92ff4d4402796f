"""What answering takes on this machine: seconds, memory, bytes, energy. Run it in a fresh, otherwise idle process.

``peak memory`` is that of the whole process so far, so that a process that trained before measures its training.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from goldilocks.errors import InputError
from goldilocks.records import Footprint, Measured, Text
from goldilocks.support.machine.energy import Meter
from goldilocks.support.machine.hardware import peak_memory_bytes
from goldilocks.support.scoring.statistics import student_quantile

WARM_UP = 5
MAX_SINGLE = 100
SINGLE_SECONDS = 3.0
BATCH = 32
BATCH_SECONDS = 2.0
QUANTILES = 21
"""Points of the distribution of latencies that are kept: every 5 %."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a footprint is measured."""

    single_seconds: float = SINGLE_SECONDS
    """At most about so long on single texts."""
    batch_seconds: float = BATCH_SECONDS
    """At most about so long on batches; 0: none, and texts per second is that of single texts."""
    warm_up: int = WARM_UP
    """Untimed texts at the beginning."""
    max_single: int = MAX_SINGLE
    """Maximum number of single texts that are timed."""


Times = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def footprint(
    predict: Callable[[Sequence[Text]], object],
    texts: Sequence[Text],
    *,
    load_seconds: float,
    size_bytes: int,
    timing: Timing = Timing(),
    meter: Meter | None = None,
    rest: Callable[[], None] | None = None,
) -> Footprint:
    """Measure a loaded model.

    One text at a time after some untimed ones (up to ``timing.max_single`` texts or ``timing.single_seconds``), then
    batches of 32 (up to ``timing.batch_seconds``; at least one of each, without batches where that is 0), then as many
    single texts again as a third of the time allows: where these two measurements disagree, something else used the
    machine. ``texts`` are used in their order, and again from the start where there are too few: pass real ones, since
    seconds depend on their length.

    Args:
        predict: Answers a batch of texts.
        texts: At least one.
        load_seconds: What loading took; measured by the caller.
        size_bytes: Bytes on disk.
        timing: How long to measure.
        meter: Reads the energy of the batches; absent: none is measured.
        rest: Called, untimed, before each single text.

    Raises:
        InputError: there are no texts.
    """
    if not len(texts):
        raise InputError("there are no texts to measure with; pass at least one.")
    endless = itertools.cycle(texts)
    started = time.perf_counter()
    warmed = 0
    for _ in range(timing.warm_up):
        predict([next(endless)])
        warmed += 1
        if time.perf_counter() - started > timing.single_seconds / 3:
            break
    latencies = np.array(list(_timed(predict, endless, 1, timing.single_seconds, timing.max_single, rest))) * 1000
    before = meter.read() if meter else ()
    batches = list(_timed(predict, endless, BATCH, timing.batch_seconds)) if timing.batch_seconds else []
    joules = meter.since(before) if meter and batches else None
    per_text = np.array(batches) * 1000 / BATCH
    return Footprint(
        load_seconds=load_seconds,
        latency_p50_ms=percentile(latencies, 0.5),
        latency_p95_ms=percentile(latencies, 0.95),
        texts_per_second=BATCH * len(batches) / sum(batches) if batches else 1000 / float(latencies.mean()),
        memory_bytes=peak_memory_bytes(),
        size_bytes=size_bytes,
        joules_per_text=None if joules is None else joules / (BATCH * len(batches)),
        mean_ms=mean_time(latencies),
        batch_mean_ms=mean_time(per_text) if batches else None,
        batch_size=BATCH,
        latency_quantiles_ms=tuple(np.quantile(latencies, np.linspace(0, 1, QUANTILES)).tolist()),
        drift=_drift(latencies, predict, texts[warmed % len(texts) :], timing.single_seconds / 3) if batches else None,
    )


def mean_time(milliseconds: Times) -> Measured:
    """Mean of measured times with its 95% interval (Student's); of a single time half and double of it."""
    value, n = float(milliseconds.mean()), len(milliseconds)
    if n < 2:
        return Measured(value, value / 2, value * 2, n, "ms")
    half = student_quantile(n - 1) * float(milliseconds.std(ddof=1)) / n**0.5
    return Measured(value, max(value - half, 0.0), value + half, n, "ms")


def _drift(first: Times, predict: Callable[[Sequence[Text]], object], texts: Sequence[Text], seconds: float) -> float:
    """Median time of the first single ``texts`` when measured again, as a multiple of what they took the first time."""
    same = itertools.islice(itertools.cycle(texts), len(first))
    again = np.array(list(_timed(predict, same, 1, seconds, len(first) - 1 or 1)))
    return float(np.median(again * 1000) / max(float(np.median(first[: len(again)])), 1e-9))


def percentile(milliseconds: Times, share: float) -> Measured:
    """A percentile of measured times with its 95% interval from order statistics, whatever their distribution.

    The number of times below the true percentile is binomial(n, share); the interval runs between the order statistics
    at its 2.5 % and 97.5 % points. With few times the upper end is the slowest one seen and covers less than it says.
    """
    from scipy.special import bdtr

    ranked = np.sort(milliseconds)
    n = len(ranked)
    below = bdtr(np.arange(n + 1), n, share)  # chance of at most k times below the percentile
    low = int(np.searchsorted(below, 0.025, side="left"))
    high = int(np.searchsorted(below, 0.975, side="left"))
    value = float(np.quantile(ranked, share))
    return Measured(
        value, min(value, float(ranked[max(low - 1, 0)])), max(value, float(ranked[min(high, n - 1)])), n, "ms"
    )


def _timed(
    predict: Callable[[Sequence[Text]], object],
    texts: Iterator[Text],
    rows: int,
    seconds: float,
    limit: int | None = None,
    rest: Callable[[], None] | None = None,
) -> Iterator[float]:
    """Seconds of each call, until the time is up or ``limit`` calls are made."""
    end = time.perf_counter() + seconds
    for number in itertools.count():
        batch = list(itertools.islice(texts, rows))
        if number and (time.perf_counter() >= end or number == limit):
            return
        if rest:
            rest()
        start = time.perf_counter()
        predict(batch)
        yield max(time.perf_counter() - start, 1e-9)
