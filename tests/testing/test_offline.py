import socket

import pytest


def test_only_loopback_is_open() -> None:
    with socket.socket() as client, pytest.raises(ConnectionRefusedError, match="only loopback is open"):
        client.connect(("192.0.2.1", 80))  # TEST-NET-1 of RFC 5737: belongs to nobody


def test_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"x")
