"""Run an untrusted program and judge it by tests in another process.

*Who judges.* ``judge`` starts two processes. One runs the program. The other runs the tests; where they call a function
of the program, the arguments go over a socket, and plain values come back (``wire.py``, ``judge.py``). So:

- The program never holds the tests, what they expect, or the pipe for the verdict. It cannot read them from frames, the
  garbage collector, files or other processes, and it cannot end, patch or answer for the tests' process.
- What is compared is of exactly Python's own classes. An overridden ``__eq__``, ``__class__`` or ``__hash__``, a
  patched ``assert``, ``unittest`` or ``builtins``, an exit code or a printed line decides nothing.
- A program that has ended, by whatever way, has failed, also where the tests catch every error.

It does *not* guarantee that a program is right: tests that any program passes (``assert f(1)``, ``f(x) == f(x)``) are
passed, and an object that the program made may answer a test's own method call (``f(x).equals(9)``) as it likes. Nor
can every right program be seen: arguments are copied, and written back only after a call that returns ``None``; an
operator between an object of the program and a value of the tests is refused; tests that need ``input``, patch the
program's modules or look at its frames fail.

*What keeps it in*, found out by trying, best first:

bubblewrap  where ``bwrap`` is installed and works: what ``namespaces`` gives, made by that program.
namespaces  Linux with namespaces (as root, or where users may make them). The program sees the system's libraries and
            Python, read only, one empty folder of limited size, no network and no other process, as the user nobody.
nobody      root without namespaces: limits, the user nobody, and an audit hook in Python that refuses network, other
            processes and writing outside the folder. Machine code that the program brings along gets around the hook.
same user   as nobody, but with the rights of the user who runs Goldilocks: contains mistakes, not malice.

The last two are not used unless ``allow_unsafe_execution`` says so. ``protection()`` says in words which one holds. In
all of them the environment is empty; wall-clock time, processor time, memory (of each process and of all together),
file size and number of processes are limited; and where libseccomp is installed, the kernel refuses system calls that
reach beyond the process. The program gets the standard library only.
"""

from __future__ import annotations

import binascii
import json
import marshal
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import IO, Any

from goldilocks.errors import MissingError
from goldilocks.support.machine.hardware import cores
from goldilocks.support.sandbox import child, seccomp
from goldilocks.support.sandbox.harness import ProgramWithTests

