"""Replicas: bad items harm nobody else, crashes are survived, slow ones are not waited for."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from served import BASE, ScriptedEngine, client, dry, service_in, settings
from starlette.testclient import TestClient

from goldilocks.errors import InputError
from goldilocks.records import Text
from goldilocks.serving.app import make_app
from goldilocks.serving.deployment import Deployment
from goldilocks.serving.engine import Call, Result
from goldilocks.serving.replica import EngineCrashedError
from goldilocks.serving.service import Service


def together(api: TestClient, engine: ScriptedEngine, bodies: Sequence[object]) -> list[Any]:
    """Ask at the same time: all wait for one another before the engine goes on."""
    engine.open.clear()
    version = service_in(api).deployments["weather"].current
    with ThreadPoolExecutor(len(bodies)) as pool:
        asked = [pool.submit(api.post, "/v1/classify", json={"input": body}) for body in bodies]
        while version.ongoing < len(bodies):
            threading.Event().wait(0.001)
        engine.open.set()
        return [entry.result() for entry in asked]


def test_requests_that_wait_together_share_a_batch_and_get_their_own_answers(weather_bundle: Path) -> None:
    engine = ScriptedEngine()
    with client(settings({"weather": weather_bundle}), lambda _: engine) as api:
        got = together(api, engine, ["a" * length for length in range(1, 9)])
    assert [entry.status_code for entry in got] == [200] * 8
    # The first is taken up alone; those that came meanwhile are one batch.
    assert len(engine.batches) <= 3
    assert sorted(len(str(item)) for batch in engine.batches for item in batch) == list(range(1, 9))


def test_a_bad_item_fails_its_own_request_only(weather_bundle: Path) -> None:
    def answer(_: Call, items: Sequence[Text]) -> list[Result]:
        if "poison" in items:
            raise InputError("item is poison")
        return [dry(item) for item in items]

    engine = ScriptedEngine(answer)
    with client(settings({"weather": weather_bundle}), lambda _: engine) as api:
        got = together(api, engine, ["rain", "poison", "sun", "snow"])
    assert [entry.status_code for entry in got] == [200, 422, 200, 200]
    assert got[1].json()["error"]["message"] == "item is poison"


def test_an_unexpected_error_is_a_500_that_shows_no_internals(weather_bundle: Path) -> None:
    def answer(_: Call, items: Sequence[Text]) -> list[Result]:
        raise ValueError("secret path /home/ann")

    with client(settings({"weather": weather_bundle}), lambda _: ScriptedEngine(answer)) as api:
        got = api.post("/v1/classify", json={"input": "rain"})
        assert got.status_code == 500
        assert "secret" not in got.text
        assert api.get("/healthz").status_code == 200


def test_an_engine_that_crashes_is_opened_again_and_loses_no_innocent_request(weather_bundle: Path) -> None:
    opened: list[ScriptedEngine] = []

    def answer(_: Call, items: Sequence[Text]) -> list[Result]:
        if "poison" in items:
            raise EngineCrashedError("the process has gone")
        return [dry(item) for item in items]

    def open_engine(_: Path) -> ScriptedEngine:
        opened.append(ScriptedEngine(answer))
        return opened[-1]

    with client(settings({"weather": weather_bundle}), open_engine) as api:
        got = together(api, opened[0], ["rain", "sun", "poison", "snow"])
        after = api.post("/v1/classify", json={"input": "rain"})
    assert [entry.status_code for entry in got] == [200, 200, 503, 200]
    assert got[2].json()["error"]["code"] == "engine_crashed"
    assert after.status_code == 200
    assert len(opened) >= 2
    assert all(entry.closed for entry in opened)


def test_a_request_that_takes_too_long_gets_503_and_the_next_one_its_answer(weather_bundle: Path) -> None:
    engine = ScriptedEngine()
    limits = {"seconds": 0.05}
    with client(settings({"weather": weather_bundle}, limits=limits), lambda _: engine) as api:
        engine.open.clear()
        late = api.post("/v1/classify", json={"input": "rain"})
        engine.open.set()
        while service_in(api).deployments["weather"].current.queue.waiting:
            threading.Event().wait(0.001)
        assert late.status_code == 503
        assert late.json()["error"]["code"] == "timeout"
        assert api.post("/v1/classify", json={"input": "sun"}).status_code in (200, 503)


def test_a_full_queue_is_429_with_retry_after(weather_bundle: Path) -> None:
    engine = ScriptedEngine()
    engine.open.clear()
    made = settings({"weather": weather_bundle}, limits={"queue_items": 2})
    with client(made, lambda _: engine) as api, ThreadPoolExecutor(4) as pool:
        first = pool.submit(api.post, "/v1/classify", json={"input": "rain"})
        assert engine.begun.wait(10)  # taken up: it waits no longer
        queued = pool.submit(api.post, "/v1/classify", json={"input": ["a", "b"]})
        queue = service_in(api).deployments["weather"].current.queue
        while queue.waiting < 2:
            threading.Event().wait(0.001)
        refused = api.post("/v1/classify", json={"input": "c"})
        engine.open.set()
        assert [first.result().status_code, queued.result().status_code] == [200, 200]
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1


def test_a_bundle_that_cannot_be_loaded_is_named(weather_bundle: Path) -> None:
    def broken(folder: Path) -> ScriptedEngine:
        raise InputError(f"{folder}: damaged")

    with pytest.raises(InputError, match="damaged"), client(settings({"weather": weather_bundle}), broken):
        pass


def test_not_ready_until_loaded(weather_bundle: Path) -> None:
    may_load = threading.Event()

    def slow(_: Path) -> ScriptedEngine:
        assert may_load.wait(20)
        return ScriptedEngine()

    service = Service(settings({"weather": weather_bundle}), slow)
    with TestClient(make_app(service), base_url=BASE) as api:
        assert api.get("/v2/health/live").status_code == 200
        assert api.get("/v2/health/ready").status_code == 503
        early = api.post("/v1/classify", json={"input": "rain"})
        assert (early.status_code, early.json()["error"]["code"]) == (503, "loading")
        may_load.set()
        service.wait(20)
        assert api.get("/v2/health/ready").json() == {"ready": True}
        assert api.get("/healthz").json() == {"status": "ready"}
        service.stopping = True
        assert api.get("/v2/health/ready").status_code == 503


def test_accepted_requests_are_answered_when_the_service_stops(weather_bundle: Path) -> None:
    engine = ScriptedEngine()
    engine.open.clear()
    with client(settings({"weather": weather_bundle}), lambda _: engine) as api:
        service = service_in(api)
        deployment: Deployment = service.deployments["weather"]
        jobs = [deployment.current.submit(Call(), [f"text {number}"]) for number in range(40)]
        stopping = threading.Thread(target=service.stop)
        stopping.start()
        engine.open.set()
        stopping.join(20)
        assert [len(job.future.result(0)) for job in jobs] == [1] * 40
        refused = api.post("/v1/classify", json={"input": "rain"})
    assert refused.status_code == 503
    assert engine.closed
