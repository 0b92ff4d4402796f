"""Real connections: slow clients are cut off, clients that leave cost nothing, TLS, and no port taken twice."""

import contextlib
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest
from served import ScriptedEngine, live, settings
from test_serve_command import serving

from goldilocks.errors import InputError
from goldilocks.serving import server as server_module
from goldilocks.serving.server import listen
from goldilocks.serving.settings import ServeSettings


def connected(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def request(text: str, length: int | None = None) -> bytes:
    body = json.dumps({"input": text}).encode()
    head = "POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def answered(sock: socket.socket) -> tuple[int, str]:
    """Status and body of the answer on a connection, read whole."""
    with http.client.HTTPResponse(sock) as answer:
        answer.begin()
        return answer.status, answer.read().decode()


def test_a_client_that_sends_its_body_too_slowly_is_cut_off(weather_bundle: Path) -> None:
    made = settings({"weather": weather_bundle}, limits={"body_seconds": 0.1})
    with live(made, lambda _: ScriptedEngine()) as address, connected(address) as slow:
        slow.sendall(request("rain", length=1000))
        status, answer = answered(slow)
    assert status == 408
    assert '"slow_body"' in answer


def test_a_client_that_sends_its_head_too_slowly_is_cut_off(weather_bundle: Path) -> None:
    made = settings({"weather": weather_bundle}, limits={"body_seconds": 0.1})
    with live(made, lambda _: ScriptedEngine()) as address:
        with connected(address) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A")
            assert answered(slow)[0] == 408
            assert slow.recv(1) == b""
        with connected(address) as silent:
            assert silent.recv(1) == b""


@pytest.mark.parametrize("head", [b"GET /", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "])
def test_a_head_without_end_is_refused_before_it_fills_the_memory(weather_bundle: Path, head: bytes) -> None:
    with live(settings({"weather": weather_bundle}), lambda _: ScriptedEngine()) as address:
        with connected(address) as endless:
            endless.sendall(head)
            with contextlib.suppress(ConnectionError):  # closed while it still sends
                for _ in range(100):
                    endless.sendall(b"a" * 100_000)
                raise AssertionError("10 MB of one header were taken")
        with connected(address) as plain:
            plain.sendall(request("rain"))
            assert answered(plain)[0] == 200


def test_what_a_client_that_left_asked_for_is_not_computed(weather_bundle: Path) -> None:
    engine = ScriptedEngine()
    engine.open.clear()
    with live(settings({"weather": weather_bundle}), lambda _: engine) as address, connected(address) as stays:
        stays.sendall(request("stays"))
        assert engine.begun.wait(20)
        with connected(address) as leaves:
            leaves.sendall(request("leaves"))
            _until(address, 2.0)
        _until(address, 1.0)
        engine.open.set()
        assert answered(stays)[0] == 200
    assert engine.batches == [["stays"]]


def test_clients_are_told_how_long_an_unused_connection_stays_open(weather_bundle: Path) -> None:
    with (
        live(settings({"weather": weather_bundle}), lambda _: ScriptedEngine()) as address,
        connected(address) as plain,
    ):
        plain.sendall(request("rain"))
        with http.client.HTTPResponse(plain) as answer:
            answer.begin()
            told = answer.getheader("keep-alive") or ""
    # Less than it really stays open, and more than load balancers keep theirs.
    assert 60 < int(told.removeprefix("timeout=")) < server_module._KEEP_ALIVE


def _until(address: str, ongoing: float) -> None:
    """Wait until so many requests are ongoing."""
    for _ in range(2000):
        with urllib.request.urlopen(f"{address}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        if any(line.startswith("goldilocks_ongoing_requests{") and line.endswith(f" {ongoing}") for line in lines):
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"never {ongoing} ongoing requests")


def test_what_is_no_http_gets_400_and_the_service_goes_on(weather_bundle: Path) -> None:
    with live(settings({"weather": weather_bundle}), lambda _: ScriptedEngine()) as address:
        with connected(address) as strange:
            strange.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
            assert answered(strange)[0] == 400
        with connected(address) as plain:
            plain.sendall(request("rain"))
            assert answered(plain)[0] == 200


def test_a_request_with_two_lengths_is_refused_and_what_follows_is_not_read(weather_bundle: Path) -> None:
    """A proxy that goes by Content-Length takes the rest for a body; here it would be another client's request."""
    head = "POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    smuggled = "0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    lengths = f"Content-Length: {len(smuggled)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        live(settings({"weather": weather_bundle}), lambda _: ScriptedEngine()) as address,
        connected(address) as sock,
    ):
        sock.sendall(f"{head}{lengths}{smuggled}".encode())
        received = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b'"ambiguous_length"' in received
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_tls(weather_bundle: Path, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    with serving(weather_bundle, "--tls-cert", certificate, "--tls-key", key) as (_, address):
        assert address.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(f"{address}/v2/health/ready", timeout=20, context=trusting) as answer:
            assert json.load(answer) == {"ready": True}


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(InputError, match="cannot listen there"):
        listen(ServeSettings(host="192.0.2.1", port=0))
