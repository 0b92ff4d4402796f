"""The process of one replica: ``python -m goldilocks.serving.worker FD FOLDER``. It ends when the service closes FD."""

from __future__ import annotations

import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from goldilocks.errors import GoldilocksError, InputError
from goldilocks.serving.engine import LocalEngine
from goldilocks.serving.wire import call_from, card_to, receive, result_to, send


def main(descriptor: int, folder: Path) -> None:
    """Load a bundle, then answer calls until there are no more."""
    # Ctrl-C in a terminal reaches every process: the service decides when a replica ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sock = socket.socket(fileno=descriptor)
    try:
        engine = LocalEngine(folder)
    except GoldilocksError as error:
        send(sock, {"failed": str(error)})
        return
    send(sock, {"card": card_to(engine.card)})
    while (message := receive(sock)) is not None:
        if "cancel" not in message:  # one that came after the last token
            send(sock, _answer(engine, message, sock))


class _CancelledError(Exception):
    """The service does not want the rest of a text."""


def _answer(engine: LocalEngine, message: dict[str, Any], sock: socket.socket) -> dict[str, Any]:
    call, items = call_from(message)

    def on_text(text: str) -> None:
        send(sock, {"text": text})
        if select.select([sock], [], [], 0)[0]:  # while a text is streamed the service sends nothing else
            receive(sock)
            raise _CancelledError

    try:
        results = engine.run(call, items, on_text=on_text if message["stream"] else None)
        return {"results": [result_to(result) for result in results]}
    except _CancelledError:
        return {"cancelled": True}
    except InputError as error:
        return {"invalid": str(error)}
    except Exception as error:  # noqa: BLE001  (the service decides what becomes of the request)
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
