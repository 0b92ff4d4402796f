"""Replica processes: answers as in this process, crashes and hangs survived, as many as the load needs."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from served import ScriptedEngine, client, dry, service_in, settings
from starlette.testclient import TestClient

import goldilocks
from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.generation.token_logprobs import TokenLogprobs
from goldilocks.records import Generation, Output, Prediction
from goldilocks.serving import wire
from goldilocks.serving.autoscale import Scaler
from goldilocks.serving.engine import Call, Operation
from goldilocks.serving.process_engine import ProcessEngine
from goldilocks.serving.replica import EngineCrashedError
from goldilocks.serving.settings import ReplicaSettings


@pytest.fixture(scope="module")
def engine(weather_bundle: Path) -> Iterator[ProcessEngine]:
    made = ProcessEngine(weather_bundle, seconds=60)
    yield made
    made.close()


def test_a_process_answers_as_the_bundle_does(engine: ProcessEngine, weather_bundle: Path) -> None:
    texts = ["rain falls", "the sun shines", "雨", "?"]
    got = engine.run(Call(), texts)
    assert got == goldilocks.load(weather_bundle).predict(texts)
    assert engine.card.labels == ("dry", "wet")


def test_what_the_model_refuses_is_reported(engine: ProcessEngine) -> None:
    with pytest.raises(InputError, match="has no embeddings"):
        engine.run(Call(Operation.EMBED), ["rain"])
    with pytest.raises(InputError, match="naive_bayes does not generate text"):
        engine.run(Call(Operation.GENERATE), ["rain"])
    assert engine.run(Call(), ["rain falls"])


def test_a_process_that_was_killed_is_noticed_and_ends_with_the_service(weather_bundle: Path) -> None:
    made = ProcessEngine(weather_bundle, seconds=60)
    os.kill(made.pid, signal.SIGKILL)
    with pytest.raises(EngineCrashedError, match=f"process {made.pid} has ended"):
        made.run(Call(), ["rain"])
    made.close()
    again = ProcessEngine(weather_bundle, seconds=60)
    again.close()
    with pytest.raises(ProcessLookupError):
        os.kill(again.pid, 0)


def test_a_batch_that_hangs_ends_the_process(weather_bundle: Path) -> None:
    made = ProcessEngine(weather_bundle, seconds=0.2)
    os.kill(made.pid, signal.SIGSTOP)
    with pytest.raises(EngineCrashedError, match=r"took more than 0\.2 s for a batch and was ended"):
        made.run(Call(), ["rain"])
    made.close()


def test_a_process_above_its_memory_is_replaced_after_the_answer(weather_bundle: Path) -> None:
    made = ProcessEngine(weather_bundle, seconds=60, memory_mb=1)
    before = made.pid
    assert len(made.run(Call(), ["rain"])) == 1
    assert made.pid != before
    assert len(made.run(Call(), ["rain"])) == 1
    made.close()


def test_a_bundle_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"holds no bundle\.json"):
        ProcessEngine(tmp_path, seconds=5)


def test_a_replica_killed_under_load_loses_no_accepted_request(weather_bundle: Path) -> None:
    made = settings({"weather": weather_bundle}, replicas={"processes": True}, batching={"max_items": 2})
    with client(made) as api, ThreadPoolExecutor(8) as pool:
        (replica,) = service_in(api).deployments["weather"].current.replicas
        asked = [pool.submit(api.post, "/v1/classify", json={"input": f"rain falls {n}"}) for n in range(60)]
        asked[5].result()
        process = replica._engine
        assert isinstance(process, ProcessEngine)
        os.kill(process.pid, signal.SIGKILL)
        assert [entry.result().status_code for entry in asked] == [200] * 60
        assert api.post("/v1/classify", json={"input": "rain"}).status_code == 200  # after the restart
        assert replica.restarts == 1
        assert "goldilocks_replica_restarts" in api.get("/metrics").text


def test_an_idle_process_that_was_killed_is_replaced_before_anybody_asks(weather_bundle: Path) -> None:
    with client(settings({"weather": weather_bundle}, replicas={"processes": True})) as api:
        (replica,) = service_in(api).deployments["weather"].current.replicas
        process = replica._engine
        assert isinstance(process, ProcessEngine)
        os.kill(process.pid, signal.SIGKILL)
        for _ in range(6000):
            if replica.restarts and replica.ready:
                break
            threading.Event().wait(0.01)
        assert replica.restarts == 1
        assert api.post("/v1/classify", json={"input": "rain falls"}).json()["data"][0]["label"] == "wet"


def test_everything_survives_the_wire() -> None:
    call = Call(Operation.GENERATE, Generation(max_tokens=3, temperature=0.5, stops=("\n", "é")), "a domain")
    assert wire.call_from(wire.call_to(call, ["a", ("b", "c")])) == (call, ["a", ("b", "c")])
    card = replace(ScriptedEngine().card, domains=("first", "a domain"))
    assert wire.card_from(wire.card_to(card)) == card
    tagged = Prediction(("O", "B-x"), 0.5, {}, "in Rome", ((0, 2), (3, 7)))
    several = Prediction(("dry",), 0.9, {"dry": 0.9, "wet": 0.1})
    for result, item in ((tagged, "in Rome"), (several, "x"), (Prediction(1.5, 1.0), ("a", "b")), (dry("x"), "x")):
        assert wire.result_from(wire.result_to(result), item, card) == result
    assert wire.result_from(wire.result_to((0.5, -2.0)), "x", card) == (0.5, -2.0)
    logprobs = TokenLogprobs("a", ("a",), (None,), ("",), (None,), (0,), "b", -1.0)
    assert wire.result_from(wire.result_to(logprobs), "a", card) == logprobs
    text = wire.result_from(wire.result_to(Prediction("t", float("nan"))), "x", replace(card, output=Output.TEXT))
    assert isinstance(text, Prediction)
    assert text.score != text.score


def test_one_replica_for_every_target_of_ongoing_requests() -> None:
    scaler = Scaler(ReplicaSettings(min_replicas=1, max_replicas=4, target_ongoing_requests=2))
    assert [scaler.wanted(ongoing) for ongoing in (0, 1, 2, 3, 5, 8, 100)] == [1, 1, 1, 2, 3, 4, 4]


def test_changes_wait_for_their_delay_and_a_dip_begins_anew() -> None:
    scaler = Scaler(ReplicaSettings(1, 4, target_ongoing_requests=1, upscale_delay_s=10, downscale_delay_s=60))
    assert scaler.decide(0, ongoing=4, replicas=1) == 1
    assert scaler.decide(9, ongoing=4, replicas=1) == 1
    assert scaler.decide(9.5, ongoing=1, replicas=1) == 1  # a dip
    assert scaler.decide(12, ongoing=4, replicas=1) == 1
    assert scaler.decide(22, ongoing=3, replicas=1) == 3
    assert scaler.decide(30, ongoing=0, replicas=3) == 3
    assert scaler.decide(89, ongoing=0, replicas=3) == 3
    assert scaler.decide(91, ongoing=0, replicas=3) == 1


def test_replicas_follow_the_load_up_and_down(weather_bundle: Path) -> None:
    engines: list[ScriptedEngine] = []

    def open_engine(_: Path) -> ScriptedEngine:
        engines.append(ScriptedEngine())
        engines[-1].open.clear()
        return engines[-1]

    replicas = {"max_replicas": 3, "target_ongoing_requests": 1, "upscale_delay_s": 5, "downscale_delay_s": 5}
    made = settings({"weather": weather_bundle}, replicas=replicas, batching={"max_items": 1})
    with client(made, open_engine) as api, ThreadPoolExecutor(3) as pool:
        service = service_in(api)
        version = service.deployments["weather"].current
        asked = [pool.submit(api.post, "/v1/classify", json={"input": f"rain {n}"}) for n in range(3)]
        while version.ongoing < 3:
            threading.Event().wait(0.001)
        service.tend(100.0)
        assert len(version.replicas) == 1
        service.tend(106.0)
        assert len(version.replicas) == 3
        version.wait(10)
        for engine in engines:
            assert engine.begun.wait(10)  # each has one of the three
            engine.open.set()
        assert [entry.result().status_code for entry in asked] == [200] * 3
        leaving = version.replicas[1:]
        service.tend(110.0)
        service.tend(116.0)
        assert len(version.replicas) == 1
        for replica in leaving:
            replica.join(10)
        assert sum(engine.closed for engine in engines) == 2
        assert api.post("/v1/classify", json={"input": "rain"}).status_code == 200


def test_a_replica_that_gave_up_is_replaced(weather_bundle: Path) -> None:
    broken = threading.Event()

    def answer(_: Call, items: object) -> list[object]:
        raise EngineCrashedError("the process has gone")

    def open_engine(_: Path) -> ScriptedEngine:
        if broken.is_set():
            raise InputError("no memory")
        return ScriptedEngine(answer)  # type: ignore[arg-type]

    def states(api: TestClient) -> tuple[int, int]:
        return api.get("/healthz").status_code, api.post("/v1/classify", json={"input": "rain"}).status_code

    with client(settings({"weather": weather_bundle}), open_engine) as api:
        broken.set()
        (replica,) = service_in(api).deployments["weather"].current.replicas
        assert api.post("/v1/classify", json={"input": "rain"}).status_code == 503
        replica.join(10)
        assert states(api) == (503, 503)
        broken.clear()
        service_in(api).tend(0.0)
        service_in(api).wait(10)
        assert api.get("/healthz").status_code == 200
