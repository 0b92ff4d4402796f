import subprocess
import sys

from goldilocks.support.machine.hardware import machine, peak_memory_bytes


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
