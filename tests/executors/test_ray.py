"""Ray tasks on two local nodes; skipped where Ray is not installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError, MissingError
from goldilocks.protocols import ExecutorOptions

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra ray is not installed")


def environment() -> dict[str, str]:
    """Ray's workers have a low priority by default: on a busy machine they would hardly get on."""
    return {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}


@needs_ray
@pytest.mark.slow
def test_lost_worker_costs_its_job_and_lost_head_says_how_to_go_on() -> None:
    script = Path(__file__).with_name("ray_losses.py")
    command = [sys.executable, str(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment(), check=False)
    lines = run.stdout.splitlines()
    for line in ("size 2", "free 0", "done b", "lost: its process ended", "done again", "failed: it is wrong."):
        assert line in lines, run.stdout + run.stderr
    assert "the run folder is intact: start a cluster, then --resume" in run.stdout


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(700)  # five searches and a cluster; about 90 s of processor time
def test_run_on_two_nodes_decides_as_here_and_goes_on_after_its_head_ended(tmp_path: Path) -> None:
    script = Path(__file__).with_name("ray_runs.py")
    command = [sys.executable, str(script), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment(), check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    seen = json.loads(run.stdout.splitlines()[-1])
    there, here = seen["losses"]
    assert there == here
    assert len(there) == 9  # three candidates with three rungs each
    decided, again, local = seen["decided"]
    assert decided == again == local
    assert seen["ray"] == seen["local"] == seen["resumed"] == (0 if decided["useful"] else 3)
    assert seen["second"][0] == 2
    assert "another process works in it" in seen["second"][1]
    assert seen["head"][0] == 2
    assert "the run folder is intact: start a cluster, then --resume" in seen["head"][1]
    assert 0 < len(seen["bought"]) < len(seen["in_all"])
    assert seen["in_all"] == here


@needs_ray
@pytest.mark.parametrize(
    ("address", "words"), [("127.0.0.1:1", "nothing answers there"), ("nonsense", "write host:port")]
)
def test_an_address_that_cannot_be_used_is_named(address: str, words: str) -> None:
    executor = plugins.load("executors", "ray")
    with pytest.raises(InputError, match=words), executor.open_workers(ExecutorOptions(address)):
        pass


def test_where_ray_is_missing_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    executor = plugins.load("executors", "ray")
    with (
        pytest.raises(MissingError, match=r"pip install 'goldilocks-lm\[ray\]'"),
        executor.open_workers(ExecutorOptions()),
    ):
        pass
