from __future__ import annotations

import sys
from pathlib import Path

import pytest

from goldilocks.errors import ProcessError
from goldilocks.support.machine.processes import run_processes


def program(folder: Path, body: str) -> list[str]:
    (folder / "program.py").write_text(f"import os, signal, sys, time\nrank = int(os.environ['RANK'])\n{body}\n")
    return [sys.executable, str(folder / "program.py")]


def test_each_process_knows_its_rank_and_only_the_first_is_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = f"os.path.join({str(tmp_path)!r}, os.environ['RANK'] + os.environ['WORLD_SIZE'])"
    assert run_processes(program(tmp_path, f"open({name}, 'w').close()\nprint('rank', rank)"), 3) == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == "") == ["03", "13", "23"]
    assert capfd.readouterr().out == "rank 0\n"


def test_a_killed_process_ends_the_others_and_is_named(tmp_path: Path) -> None:
    body = "os.kill(os.getpid(), signal.SIGKILL) if rank == 1 else time.sleep(600)"
    with pytest.raises(ProcessError, match=r"process 1 of 2 was ended by SIGKILL, so .*--resume"):
        run_processes(program(tmp_path, body), 2)


@pytest.mark.parametrize("end", ["sys.exit(2)", "sys.exit(1)", "os.abort()"])
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_is_the_cause_where_others_lost_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, killed: int
) -> None:
    monkeypatch.setattr("goldilocks.support.machine.processes._POLL", 1.0)  # both have ended when looked at again
    gone = str(tmp_path / "gone")
    body = f"""
if rank == {killed}:
    open({gone!r}, "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
while not os.path.exists({gone!r}):
    time.sleep(0.01)
time.sleep(0.1)
{end}"""
    with pytest.raises(ProcessError, match=f"process {killed} of 2 was ended by SIGKILL"):
        run_processes(program(tmp_path, body), 2)


def test_an_error_that_the_first_process_reported_is_its_exit_code(tmp_path: Path) -> None:
    assert run_processes(program(tmp_path, "sys.exit(3)"), 2) == 3


def test_a_crash_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="process 0 of 2 ended with exit code 1"):
        run_processes(program(tmp_path, "sys.exit(1) if rank == 0 else time.sleep(600)"), 2)
