"""Prometheus metrics of a service. Labels are bounded: routes, models and versions that exist, HTTP statuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from goldilocks.serving.queue import BatchRun

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ITEMS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

State = Callable[[], Iterable[tuple[str, str, Callable[[str], float]]]]
"""(model, version, name of a gauge -> its value) of every version that runs."""

GAUGES = {
    "queue_items": "Items that wait for a replica.",
    "ongoing_requests": "Requests that wait or are being answered.",
    "replicas": "Replicas that answer.",
    "ready": "1 where a replica answers, else 0.",
    "replica_restarts": "Restarts of engines after a crash, of the replicas that run.",
}


class Metrics:
    """Counters and histograms of one service, with a registry of its own."""

    def __init__(self, state: State) -> None:
        """Register everything; ``state`` is asked at each scrape."""
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter(
            "goldilocks_requests_total",
            "Requests answered.",
            ("route", "model", "version", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "goldilocks_request_seconds",
            "Seconds from the arrival of a request to its answer.",
            ("route", "model", "version"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_items = Histogram(
            "goldilocks_batch_items", "Items in a batch.", ("model", "version"), buckets=_ITEMS, registry=registry
        )
        self.batch_seconds = Histogram(
            "goldilocks_batch_seconds",
            "Seconds a replica takes for a batch.",
            ("model", "version"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "goldilocks_queue_seconds",
            "Seconds a request waits before its first item is taken up.",
            ("model", "version"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.first_token_seconds = Histogram(
            "goldilocks_first_token_seconds",
            "Seconds from the arrival of a request to the first piece of its streamed text.",
            ("model", "version"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.items = Counter("goldilocks_items_total", "Items answered.", ("model", "version"), registry=registry)
        self.characters = Counter(
            "goldilocks_characters_total", "Characters of the items answered.", ("model", "version"), registry=registry
        )
        self.tokens = Counter(
            "goldilocks_tokens_total",
            "Tokens of prompts and completions.",
            ("model", "version", "kind"),
            registry=registry,
        )
        self.shadow = Counter(
            "goldilocks_shadow_answers_total",
            "Answers of a shadow version, by whether they equal those that were given.",
            ("model", "version", "same"),
            registry=registry,
        )
        self.masked = Counter(
            "goldilocks_masked_total",
            "Pieces of personal data masked in inputs or outputs.",
            ("kind",),
            registry=registry,
        )
        self.cache = Counter("goldilocks_cache_total", "Items looked up in the cache.", ("found",), registry=registry)
        self.log_failures = Counter(
            "goldilocks_log_failures_total", "Requests that could not be logged.", registry=registry
        )
        registry.register(_Running(state))

    def on_batch(self, model: str, version: str, batch: BatchRun) -> None:
        """Count a batch."""
        self.batch_items.labels(model, version).observe(batch.items)
        self.batch_seconds.labels(model, version).observe(batch.seconds)
        self.items.labels(model, version).inc(batch.items)
        self.characters.labels(model, version).inc(batch.characters)

    def text(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(self.registry)


class _Running(Collector):
    """Gauges that are read off when asked."""

    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterable[GaugeMetricFamily]:
        rows = list(self._state())
        for name, words in GAUGES.items():
            family = GaugeMetricFamily(f"goldilocks_{name}", words, labels=("model", "version"))
            for model, version, value in rows:
                family.add_metric((model, version), value(name))
            yield family
