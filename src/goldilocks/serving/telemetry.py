"""Traces and metrics of a service for OpenTelemetry (OTLP over HTTP), sent to one stated endpoint; off by default.

The trace of a request has a span for its time in the queue and, for each batch that had items of it, one for the batch
with one for the engine inside. Several requests share a batch: each has the batch in its own trace. Spans hold names,
numbers and the request's id, no texts. Providers are the service's own; the global ones are not set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from goldilocks.errors import MissingError
from goldilocks.serving.metrics import GAUGES, State
from goldilocks.serving.queue import BatchRun
from goldilocks.serving.settings import TelemetrySettings
from goldilocks.serving.version import VERSION

try:
    from opentelemetry import trace
    from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation
    from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as missing:
    raise MissingError("OpenTelemetry is not installed; pip install 'goldilocks-lm[otel]'.") from missing

_SCOPE = "goldilocks.serving"
_PARENTS = TraceContextTextMapPropagator()
_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]


class Telemetry:
    """Spans and metrics of one service."""

    def __init__(self, processor: SpanProcessor, reader: MetricReader, state: State, share: float = 1.0) -> None:
        """Make the providers.

        Args:
            processor: Takes the spans.
            reader: Takes the metrics.
            state: The versions that run, and their gauges.
            share: Share of the requests that are traced, 0 to 1.
        """
        resource = Resource({SERVICE_NAME: "goldilocks", SERVICE_VERSION: VERSION})
        self._spans = SdkTracerProvider(
            sampler=ParentBasedTraceIdRatio(share), resource=resource, shutdown_on_exit=False
        )
        self._spans.add_span_processor(processor)
        self._tracer = self._spans.get_tracer(_SCOPE, VERSION)
        self._metrics = SdkMeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._clock = time.time_ns() - time.monotonic_ns()
        self._make_instruments(self._metrics, state)

    def _make_instruments(self, provider: MeterProvider, state: State) -> None:
        meter = provider.get_meter(_SCOPE, VERSION)

        def seconds(name: str, description: str) -> Histogram:
            return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=_SECONDS)

        self._duration = seconds("http.server.request.duration", "Duration of HTTP server requests.")
        self._queue_seconds = seconds("goldilocks.queue.duration", "Time a request waits for its first batch.")
        self._batch_seconds = seconds("goldilocks.batch.duration", "Time a replica takes for a batch.")
        self._batch_items = meter.create_histogram("goldilocks.batch.items", "{item}", "Items in a batch.")
        self._items = meter.create_counter("goldilocks.items", "{item}", "Items answered.")
        for name, description in GAUGES.items():
            meter.create_observable_gauge(f"goldilocks.{name}", [_observing(state, name)], description=description)

    def begin(self, method: str, headers: Mapping[str, str], request_id: str, since: float) -> trace.Span:
        """The span of a request that arrived at ``since`` (``time.monotonic``), in the trace of its caller if any."""
        attributes = {"http.request.method": method, "goldilocks.request_id": request_id}
        return self._tracer.start_span(
            method,
            context=_PARENTS.extract(headers),
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
            start_time=self._nanoseconds(since),
        )

    def end(self, span: object, method: str, route: str, model: str, version: str, status: int, seconds: float) -> None:
        """End the span of a request."""
        assert isinstance(span, trace.Span)
        known: dict[str, str | int] = {"http.route": route, "http.response.status_code": status}
        labels = _labels(model, version) if model else {}
        span.update_name(f"{method} {route}")
        span.set_attributes({**known, **labels})
        if status >= 500:
            span.set_status(trace.StatusCode.ERROR)
        span.end()
        self._duration.record(seconds, {"http.request.method": method, **known, **labels})

    def on_batch(self, model: str, version: str, batch: BatchRun) -> None:
        """Record a batch, in the trace of each of its requests."""
        labels = _labels(model, version)
        self._batch_seconds.record(batch.seconds, labels)
        self._batch_items.record(batch.items, labels)
        self._items.add(batch.items, labels)
        for part in batch.slices:
            job = part.job
            if part.start == 0 and job.started is not None:
                self._queue_seconds.record(job.started - job.created, labels)
            # Not `is_recording`: a request that was answered at once has ended its span before this is called.
            if not isinstance(job.trace, trace.Span) or not job.trace.get_span_context().trace_flags.sampled:
                continue
            parent = trace.set_span_in_context(job.trace)
            if part.start == 0 and job.started is not None:
                self._span("queue", parent, job.created, job.started, labels)
            size = {"goldilocks.batch.items": batch.items, "goldilocks.request.items": part.end - part.start}
            own = self._span("batch", parent, batch.began, batch.ended, {**labels, **size})
            operation = {"goldilocks.operation": job.call.operation.value}
            inside = trace.set_span_in_context(own)
            self._span("engine", inside, batch.engine_began, batch.engine_ended, {**labels, **operation})

    def close(self) -> None:
        """Send what has not been sent."""
        self._spans.shutdown()
        self._metrics.shutdown()

    def _span(
        self, name: str, parent: object, began: float, ended: float, attributes: Mapping[str, str | int]
    ) -> trace.Span:
        span = self._tracer.start_span(name, parent, attributes=attributes, start_time=self._nanoseconds(began))  # type: ignore[arg-type]
        span.end(self._nanoseconds(ended))
        return span

    def _nanoseconds(self, moment: float) -> int:
        """Nanoseconds since 1970 of a time of ``time.monotonic``."""
        return self._clock + int(moment * 1e9)


def export_to(settings: TelemetrySettings, state: State) -> Telemetry:
    """Telemetry that is sent to ``settings.endpoint``.

    Raises:
        MissingError: the exporter is not installed.
    """
    try:
        import requests
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise MissingError(f"{error.name} is not installed; pip install 'goldilocks-lm[otel]'.") from error
    base = settings.endpoint.rstrip("/")
    session = requests.Session()
    session.trust_env, session.max_redirects = False, 0  # no proxy and no redirect: to the stated endpoint only
    processor = BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces", timeout=5, session=session))
    exporter = OTLPMetricExporter(f"{base}/v1/metrics", timeout=5, session=session)
    reader = PeriodicExportingMetricReader(exporter, settings.seconds * 1000, 5_000)
    return Telemetry(processor, reader, state, settings.share)


def _labels(model: str, version: str) -> dict[str, str]:
    return {"goldilocks.model": model, "goldilocks.version": version}


def _observing(state: State, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value(name), _labels(model, version)) for model, version, value in state()]

    return observe
