"""The process of one replica: ``python -m goldilocks.serving.worker FD FOLDER``. It ends when the service closes FD."""

from __future__ import annotations

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
        send(sock, _answer(engine, message))


def _answer(engine: LocalEngine, message: dict[str, Any]) -> dict[str, Any]:
    call, items = call_from(message)
    try:
        return {"results": [result_to(purchase) for purchase in engine.run(call, items)]}
    except InputError as error:
        return {"invalid": str(error)}
    except Exception as error:  # noqa: BLE001  (the service decides what becomes of the request)
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
