"""Run a program that nobody has read: in a process of its own, with limits, away from network and files.

How much protection there is depends on the machine, and is found out by trying, best first:

namespaces  Linux with namespaces (as root, or where users may make them). The program sees the system's libraries and
            Python, read only, one empty folder of limited size, no network and no other process, as the user nobody.
nobody      root without namespaces: limits, the user nobody, and an audit hook in Python that refuses network, other
            processes and writing outside the folder. Machine code that the program brings along gets around the hook.
same user   as nobody, but with the rights of whoever runs Goldilocks: keeps mistakes in, not malice.

``protection()`` says in words which of them holds. In all of them the environment is empty, and wall-clock time,
processor time, memory, file size and number of processes are limited. The program gets the standard library only.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from goldilocks.errors import MissingError
from goldilocks.support.sandbox import child as sandbox_child
from goldilocks.support.hardware import cores

_PATIENCE_SECONDS = 10.0
_SIGNALLED = 128
_SIGKILL, _SIGXCPU = 9, 24
_KINDS = {
    "namespaces": "a file system of its own (system libraries and Python, read only; one folder to write in), no "
    "network, no other process in sight, user nobody",
    "nobody": "user nobody; network, other processes and writing outside the folder are refused inside Python only, "
    "because this machine allows no namespaces: run what may be hostile in a container",
    "same user": "the rights of this user; network, other processes and writing outside the folder are refused inside "
    "Python only, because this machine allows no namespaces: run what may be hostile in a container",
}


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one program may use."""

    wall_seconds: float = 20.0
    """Longer than ``cpu_seconds``: a busy machine is not the program's fault."""
    cpu_seconds: int = 8
    """Of each process."""
    memory_bytes: int = 1 << 30
    """Address space of each process."""
    file_bytes: int = 16 << 20
    """Of each file, what it prints included."""
    folder_bytes: int = 64 << 20
    """Of all its files together (with namespaces; else only each file is limited)."""
    processes: int = 32
    """And threads."""
    output_bytes: int = 10_000
    """Kept of what it prints."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    passed: bool
    """It came to its end without an error."""
    reason: str
    """Why it did not, in words; empty where it did."""
    output: str
    """The beginning of what it printed."""


def protection() -> str:
    """What keeps programs in on this machine, in words.

    Raises:
        MissingError: programs cannot be run here at all.
    """
    return f"{_kind()}: {_KINDS[_kind()]}"


def run(program: str, limits: SandboxLimits | None = None) -> Outcome:
    """Run one program.

    Args:
        program: Python source; nothing is read from standard input.
        limits: What it may use.

    Raises:
        MissingError: programs cannot be run here at all (no Linux, no processes).
    """
    return _run(program, limits or SandboxLimits(), _kind())


def run_all(programs: Sequence[str], limits: SandboxLimits | None = None) -> list[Outcome]:
    """Run programs, as many at a time as there are cores; outcomes in their order.

    Raises:
        MissingError: programs cannot be run here at all.
    """
    limits, kind = limits or SandboxLimits(), _kind()
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(lambda one: _run(one, limits, kind), programs))


@lru_cache(maxsize=1)
def _kind() -> str:
    """The best protection with which a program runs here."""
    last = "this is not Linux"
    if sys.platform == "linux":
        for kind in _KINDS:
            if kind == "nobody" and os.geteuid() != 0:
                continue
            outcome = _run("pass", SandboxLimits(), kind)
            if outcome.passed:
                return kind
            last = outcome.reason
    raise MissingError(f"programs cannot be run in a sandbox here ({last}); choose a metric that runs none.")


def _run(program: str, limits: SandboxLimits, kind: str) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="goldilocks-run-"))
    try:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output:
            source.write(program.encode("utf-8", "replace"))
            source.seek(0)
            if kind == "nobody":
                os.chown(folder, sandbox_child.NOBODY, sandbox_child.NOBODY)
            token = secrets.token_hex(16)
            ended, told = _started(_settings(folder, limits, kind, token), source, output)
            output.seek(0)
            printed = output.read(limits.output_bytes).decode("utf-8", "replace")
            reason = _reason(ended, told, token, limits)
            return Outcome(not reason, reason, printed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path, limits: SandboxLimits, kind: str, token: str) -> dict[str, Any]:
    python = os.path.realpath(sys.executable)
    return {
        "protection": kind,
        "folder": os.path.realpath(folder),
        "python": python,
        "shown": [sys.base_prefix, sys.base_exec_prefix, os.path.dirname(python)],  # noqa: PTH120
        "token": token,
        "wall_seconds": limits.wall_seconds,
        "folder_bytes": limits.folder_bytes,
        "limits": {
            "RLIMIT_AS": limits.memory_bytes,
            "RLIMIT_CPU": limits.cpu_seconds,
            "RLIMIT_FSIZE": limits.file_bytes,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
        }
        # Without namespaces this would count every process of the user, and the audit hook refuses new ones.
        | ({"RLIMIT_NPROC": limits.processes} if kind == "namespaces" else {}),
    }


def _started(settings: dict[str, Any], source: IO[bytes], output: IO[bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start the child and wait for it: how the run ended, and what the program's runner told."""
    verdict, verdict_end = os.pipe()
    report, report_end = os.pipe()
    try:
        child = subprocess.Popen(
            [
                *(settings["python"], "-I", "-S", "-B", sandbox_child.__file__),
                *(json.dumps(settings), str(verdict_end), str(report_end)),
            ],
            stdin=source,
            stdout=output,
            stderr=output,
            env={},
            cwd="/",
            pass_fds=(verdict_end, report_end),
            start_new_session=True,
        )
        try:
            child.wait(settings["wall_seconds"] + _PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, _SIGKILL)
            child.wait()
        for end in (verdict_end, report_end):
            os.close(end)
        verdict_end = report_end = -1
        return _read(verdict), _read(report)
    finally:
        for end in (verdict, report, verdict_end, report_end):
            if end >= 0:
                os.close(end)


def _read(pipe: int) -> dict[str, Any]:
    os.set_blocking(pipe, False)  # a process that outlived its run may hold the other end
    try:
        found = json.loads(os.read(pipe, 1 << 16) or b"{}")
    except (ValueError, BlockingIOError):
        return {}
    return found if isinstance(found, dict) else {}


def _reason(ended: dict[str, Any], told: dict[str, Any], token: str, limits: SandboxLimits) -> str:
    """Why the program did not come to its end, in words; empty where it did."""
    if "broken" in ended:
        return f"the sandbox could not be made: {ended['broken']}"
    if "time" in ended or not ended:
        return f"not done after {limits.wall_seconds:g} s"
    if told.get("token") == token:
        return ""
    if told.get("error") == "MemoryError":
        return f"more than {limits.memory_bytes / 1e6:.0f} MB of memory"
    if "error" in told:
        return f"{told['error']}: {told.get('message', '')}".rstrip(": ")
    if ended["exit"] in (_SIGNALLED + _SIGXCPU, _SIGNALLED + _SIGKILL):
        return f"more than {limits.cpu_seconds} s of processor time"
    return f"ended by itself before the tests did (exit code {ended['exit']})"
