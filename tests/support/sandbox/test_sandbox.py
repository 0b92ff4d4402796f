from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from goldilocks.errors import MissingError
from goldilocks.support.sandbox import sandbox
from goldilocks.support.sandbox.sandbox import Outcome, SandboxLimits, protection, run, run_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of what Linux offers")

TIGHT = SandboxLimits(cpu_seconds=4, memory_bytes=300 << 20, file_bytes=1 << 20, folder_bytes=2 << 20)


@cache
def without_namespaces() -> tuple[str, ...]:
    """Protections that hold here beside the best: the user nobody must be allowed to start this Python."""
    tried = ("nobody", "same user") if os.geteuid() == 0 else ("same user",)
    return tuple(kind for kind in tried if sandbox._run("pass", SandboxLimits(), kind).passed)


def everywhere(program: str) -> list[Outcome]:
    """With the best protection, and as on machines without namespaces."""
    return [run(program, TIGHT), *(sandbox._run(program, TIGHT, kind) for kind in without_namespaces())]


def apart() -> bool:
    return protection().startswith("namespaces")


needs_namespaces = pytest.mark.skipif(not apart(), reason="this machine allows no namespaces")


def test_program_that_ends_passes_and_what_it_prints_is_kept() -> None:
    assert run("print('done', 1 + 1)") == Outcome(True, "", "done 2\n")


def test_protection_is_told_in_words() -> None:
    assert "network" in protection()
    assert protection().split(":")[0] in ("namespaces", "nobody", "same user")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("assert 1 == 2, 'no'", "AssertionError: no"),
        ("def f(:", "SyntaxError"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import os; os._exit(0)", "ended by itself before the tests did"),
        ("x = bytearray(10**9)", "more than 315 MB of memory"),
        ("while True: print('x' * 10_000)", "File too large"),
    ],
)
def test_program_that_fails_or_takes_too_much_is_stopped_and_says_why(program: str, reason: str) -> None:
    import re

    for outcome in everywhere(program):
        assert not outcome.passed
        assert re.search(reason, outcome.reason)
        assert len(outcome.output) <= TIGHT.output_bytes


def test_endless_program_is_stopped_by_the_clock_or_by_its_processor_time() -> None:
    waiting = "import time; time.sleep(60)"
    for kind in dict.fromkeys((*without_namespaces(), protection().split(":")[0])):
        outcome = sandbox._run(waiting, SandboxLimits(wall_seconds=0.5), kind)
        assert outcome == Outcome(False, "not done after 0.5 s", "")
    turning = run("while True: pass", SandboxLimits(cpu_seconds=1))
    # On a busy machine the clock may come first.
    assert turning.reason in ("more than 1 s of processor time", "not done after 20 s")


@pytest.mark.parametrize(
    "program",
    [
        "import socket; socket.create_connection(('127.0.0.1', {port}), 1)",
        "import os\nwhile True: os.fork()",
        "import os\nfor _ in range(1000):\n    if os.fork() == 0:\n        import time; time.sleep(5)",
        "open({outside!r}, 'w').write('x')",
        "import os; os.remove({inside!r})",
        "import os; os.rename({inside!r}, {outside!r})",
        "import pathlib; pathlib.Path({outside!r}).mkdir()",
        "import subprocess; subprocess.run(['/usr/bin/touch', {outside!r}], check=True)",
    ],
)
def test_network_forks_and_writing_outside_are_refused(program: str, tmp_path: Path) -> None:
    import socket

    inside, outside = tmp_path / "kept.txt", tmp_path / "made"
    inside.write_text("kept", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = program.format(port=server.getsockname()[1], outside=str(outside), inside=str(inside))
        outcomes = everywhere(text)
    assert not any(one.passed for one in outcomes)
    assert inside.read_text(encoding="utf-8") == "kept"
    assert not outside.exists()


@needs_namespaces
def test_program_sees_an_empty_home_no_environment_and_none_of_our_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "sesame")
    program = f"""
import os
assert os.getuid() == 65534 and os.listdir('.') == []
assert not any('SECRET' in name for name in os.environ)
assert not os.path.exists({str(Path(__file__).parent)!r}) and not os.path.exists('/proc/1')
open('mine.txt', 'w').write('x')
for place in ('/', '/usr', '/home', '/dev/shm'):
    try:
        open(place + '/x', 'w')
    except OSError:
        continue
    raise AssertionError(place)
"""
    assert run(program) == Outcome(True, "", "")


@needs_namespaces
def test_folder_fills_up_and_memory_is_counted_with_native_code_too() -> None:
    filling = "for i in range(10): open(str(i), 'wb').write(b'x' * 500_000)"
    assert "No space left" in run(filling, TIGHT).reason
    crash = "import ctypes; ctypes.string_at(0)"
    assert "exit code 139" in run(crash, TIGHT).reason


def test_nothing_survives_its_run() -> None:
    marker = f"survivor-{os.getpid()}-{time.monotonic_ns()}"
    program = (
        f"import os\nif os.fork() == 0:\n    os.setsid()\n    os.execv({sys.executable!r}, ['{marker}', '-c', ''])"
    )
    run(program, TIGHT)
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False).stdout.splitlines()
    assert not [line for line in lines if line.startswith(marker)]


def test_many_programs_give_their_outcomes_in_order() -> None:
    outcomes = run_all([f"assert {i} % 2 == 0; print({i})" for i in range(6)])
    assert [one.passed for one in outcomes] == [True, False] * 3
    assert [one.output for one in outcomes[::2]] == ["0\n", "2\n", "4\n"]


def test_machine_on_which_nothing_runs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_run", lambda *_: Outcome(False, "no processes", ""))
    sandbox._kind.cache_clear()
    with pytest.raises(MissingError, match="cannot be run in a sandbox here \\(no processes\\); choose a metric"):
        protection()
    sandbox._kind.cache_clear()
