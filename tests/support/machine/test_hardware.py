import os
import subprocess
import sys

import pytest

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
