"""Several processes of one command on this machine, with the environment variables of torchrun."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from goldilocks.errors import ProcessError
from goldilocks.support.machine.hardware import cores

LAUNCHED = "GOLDILOCKS_LAUNCHED"
"""Environment variable of processes that ``run_processes`` started: it reports the loss of one of them."""
_POLL = 0.1
_GRACE = 5.0
"""Seconds that processes get to end on their own, after one of them has."""
_REPORTED = (2, 3, 4, 130)
"""Exit codes of a process that has said why."""


def in_group() -> bool:
    """Whether this process is one of several that torchrun, or ``run_processes``, has started."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def is_first() -> bool:
    """Whether this process is the one that writes files and output."""
    return not in_group() or int(os.environ["RANK"]) == 0


def run_processes(command: Sequence[str], count: int) -> int:
    """Run a command in ``count`` processes; only the first one's output is shown.

    Args:
        command: Program and arguments.
        count: At least 2.

    Returns:
        The exit code: that of the first process, if it has said why it failed.

    Raises:
        ProcessError: a process ended without saying why; the others are ended.
    """
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS", "0") or 0) or cores() // count)
    shared = {
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "OMP_NUM_THREADS": str(threads),
        LAUNCHED: "1",
        # gloo would look for the address of the host's name, which need not resolve.
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
    }
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=None if rank == 0 else subprocess.DEVNULL,
            stderr=None if rank == 0 else subprocess.DEVNULL,
        )
        for rank in range(count)
    ]
    try:
        return _outcome(processes)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def _outcome(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    while True:
        codes = [process.poll() for process in processes]
        if all(code == 0 for code in codes):
            return 0
        if any(code not in (None, 0) for code in codes):
            break
        time.sleep(_POLL)
    codes = [process.poll() for process in processes]  # again: the cause may have ended after it was looked at
    first_failed = _cause(codes)
    code = codes[first_failed]
    until = time.monotonic() + _GRACE
    while code in _REPORTED and processes[0].poll() is None and time.monotonic() < until:
        time.sleep(_POLL)  # all fail alike, and the first says why
    first_code = processes[0].poll()
    if code in _REPORTED and first_code in _REPORTED:
        return int(first_code)
    assert code is not None
    ending = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    raise ProcessError(
        f"process {first_failed} of {len(processes)} {ending}, so the others were ended; run the same command with "
        "--resume to continue from the last checkpoint."
    )


def _cause(codes: Sequence[int | None]) -> int:
    """The process that failed first, as far as exit codes tell; the others lost it.

    One that was ended from outside comes before those that aborted (as gloo does on a lost connection) or crashed,
    and those before the ones that reported the loss themselves.
    """

    def follows(rank: int) -> tuple[bool, bool]:
        code = codes[rank]
        return code in _REPORTED, code == -signal.SIGABRT or (code is not None and code > 0)

    return min((rank for rank, code in enumerate(codes) if code not in (None, 0)), key=follows)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def this_command() -> list[str]:
    """The command line that this process was started with."""
    return [sys.executable, "-m", "goldilocks", *sys.argv[1:]]
