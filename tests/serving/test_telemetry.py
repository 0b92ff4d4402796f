"""Traces and metrics for OpenTelemetry: with exporters in memory, and with a collector on loopback."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from served import ScriptedEngine, client, service_in, settings

from goldilocks.errors import InputError, MissingError

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from goldilocks.serving import service as service_module
from goldilocks.serving.queue import BatchRun
from goldilocks.serving.telemetry import Telemetry

COLLECTOR = "http://127.0.0.1:9"


class Memory:
    """What was exported."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans.get_finished_spans() if span.name == name]

    def metrics(self) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: metric.data.data_points
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """Every service of the test exports to memory."""
    kept = Memory()

    def export(made: Any, state: Any) -> Telemetry | None:
        if made.telemetry is None:
            return None
        return Telemetry(SimpleSpanProcessor(kept.spans), kept.reader, state, made.telemetry.share)

    monkeypatch.setattr(service_module, "_telemetry", export)
    return kept


def test_a_request_is_a_trace_of_queue_batch_and_engine(weather_bundle: Path, memory: Memory) -> None:
    with client(settings({"weather": weather_bundle}, telemetry={"endpoint": COLLECTOR})) as api:
        got = api.post("/v1/classify", json={"input": ["rain falls", "secret words"]})
        version = got.headers["x-model-version"]
        api.get("/v2/health/live")  # a probe is not a request worth a trace
    (request,) = memory.named("POST /v1/classify")
    (queue,), (batch,), (engine,) = (memory.named(name) for name in ("queue", "batch", "engine"))
    assert len(memory.spans.get_finished_spans()) == 4
    assert request.context is not None
    assert batch.context is not None
    assert request.parent is None
    assert queue.parent == batch.parent == request.context
    assert engine.parent == batch.context
    assert {span.context.trace_id for span in (queue, batch, engine) if span.context} == {request.context.trace_id}
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/classify",
        "http.response.status_code": 200,
        "goldilocks.request_id": got.headers["x-request-id"],
        "goldilocks.model": "weather",
        "goldilocks.version": version,
    }
    assert batch.attributes is not None
    assert (batch.attributes["goldilocks.batch.items"], batch.attributes["goldilocks.request.items"]) == (2, 2)
    moments = [
        request.start_time, queue.start_time, queue.end_time, batch.start_time, engine.start_time, engine.end_time,
        batch.end_time,
    ]  # fmt: skip
    assert moments == sorted(moments, key=lambda moment: moment or 0)
    assert "secret" not in "".join(span.to_json() for span in memory.spans.get_finished_spans())


