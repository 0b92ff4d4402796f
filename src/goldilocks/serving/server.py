"""The HTTP server: listens, drains on SIGTERM and ends, by a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator

import uvicorn

from goldilocks.errors import InputError
from goldilocks.serving.app import make_app
from goldilocks.serving.drain import GRACE, Drain, end_process
from goldilocks.serving.http_protocol import protocol_with
from goldilocks.serving.masking import Finder
from goldilocks.serving.service import Service
from goldilocks.serving.settings import ReplicaSettings, ServeSettings, TlsSettings
from goldilocks.support.machine.hardware import set_threads

_SWITCH = 0.0005
"""Seconds after which a thread in Python code gives way: the event loop should not wait 5 ms for a replica's thread."""
_KEEP_ALIVE = 75
"""Seconds an idle connection stays open: longer than load balancers keep theirs (60), which else ask a closed one."""
_ADVERTISED = _KEEP_ALIVE - 5
"""Seconds that clients are told: one that keeps to them never sends a request on a connection that is being closed."""


class Server(uvicorn.Server):
    """Tells the service that it stops as soon as the signal comes, so that readiness says so while it drains."""

    def __init__(self, config: uvicorn.Config, service: Service, drain: Drain) -> None:
        """Serve ``service`` as ``config`` says, and end by the deadline of ``drain``."""
        super().__init__(config)
        self._service, self.drain = service, drain
        self.failed: Exception | None = None
        """Why the service cannot go on."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """While inside, a signal ends the server; unlike uvicorn's own, it is not raised again: draining is success."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: object) -> None:
        """A signal has come: accept no more, answer what was accepted, and end."""
        self._service.stopping = True
        self.drain.begin()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def check_exposure(settings: ServeSettings) -> None:
    """Refuse to listen beyond this machine without keys, unless explicitly allowed.

    Raises:
        InputError: the address is not loopback, and there are no keys.
    """
    if settings.keys is None and not settings.allow_open and not is_loopback(settings.host):
        raise InputError(
            f"{settings.host} is reachable from other machines and there are no keys; make some (`goldilocks keys "
            "add NAME`) and pass --keys keys.json, or accept all clients with --allow-open."
        )


def check_tls(tls: TlsSettings | None) -> None:
    """See that certificate and key can be used, before anything is loaded.

    Raises:
        InputError: they cannot.
    """
    if tls is None:
        return
    try:
        # With a password an encrypted key is an error here; without one OpenSSL would ask for it on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password="")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{tls.certificate}, {tls.key}: cannot be used for TLS ({reason}); pass PEM files with the certificate and "
            "with its private key, not encrypted."
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen(settings: ServeSettings) -> socket.socket:
    """A socket on the address and port.

    Raises:
        InputError: the port is taken, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on an answer is 40 ms late.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"{settings.host}:{settings.port}: cannot listen there ({error.strerror}); choose another --port or --host."
        ) from error
    listener.listen(2_048)
    return listener


def serve(settings: ServeSettings, notify: Callable[[str], None], find: Finder | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then answer what was accepted, for ``limits.drain_seconds`` at most.

    Args:
        settings: What, where and how.
        notify: Given the service's address when it listens, and each model when it is ready.
        find: Finds personal data.

    Raises:
        GoldilocksError: a bundle, the keys or the address cannot be used.
        UnansweredError: the time was over before everything that was accepted was answered; the rest got 503. Where
            the service cannot end by itself ``GRACE`` seconds later, the process is ended with the same words and code.
    """
    check_exposure(settings)
    check_tls(settings.tls)
    use_threads(settings.replicas)
    allow_connections()
    sock = listen(settings)
    try:
        service = Service(settings, find=find)
        service.watch()
        server = server_of(service)
        scheme = "https" if settings.tls else "http"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        notify(f"listening on {scheme}://{host}:{sock.getsockname()[1]}")
        threading.Thread(target=_watch, args=(service, server, notify), daemon=True).start()
        run(server, sock)
    finally:
        sock.close()


def server_of(service: Service) -> Server:
    """The server of a service, which keeps the deadline of ``limits.drain_seconds``."""
    limits, tls = service.settings.limits, service.settings.tls
    seconds = limits.drain_seconds
    config = uvicorn.Config(
        make_app(service),
        http=protocol_with(limits.body_seconds),
        ws="none",
        log_level="error",  # a warning for each request that is no HTTP would let anybody fill the log
        lifespan="on",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        headers=[("keep-alive", f"timeout={_ADVERTISED}")],
        timeout_graceful_shutdown=math.ceil(seconds + GRACE / 2),
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    drain = Drain(seconds, service.abandon, lambda error: end_process(error, service.save))
    return Server(config, service, drain)


def run(server: Server, sock: socket.socket) -> None:
    """Answer requests on a socket until a signal comes; see ``serve``."""
    asyncio.run(server.serve(sockets=[sock]))
    if server.failed is not None:
        raise server.failed
    server.drain.finish()


def allow_connections() -> None:
    """Raise the limit of open files, each connection being one, from the usual 1,024 to what the system allows."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def use_threads(replicas: ReplicaSettings) -> None:
    """Set the threads of numerical libraries, before they are imported.

    A thread that waits for the others sleeps at once instead of spinning: the event loop and other replicas need the
    core, and under other load a spinning team is many times slower (benchmarks/thread_spin.py for quiet cores).
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    sys.setswitchinterval(_SWITCH)
    set_threads(0 if replicas.isolated else replicas.threads)


def _watch(service: Service, server: Server, notify: Callable[[str], None]) -> None:
    """Say when models are ready; end the server where one cannot be loaded at all."""
    try:
        service.wait()
    except Exception as error:  # noqa: BLE001  (raised again by ``serve``, on the main thread)
        server.failed = error
        server.should_exit = True
        return
    notify(f"ready: {', '.join(f'{name}@{deployment.current.id}' for name, deployment in service.deployments.items())}")
