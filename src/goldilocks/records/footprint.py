"""What a model needs to answer: time, memory, bytes, energy."""

from __future__ import annotations

from dataclasses import dataclass

from goldilocks.records.items import Measured


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a trained candidate needs to answer, measured in a fresh process on this machine."""

    load_seconds: float
    """From the start of loading to the first answer."""
    latency_p50_ms: Measured
    """Median time of one text alone, in milliseconds."""
    latency_p95_ms: Measured
    """95th percentile of the same."""
    texts_per_second: float
    """In batches of 32; of an endpoint as it answered the validation part, several questions at once."""
    memory_bytes: int
    """Peak resident memory of the process."""
    size_bytes: int
    """Bytes on disk."""
    joules_per_text: float | None = None
    """Energy of the processor (and accelerator) while answering in batches of 32; ``None``: not reported."""
    tokens_read: float | None = None
    """Tokens that an endpoint reads for a request, mean over the validation part; ``None``: it answers here."""
    tokens_written: float | None = None
    """Tokens that it generates for a request, mean likewise."""
    mean_ms: Measured | None = None
    """Mean time of one text alone, with its 95% interval; ``None``: measured by an earlier version."""
    batch_mean_ms: Measured | None = None
    """Mean time of one text within a batch of ``batch_size``."""
    batch_size: int = 32
    latency_quantiles_ms: tuple[float, ...] = ()
    """Time of one text alone at the quantiles 0, 5, ..., 100 %; empty: measured by an earlier version."""
    drift: float | None = None
    """Mean time of single texts measured again at the end, as a multiple of the first; far from 1: the machine was
    disturbed. ``None``: measured once."""