def test_a_request_that_ends_before_its_batch_is_recorded_has_a_whole_trace(
    weather_bundle: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Telemetry.on_batch

    def late(telemetry: Telemetry, model: str, version: str, batch: BatchRun) -> None:
        until = time.monotonic() + 20
        while not memory.named("POST /v1/classify") and time.monotonic() < until:
            time.sleep(0.01)
        record(telemetry, model, version, batch)

    monkeypatch.setattr(Telemetry, "on_batch", late)
    with client(settings({"weather": weather_bundle}, telemetry={"endpoint": COLLECTOR})) as api:
        api.post("/v1/classify", json={"input": "rain falls"})
    assert [span.name for span in memory.spans.get_finished_spans()] == [
        "POST /v1/classify", "queue", "batch", "engine",
    ]  # fmt: skip


def test_requests_that_share_a_batch_each_have_it_in_their_trace(weather_bundle: Path, memory: Memory) -> None:
    engine = ScriptedEngine()
    engine.open.clear()
    made = settings({"weather": weather_bundle}, telemetry={"endpoint": COLLECTOR})
    with client(made, lambda _: engine) as api:
        version = service_in(api).deployments["weather"].current

        def ask() -> None:
            api.post("/v1/classify", json={"input": "rain"})

        threads = [threading.Thread(target=ask) for _ in range(3)]
        threads[0].start()
        assert engine.begun.wait(20)  # it holds the engine; the other two wait and share the next batch
        for thread in threads[1:]:
            thread.start()
        while version.queue.waiting < 2:
            pass
        engine.open.set()
        for thread in threads:
            thread.join(20)
    assert [len(batch) for batch in engine.batches] == [1, 2]
    sizes = [span.attributes["goldilocks.batch.items"] for span in memory.named("batch") if span.attributes]
    assert sizes == [1, 2, 2]
    assert len({span.parent.trace_id for span in memory.named("batch") if span.parent}) == 3


def test_the_trace_of_the_caller_is_continued_and_its_choice_kept(weather_bundle: Path, memory: Memory) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    made = settings({"weather": weather_bundle}, telemetry={"endpoint": COLLECTOR, "share": 0})
    with client(made) as api:
        for flags in ("01", "00"):
            api.post("/v1/classify", json={"input": "rain"}, headers={"traceparent": f"00-{trace}-{parent}-{flags}"})
        api.post("/v1/classify", json={"input": "rain"})  # of the share 0
    (request,) = memory.named("POST /v1/classify")
    assert request.parent is not None
    assert request.context is not None
    assert f"{request.context.trace_id:032x}" == trace
    assert f"{request.parent.span_id:016x}" == parent


def test_an_error_of_ours_is_one_and_an_error_of_the_client_is_none(weather_bundle: Path, memory: Memory) -> None:
    def fail(*_: object) -> Any:
        raise RuntimeError("broken")

    made = settings({"weather": weather_bundle}, telemetry={"endpoint": COLLECTOR})
    with client(made, lambda _: ScriptedEngine(fail)) as api:
        assert api.post("/v1/classify", json={"input": "rain"}).status_code == 500
        assert api.post("/v1/classify", json={"input": []}).status_code == 422
    assert [span.status.is_ok for span in memory.named("POST /v1/classify")] == [False, True]


def test_metrics_are_those_of_prometheus(weather_bundle: Path, memory: Memory) -> None:
    with client(settings({"weather": weather_bundle}, telemetry={"endpoint": COLLECTOR})) as api:
        for texts in (["rain"], ["rain", "sun", "rain"]):
            api.post("/v1/classify", json={"input": texts})
        until = time.monotonic() + 60  # an answer may be sent before its batch is recorded
        result = memory.metrics()
        while sum(point.value for point in result.get("goldilocks.items", ())) < 4 and time.monotonic() < until:
            time.sleep(0.01)
            result = memory.metrics()
    assert [point.value for point in result["goldilocks.items"]] == [4]
    assert [(point.count, point.sum) for point in result["goldilocks.batch.items"]] == [(2, 4)]
    assert [point.count for point in result["goldilocks.queue.duration"]] == [2]
    assert [point.count for point in result["http.server.request.duration"]] == [2]
    assert [point.value for point in result["goldilocks.ready"]] == [1]


@contextmanager
def collector() -> Iterator[tuple[str, dict[str, list[bytes]]]]:
    """The address of a collector on loopback, and the bodies it received by path."""
    received: dict[str, list[bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.setdefault(self.path, []).append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()


def test_everything_is_sent_to_the_stated_endpoint_before_the_service_ends(
    weather_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")  # not the stated one
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with collector() as (address, received):
        made = settings({"weather": weather_bundle}, telemetry={"endpoint": f"{address}/"})
        with client(made) as api:
            api.post("/v1/classify", json={"input": "rain"})
    assert set(received) == {"/v1/traces", "/v1/metrics"}
    spans = ExportTraceServiceRequest()
    spans.ParseFromString(received["/v1/traces"][0])
    names = {span.name for part in spans.resource_spans for scope in part.scope_spans for span in scope.spans}
    assert names == {"POST /v1/classify", "queue", "batch", "engine"}
    metrics = ExportMetricsServiceRequest()
    metrics.ParseFromString(received["/v1/metrics"][-1])
    assert metrics.resource_metrics[0].resource.attributes[0].value.string_value == "goldilocks"


def test_nothing_of_it_is_imported_unless_it_is_set(weather_bundle: Path) -> None:
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from served import client, settings
with client(settings({{"w": Path({str(weather_bundle)!r})}})) as api:
    assert api.post("/v1/classify", json={{"input": "x"}}).status_code == 200
print([name for name in sys.modules if name.startswith("opentelemetry.sdk")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_not_installed_is_named_with_the_command(weather_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with (
        pytest.raises(MissingError, match=r"pip install 'goldilocks-lm\[otel\]'"),
        client(settings({"weather": weather_bundle}, telemetry={"endpoint": COLLECTOR})),
    ):
        pass


@pytest.mark.parametrize(
    ("telemetry", "words"),
    [
        ({"endpoint": "127.0.0.1:4318"}, "an address such as"),
        ({"endpoint": COLLECTOR, "share": 2}, "between 0 and 1"),
        ({"endpoint": COLLECTOR, "seconds": 0}, "at least 0.1"),
        ({"share": 1}, "endpoint is missing"),
    ],
)
def test_a_mistake_is_named(telemetry: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        settings({}, telemetry=telemetry)
