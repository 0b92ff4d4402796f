import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from goldilocks.support.machine import hardware
from goldilocks.support.machine.hardware import bound_kernel_caches, machine, peak_memory_bytes


def test_peak_memory_of_a_child_leaves_its_parent_out() -> None:
    # The parent holds 300 MB; a child that imports next to nothing must not be said to need as much.
    code = "from goldilocks.support.machine.hardware import peak_memory_bytes; print(peak_memory_bytes())"
    program = (
        "import subprocess, sys\n"
        "held = bytearray(b'x') * 300_000_000\n"
        f"print(subprocess.run([sys.executable, '-c', {code!r}], capture_output=True, text=True).stdout)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert 5e6 < int(done.stdout) < 200e6


def test_machine_is_described() -> None:
    result = machine()
    assert result.cores >= 1
    assert result.gflops > 0
    assert result.device in ("cpu", "cuda", "mps")
    assert peak_memory_bytes() > 10_000_000


def test_caches_of_kernels_are_bounded_unless_the_user_did_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRU_CACHE_CAPACITY", "500")
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)

    bound_kernel_caches(32)

    assert os.environ["LRU_CACHE_CAPACITY"] == "500"
    assert os.environ.pop("ONEDNN_PRIMITIVE_CACHE_CAPACITY") == "32"


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "250000 100000\n"}, 2.5),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({"cpu.max": "damaged"}, math.inf),
        ({}, math.inf),
    ],
)
def test_quota_of_the_control_group_in_cpus(tmp_path: Path, files: dict[str, str], cpus: float) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert hardware._cpu_quota(tmp_path) == cpus


@pytest.mark.parametrize(("quota", "expected"), [(0.5, 1), (1.5, 2), (64.0, 8), (math.inf, 8)])
def test_cores_are_those_of_the_quota_where_that_is_less(
    monkeypatch: pytest.MonkeyPatch, quota: float, expected: int
) -> None:
    monkeypatch.setattr(hardware, "_cpu_quota", lambda: quota)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert hardware.cores() == expected
