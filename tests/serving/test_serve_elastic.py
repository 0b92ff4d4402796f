"""Replicas follow a recorded load from one to four and back, by the service's own clock; no request is lost."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from served import ScriptedEngine, client, dry, service_in, settings

from goldilocks.records import Text
from goldilocks.serving import service as service_module
from goldilocks.serving.engine import Call

LOAD = tuple(0.5 + number / 60 for number in range(180)) + tuple(4.2 + number / 5 for number in range(5))
"""When requests arrive, in seconds: three seconds of 60 a second (a replica answers 20 a second), then 5 a second."""


def test_one_four_one_on_a_recorded_load_and_nothing_is_lost(
    weather_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_LOAD_CHECK_SECONDS", 0.05)
    engines: list[ScriptedEngine] = []
    seen: list[tuple[float, int]] = []
    ended = threading.Event()

    def answer(_: Call, items: Sequence[Text]) -> list[Any]:
        threading.Event().wait(0.05 * len(items))  # the time a model would take
        return [dry(item) for item in items]

    def open_engine(_: Path) -> ScriptedEngine:
        engines.append(ScriptedEngine(answer))
        return engines[-1]

    replicas = {"max_replicas": 4, "target_ongoing_requests": 2, "upscale_delay_s": 0.2, "downscale_delay_s": 0.4}
    made = settings({"weather": weather_bundle}, replicas=replicas, batching={"max_items": 1})
    with client(made, open_engine) as api, ThreadPoolExecutor(64) as pool:
        service = service_in(api)
        version = service.deployments["weather"].current
        service.watch()
        begun = time.monotonic()

        def look() -> None:
            while not ended.wait(0.02):
                seen.append((time.monotonic() - begun, len(version.replicas)))

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        asked: list[Future[Any]] = []
        for number, due in enumerate(LOAD):
            ended.wait(max(0.0, begun + due - time.monotonic()))
            asked.append(pool.submit(api.post, "/v1/classify", json={"input": f"rain {number}"}))
        answers = [entry.result() for entry in asked]
        until = time.monotonic() + 20
        while (len(version.replicas) > 1 or sum(not engine.closed for engine in engines) > 1) and (
            time.monotonic() < until
        ):
            ended.wait(0.02)
        ended.set()
        looking.join()
        assert [entry.status_code for entry in answers] == [200] * len(LOAD)
        batches = sorted(text for engine in engines for batch in engine.batches for text in batch)
        assert [entry.json()["data"][0]["label"] for entry in answers] == ["dry"] * len(LOAD)
        assert batches == sorted(f"rain {number}" for number in range(len(LOAD)))  # none twice, none never
        counts = [count for _, count in seen]
        assert counts[0] == 1
        assert max(counts) == 4
        first = next(moment for moment, count in seen if count > 1)
        assert first >= LOAD[0] + 0.2  # not before the load has lasted for its delay
        assert len(version.replicas) == 1
        assert sum(not engine.closed for engine in engines) == 1
        assert api.post("/v1/classify", json={"input": "rain"}).status_code == 200
