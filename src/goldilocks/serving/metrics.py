"""Prometheus metrics of a service. Labels are bounded: routes, models and versions that exist, HTTP statuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from goldilocks.serving.queue import BatchRun

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_VERSION = "model", "version"
"""Labels of what is counted for each version that runs."""
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
        registry = self.registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        seconds = partial(Histogram, buckets=_SECONDS, registry=registry)
        self.requests = counter(
            "goldilocks_requests_total", "Requests answered.", ("route", "model", "version", "status")
        )
        self.seconds = seconds(
            "goldilocks_request_seconds",
            "Seconds from the arrival of a request to its answer.",
            ("route", "model", "version"),
        )
        self.batch_items = Histogram(
            "goldilocks_batch_items", "Items in a batch.", _VERSION, buckets=_ITEMS, registry=registry
        )
        self.batch_seconds = seconds("goldilocks_batch_seconds", "Seconds a replica takes for a batch.", _VERSION)
        self.queue_seconds = seconds(
            "goldilocks_queue_seconds", "Seconds a request waits before its first item is taken up.", _VERSION
        )
        self.first_token_seconds = seconds(
            "goldilocks_first_token_seconds",
            "Seconds from the arrival of a request to the first piece of its streamed text.",
            _VERSION,
        )
        self.items = counter("goldilocks_items_total", "Items answered.", _VERSION)
        self.characters = counter("goldilocks_characters_total", "Characters of the items answered.", _VERSION)
        self.tokens = counter("goldilocks_tokens_total", "Tokens of prompts and completions.", (*_VERSION, "kind"))
        self.shadow = counter(
            "goldilocks_shadow_answers_total",
            "Answers of a shadow version, by whether they equal those that were given.",
            (*_VERSION, "same"),
        )
        self.masked = counter(
            "goldilocks_masked_total", "Pieces of personal data masked in inputs or outputs.", ("kind",)
        )
        self.cache = counter("goldilocks_cache_total", "Items looked up in the cache.", ("found",))
        self.log_failures = counter("goldilocks_log_failures_total", "Requests that could not be logged.")
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