_PATIENCE_SECONDS = 10.0
_SIGNALLED = 128
_APART = (
    "a file system of its own (system libraries and Python, read only; one folder to write in), no network, no other "
    "process in sight, user nobody"
)
_INSIDE_ONLY = (
    "network, other processes and writing outside the folder are refused inside Python only, because this machine "
    "allows no namespaces: run what may be hostile in a container"
)
_KINDS = {
    "bubblewrap": _APART,
    "namespaces": _APART,
    "nobody": f"user nobody; {_INSIDE_ONLY}",
    "same user": f"the rights of this user; {_INSIDE_ONLY}",
}
_SAFE = ("bubblewrap", "namespaces")
_allowed = {"unsafe": False}
_PACKAGE = "goldilocks.support.sandbox"
_BOOT = """
import binascii, marshal, sys
package, module = "goldilocks.support.sandbox", type(sys)
for end in range(3):
    name = ".".join(package.split(".")[: end + 1])
    sys.modules[name] = module(name)
modules = marshal.loads(binascii.a2b_base64(sys.argv.pop(1)))
for name, code in modules[:-1]:
    made = sys.modules[f"{package}.{name}"] = module(f"{package}.{name}")
    setattr(sys.modules[package], name, made)
    exec(code, made.__dict__)
exec(modules[-1][1], {"__name__": "__main__"})
"""
"""Makes modules of the code it is given: the sandbox shows none of our files. Compiled here, once for all programs."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one program may use."""

    wall_seconds: float = 20.0
    """Longer than ``cpu_seconds``: a busy machine is not the program's fault."""
    cpu_seconds: int = 8
    """CPU seconds of each process."""
    memory_bytes: int = 1 << 30
    """Address space of each process, and what all of them hold together."""
    file_bytes: int = 16 << 20
    """Size limit of each file, including what is printed."""
    folder_bytes: int = 64 << 20
    """Size limit of all files together (with namespaces; otherwise only each file is limited)."""
    processes: int = 32
    """And threads."""
    output_bytes: int = 10_000
    """Kept of what it prints."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    passed: bool
    """It ran and passed its tests."""
    reason: str
    """Why it did not; empty if it did."""
    output: str
    """The beginning of what it printed."""


def allow_unsafe_execution(allowed: bool) -> None:
    """Whether programs may run where the machine offers no namespaces: a choice of the whole process.

    They then run with this user's rights (as nobody, where this is root), and a hostile one can read this user's files
    and reach the network.
    """
    if allowed != _allowed["unsafe"]:
        _allowed["unsafe"] = allowed
        _kind.cache_clear()


def protection() -> str:
    """What keeps programs in on this machine.

    Raises:
        MissingError: programs cannot be run here at all, or not safely.
    """
    filtered = "; system calls filtered" if seccomp.installed() else ""
    return f"{_kind()}: {_KINDS[_kind()]}{filtered}"


def safe() -> bool:
    """Whether a program is kept in by the kernel.

    Raises:
        MissingError: as ``protection``.
    """
    return _kind() in _SAFE


def run(program: str, limits: SandboxLimits | None = None) -> Outcome:
    """Run one program without tests: it passes where it comes to its end.

    Args:
        program: Python source; nothing is read from standard input.
        limits: What it may use.

    Raises:
        MissingError: programs cannot be run here at all (no Linux, no processes), or not safely.
    """
    return _run(ProgramWithTests(program), limits or SandboxLimits(), _kind())


def judge(programs: Sequence[ProgramWithTests], limits: SandboxLimits | None = None) -> list[Outcome]:
    """Run programs against their tests, as many at a time as there are cores; outcomes in their order.

    Raises:
        MissingError: programs cannot be run here at all, or not safely.
    """
    if not programs:
        return []
    limits, kind = limits or SandboxLimits(), _kind()
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(lambda program: _run(program, limits, kind), programs))


@lru_cache(maxsize=1)
def _kind() -> str:
    """The best protection with which a program runs here."""
    reason = "this is not Linux"
    if sys.platform == "linux":
        for kind in _SAFE:
            if kind == "bubblewrap" and shutil.which("bwrap") is None:
                continue
            outcome = _run(ProgramWithTests("pass"), SandboxLimits(), kind)
            if outcome.passed:
                return kind
            reason = outcome.reason
        if not _allowed["unsafe"]:
            raise MissingError(
                f"programs cannot be run safely here: the machine offers no namespaces ({reason}). Run Goldilocks in a "
                "container or virtual machine that allows them, install bubblewrap, or pass --unsafe-execution, which "
                "runs what models write with your rights; or choose a metric that runs no programs."
            )
        for kind in ("nobody", "same user"):
            if kind == "nobody" and os.geteuid() != 0:
                continue
            outcome = _run(ProgramWithTests("pass"), SandboxLimits(), kind)
            if outcome.passed:
                return kind
            reason = outcome.reason
    raise MissingError(f"programs cannot be run in a sandbox here ({reason}); choose a metric that runs none.")


def _run(program: ProgramWithTests, limits: SandboxLimits, kind: str) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="goldilocks-run-"))
    try:
        folder.chmod(0o711)
        with ExitStack() as stack:
            open_file = tempfile.TemporaryFile
            source, tests, output = (stack.enter_context(open_file()) for _ in range(3))
            _fill(source, program.program.encode("utf-8", "replace"))
            _fill(tests, json.dumps(program.settings()).encode())
            for side, user in (("program", child.NOBODY), ("judge", child.JUDGE)):
                (folder / side).mkdir(mode=0o700)
                if kind == "nobody":
                    os.chown(folder / side, user, user)
            ended, verdict = _started(_settings(folder, limits, kind), source, tests, output)
            output.seek(0)
            printed = output.read(limits.output_bytes).decode("utf-8", "replace")
            reason = _reason(ended, verdict, limits)
            return Outcome(not reason, reason, printed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.seek(0)


@lru_cache(maxsize=8)
def _python(*names: str) -> tuple[str, ...]:
    """Arguments that make Python run the last of these modules, and the others before it."""
    files = resources.files(_PACKAGE)
    modules = [
        (name, compile((files / f"{name}.py").read_text(encoding="utf-8"), name, "exec", dont_inherit=True))
        for name in names
    ]
    return ("-I", "-S", "-B", "-c", _BOOT, binascii.b2a_base64(marshal.dumps(modules), newline=False).decode())


def _settings(folder: Path, limits: SandboxLimits, kind: str) -> dict[str, Any]:
    python = os.path.realpath(sys.executable)
    place = os.path.realpath(folder)
    guard = "" if kind in _SAFE else f"{place}/program"
    return {
        "protection": kind,
        "bwrap": shutil.which("bwrap") or "",
        "python": python,
        "shown": [sys.base_prefix, sys.base_exec_prefix, os.path.dirname(python)],  # noqa: PTH120
        "wall_seconds": limits.wall_seconds,
        "folder_bytes": limits.folder_bytes,
        "memory_bytes": limits.memory_bytes,
        "processes": limits.processes,
        "sides": {
            "program": {
                "judges": False,
                "folder": f"{place}/program",
                "stdin": "source",
                "keep": ["program_end"],
                # bwrap makes the user namespace in which processes are counted, so the limit is set inside.
                "arguments": [
                    *_python("wire", "program"),
                    *("{program_end}", guard, str(limits.file_bytes)),
                    str(limits.processes if kind == "bubblewrap" else 0),
                ],
            },
            "judge": {
                "judges": True,
                "folder": f"{place}/judge",
                "stdin": "tests",
                "keep": ["judge_end", "report"],
                "arguments": [*_python("wire", "judge"), "{judge_end}", "{report}"],
            },
        },
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


def _started(
    settings: dict[str, Any], source: IO[bytes], tests: IO[bytes], output: IO[bytes]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start the launcher and wait for it: how both sides ended, and the verdict of the tests."""
    (verdict_read, verdict), (reported, report) = os.pipe(), os.pipe()
    ends = socket.socketpair()
    numbers = {
        "verdict": verdict,
        "report": report,
        "program_end": ends[0].fileno(),
        "judge_end": ends[1].fileno(),
        "source": source.fileno(),
        "tests": tests.fileno(),
    }
    for side in settings["sides"].values():
        side["arguments"] = [array.format(**numbers) if array in _PLACES else array for array in side["arguments"]]
    try:
        launcher = subprocess.Popen(
            [
                *(settings["python"], *_python("memory", "seccomp", "child")),
                *(json.dumps(settings), json.dumps(numbers)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={},
            cwd="/",
            pass_fds=tuple(numbers.values()),
            start_new_session=True,
        )
        for end_file in ends:
            end_file.close()  # a side that has ended is noticed by its end being closed everywhere
        try:
            launcher.wait(settings["wall_seconds"] + _PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(launcher.pid, signal.SIGKILL)
            launcher.wait()
    finally:
        for end in (verdict, report):
            os.close(end)
        for end_file in ends:
            end_file.close()
    try:
        return _read(verdict_read), _read(reported)
    finally:
        os.close(verdict_read)
        os.close(reported)


_PLACES = ("{program_end}", "{judge_end}", "{report}")


def _read(pipe: int) -> dict[str, Any]:
    """The lines of JSON in a pipe, put together."""
    os.set_blocking(pipe, False)  # a process that outlived its run may hold the other end
    together: dict[str, Any] = {}
    try:
        for line in os.read(pipe, 1 << 16).splitlines():
            content = json.loads(line)
            together |= content if isinstance(content, dict) else {}
    except (ValueError, BlockingIOError):
        return {}
    return together


def _reason(ended: dict[str, Any], verdict: dict[str, Any], limits: SandboxLimits) -> str:
    """Why the program did not pass; empty if it did."""
    if "broken" in ended:
        return f"the sandbox could not be made: {ended['broken']}"
    if ended.get("memory"):
        return f"more than {limits.memory_bytes / 1e6:.0f} MB of memory"
    if ended.get("time") or "judge" not in ended:
        return f"not done after {limits.wall_seconds:g} s"
    if verdict.get("passed") is True and ended["judge"] == 0:
        return ""
    if verdict.get("error") == "MemoryError":
        return f"more than {limits.memory_bytes / 1e6:.0f} MB of memory"
    if verdict.get("error"):
        return f"{verdict['error']}: {verdict.get('message', '')}".rstrip(": ")
    over = (_SIGNALLED + signal.SIGXCPU, _SIGNALLED + signal.SIGKILL)
    if ended.get("program") in over or ended["judge"] in over:
        return f"more than {limits.cpu_seconds} s of processor time"
    if str(verdict.get("message", "")).startswith(("SystemExit", "KeyboardInterrupt", "GeneratorExit")):
        return str(verdict["message"])
    why = f"; {verdict['message']}" if verdict.get("message") else ""
    return f"ended by itself before the tests did (exit code {ended.get('program', ended['judge'])}{why})"
