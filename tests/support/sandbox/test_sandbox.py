from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from goldilocks.errors import MissingError
from goldilocks.support.sandbox import child, memory, sandbox, seccomp
from goldilocks.support.sandbox.harness import ProgramWithTests
from goldilocks.support.sandbox.sandbox import Outcome, SandboxLimits, judge, protection, run, safe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of what Linux offers")

TIGHT = SandboxLimits(cpu_seconds=4, memory_bytes=300 << 20, file_bytes=1 << 20, folder_bytes=2 << 20)


@cache
def without_namespaces() -> tuple[str, ...]:
    """Protections that hold here beside the best: the user nobody must be allowed to start this Python."""
    tried = ("nobody", "same user") if os.geteuid() == 0 else ("same user",)
    return tuple(kind for kind in tried if sandbox._run(ProgramWithTests("pass"), SandboxLimits(), kind).passed)


def everywhere(program: str) -> list[Outcome]:
    """With the best protection, and as on machines without namespaces."""
    return [
        run(program, TIGHT),
        *(sandbox._run(ProgramWithTests(program), TIGHT, kind) for kind in without_namespaces()),
    ]


def apart() -> bool:
    return safe()


needs_namespaces = pytest.mark.skipif(not apart(), reason="this machine allows no namespaces")


def test_program_that_ends_passes_and_what_it_prints_is_kept() -> None:
    assert run("print('done', 1 + 1)") == Outcome(True, "", "done 2\n")


def test_protection_is_reported_in_words() -> None:
    assert "network" in protection()
    assert protection().split(":")[0] in ("bubblewrap", "namespaces")


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
        outcome = sandbox._run(ProgramWithTests(waiting), SandboxLimits(wall_seconds=1.5), kind)
        assert outcome == Outcome(False, "not done after 1.5 s", "")
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
    assert not any(outcome.passed for outcome in outcomes)
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
    outcomes = judge([ProgramWithTests(f"assert {i} % 2 == 0; print({i})") for i in range(6)])
    assert [outcome.passed for outcome in outcomes] == [True, False] * 3
    assert [outcome.output for outcome in outcomes[::2]] == ["0\n", "2\n", "4\n"]


@pytest.fixture
def fresh() -> Iterator[None]:
    """What protects this machine is found out anew, before and after."""
    sandbox._kind.cache_clear()
    yield
    sandbox.allow_unsafe_execution(False)
    sandbox._kind.cache_clear()


def test_machine_without_namespaces_refuses(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    monkeypatch.setattr(sandbox, "_run", lambda *_: Outcome(False, "no namespaces", ""))
    with pytest.raises(MissingError, match=r"cannot be run safely here: .*\(no namespaces\).*--unsafe-execution"):
        protection()


def test_unsafe_execution_has_to_be_asked_for(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    monkeypatch.setattr(sandbox, "_run", lambda _, __, kind: Outcome(kind == "same user", "none", ""))
    with pytest.raises(MissingError, match="cannot be run safely"):
        judge([ProgramWithTests("pass")])
    sandbox.allow_unsafe_execution(True)
    assert protection().startswith("same user: the rights of this user")
    assert not safe()


def test_machine_on_which_nothing_runs_is_reported(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    monkeypatch.setattr(sandbox, "_run", lambda *_: Outcome(False, "no processes", ""))
    sandbox.allow_unsafe_execution(True)
    with pytest.raises(MissingError, match="cannot be run in a sandbox here \\(no processes\\); choose a metric"):
        protection()


def test_processes_that_stay_below_the_limit_each_are_summed_up() -> None:
    # Six times 100 MB: no process is over 315 MB, together they are.
    program = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = bytearray(100 << 20)
        for place in range(0, len(held), 4096):
            held[place] = 1
        time.sleep(5)
        os._exit(0)
time.sleep(5)
"""
    if safe():
        assert run(program, TIGHT).reason == "more than 315 MB of memory"


def test_group_of_the_kernel_keeps_the_total_where_one_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory\n")
    monkeypatch.setattr(memory, "_parents", lambda: [str(tmp_path / "none"), str(tmp_path)])
    group = memory.new_group(1000, 5, "goldilocks-1")
    assert group == str(tmp_path / "goldilocks-1")
    assert (tmp_path / "goldilocks-1" / "memory.max").read_text() == "1000"
    assert (tmp_path / "goldilocks-1" / "pids.max").read_text() == "5"
    (tmp_path / "goldilocks-1" / "memory.events").write_text("low 0\noom_kill 2\n")
    assert memory.ran_out(group)


def test_memory_of_descendants_counts() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "x = bytearray(50 << 20); print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        assert process.pid in memory._children(os.getpid())
        assert process.pid in memory.children_by_parent(os.getpid())
        assert memory.held_bytes(process.pid) > 50 << 20
        process.communicate(b"\n")


@pytest.mark.skipif(not seccomp.installed(), reason="libseccomp is not installed")
@pytest.mark.parametrize(
    "call",
    [
        "libc.ptrace(0, 0, 0, 0)",
        "libc.unshare(0x10000000)",
        "libc.socket(2, 1, 0)",
        "libc.keyctl(0, 0, 0, 0, 0)",
        "libc.shmget(0, 4096, 0o1600)",
        "libc.memfd_create(b'x', 0)",
    ],
)
def test_kernel_refuses_calls_that_reach_beyond_the_process(call: str) -> None:
    if call.startswith("libc.keyctl"):
        call = "libc.syscall(250, 0, 0, 0, 0, 0)"  # not in the C library; x86-64's number
        if os.uname().machine != "x86_64":
            pytest.skip("the number is that of x86-64")
    program = (
        f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nassert {call} == -1\nassert ctypes.get_errno() == 1"
    )
    assert sandbox._run(ProgramWithTests(program), TIGHT, protection().split(":")[0]) == Outcome(True, "", "")


def test_bubblewrap_is_asked_for_the_same_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"bwrap": "/usr/bin/bwrap", "shown": [sys.base_prefix], "folder_bytes": 1000}
    got = child._bubblewrap(settings, {"HOME": child.HOME}, ["python", "-c", "pass"])
    words = " ".join(got)
    assert words.startswith("/usr/bin/bwrap --unshare-all --unshare-user --die-with-parent")
    assert "--ro-bind /usr /usr" in words
    assert f"--size 1000 --tmpfs {child.HOME} --remount-ro /" in words
    assert words.endswith("-- python -c pass")
