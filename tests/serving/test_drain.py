"""How a service ends: by itself when all is answered, by refusing the rest at the deadline, by force at the latest."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from served import ScriptedEngine, client, service_in, settings
from test_serve_connections import answered, connected, request

from goldilocks.errors import UnansweredError
from goldilocks.serving.deployment import Deployment
from goldilocks.serving.drain import Drain
from goldilocks.serving.server import Server, listen, run, server_of
from goldilocks.serving.service import Service
from goldilocks.serving.settings import ServeSettings

NEVER = 3600.0


def unexpected() -> int:
    raise AssertionError("the service has ended before its deadline")


def test_service_that_has_answered_all_ends_without_an_error() -> None:
    forced: list[UnansweredError] = []
    drain = Drain(NEVER, unexpected, forced.append)
    drain.begin()
    drain.finish()
    assert (drain.unanswered, forced) == (None, [])


def test_service_without_a_signal_to_end_ends_without_an_error() -> None:
    Drain(NEVER, unexpected, lambda _: None).finish()


def test_what_is_refused_at_the_deadline_is_counted_and_named() -> None:
    refused = threading.Event()

    def abandon() -> int:
        refused.set()
        return 1234

    drain = Drain(0.0, abandon, lambda _: None, grace=NEVER)
    drain.begin()
    assert refused.wait(20)
    with pytest.raises(UnansweredError, match=r"requests left unanswered: 1,234; raise limits\.drain_seconds"):
        drain.finish()
    assert UnansweredError.EXIT_CODE == 4


def test_deadline_without_anything_to_refuse_is_no_error() -> None:
    refused = threading.Event()
    drain = Drain(0.0, lambda: refused.set() or 0, lambda _: None, grace=NEVER)  # type: ignore[func-returns-value]
    drain.begin()
    assert refused.wait(20)
    drain.finish()


def test_service_that_cannot_end_by_itself_is_ended() -> None:
    forced: list[str] = []
    ended = threading.Event()

    def end(error: UnansweredError) -> None:
        forced.append(str(error))
        ended.set()

    drain = Drain(0.0, lambda: 2, end, grace=0.0)
    drain.begin()
    drain.begin()  # an operator who presses Ctrl-C again
    assert ended.wait(20)
    assert "left unanswered: 2;" in forced[0]
    assert len(forced) == 1


@pytest.mark.parametrize("save", ["print('saved', flush=True)", "threading.Event().wait()"])
def test_end_by_force_saves_what_it_can_and_has_the_exit_code_and_the_words(save: str) -> None:
    code = (
        "import threading\nfrom goldilocks.errors import UnansweredError\nfrom goldilocks.serving import drain\n"
        f"drain._SAVING = {0.01 if 'wait' in save else 20}\n"
        "threading.Thread(target=threading.Event().wait).start()\n"  # what keeps the process from ending
        f"drain.end_process(UnansweredError('stopped'), lambda: {save})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (4, "error: stopped\n")
    assert done.stdout == ("saved\n" if "print" in save else "")


@contextmanager
def running(
    made: ServeSettings, engine: ScriptedEngine
) -> Iterator[tuple[Server, str, threading.Thread, list[Exception]]]:
    """A server in a thread that gets no signals, its address, and how it ended."""
    service = Service(made, lambda _: engine)
    service.wait(60)
    errors: list[Exception] = []

    def serve(server: Server, sock: socket.socket) -> None:
        try:
            run(server, sock)
        except Exception as error:  # noqa: BLE001  (the test looks at it)
            errors.append(error)

    with listen(made) as sock:
        server = server_of(service)
        server.drain._grace = 60.0  # the process that would be ended by force is that of the tests
        thread = threading.Thread(target=serve, args=(server, sock), daemon=True)
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{sock.getsockname()[1]}", thread, errors
        finally:
            engine.open.set()
            server.handle_exit(signal.SIGTERM, None)
            thread.join(60)


def test_accepted_request_is_answered_before_the_deadline(weather_bundle: Path) -> None:
    engine = ScriptedEngine()
    engine.open.clear()
    made = settings({"weather": weather_bundle}, port=0)
    with running(made, engine) as (server, address, thread, errors), connected(address) as client:
        client.sendall(request("rain"))
        assert engine.begun.wait(20)
        server.handle_exit(signal.SIGTERM, None)
        engine.open.set()
        assert answered(client)[0] == 200
        thread.join(60)
        assert not thread.is_alive()
        assert not errors


def test_requests_that_wait_and_that_are_being_answered_get_503_at_the_deadline(weather_bundle: Path) -> None:
    engine = ScriptedEngine()
    engine.open.clear()  # it never answers
    made = settings({"weather": weather_bundle}, port=0, limits={"drain_seconds": 0.001}, batching={"max_items": 1})
    with running(made, engine) as (server, address, thread, errors), connected(address) as first:
        first.sendall(request("rain"))
        assert engine.begun.wait(20)
        with connected(address) as second:
            second.sendall(request("sun"))
            _until_ongoing(server, 2)
            server.handle_exit(signal.SIGTERM, None)
            for client in (first, second):
                status, body = answered(client)
                assert status == 503
                assert '"stopping"' in body
        thread.join(60)
        assert not thread.is_alive()
    (error,) = errors
    assert isinstance(error, UnansweredError)
    assert "left unanswered: 2;" in str(error)


def test_requests_of_a_version_that_was_replaced_meanwhile_are_refused_too(weather_bundle: Path) -> None:
    engine = ScriptedEngine()
    engine.open.clear()
    made = settings({"weather": weather_bundle}, port=0, limits={"drain_seconds": 0.001})
    with running(made, engine) as (server, address, thread, errors), connected(address) as client:
        client.sendall(request("rain"))
        assert engine.begun.wait(20)
        deployment = _deployment(server)
        deployment.promote(deployment.start(weather_bundle))
        assert [version.ongoing for version in deployment.retired] == [1]
        server.handle_exit(signal.SIGTERM, None)
        assert answered(client)[0] == 503
        thread.join(60)
    assert [str(error).count("left unanswered: 1;") for error in errors] == [1]


def _deployment(server: Server) -> Deployment:
    deployment: Deployment = server.config.app.state.service.deployments["weather"]  # type: ignore[union-attr]
    return deployment


def _until_ongoing(server: Server, count: int) -> None:
    current = _deployment(server).current
    for _ in range(4000):
        if current.ongoing == count:
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"never {count} ongoing requests")


def test_responses_while_it_drains_announce_that_their_connection_closes(weather_bundle: Path) -> None:
    with client(settings({"weather": weather_bundle}), lambda _: ScriptedEngine()) as api:
        assert "connection" not in api.post("/v1/classify", json={"input": "rain"}).headers
        service_in(api).stopping = True
        for answer in (api.post("/v1/classify", json={"input": "rain"}), api.get("/v1/nothing")):
            assert answer.headers["connection"] == "close"
