"""Hardware of this machine: cores, memory, accelerator, speed; also sets the number of threads, once."""

from __future__ import annotations

import functools
import math
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine is and does."""

    cores: int
    memory_bytes: int
    device: str
    """``cpu``, ``cuda`` or ``mps``: chosen at run time."""
    gflops: float
    """Measured speed of a float32 matrix product, 10**9 operations per second."""
    bf16: bool
    """Whether the processor multiplies bfloat16 in hardware."""
    name: str


def cores() -> int:
    """Cores this process may use: those it is bound to, or as many as the quota of its control group is worth.

    In a container with two CPUs on a machine with 64 cores, 64 threads would wait for each other.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(bound, _cpu_quota())))


def _cpu_quota(root: Path = Path("/sys/fs/cgroup")) -> float:
    """CPUs that the control group may use, as its container sees it; ``inf``: there is no limit."""
    try:
        if (root / "cpu.max").exists():  # version 2
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota, period = ((root / "cpu" / f"cpu.cfs_{field}_us").read_text() for field in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else math.inf
    except (OSError, ValueError, ZeroDivisionError):  # ValueError: "max"
        return math.inf


def set_threads(threads: int = 0) -> int:
    """Let every numerical library use ``threads`` threads (0: one per core). Call it before they are imported.

    Libraries that each start a pool of their own slow each other down; OpenMP's variable holds for all we use.
    """
    requested = threads or int(os.environ.get("OMP_NUM_THREADS", "0") or 0) or cores()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(requested)
    # A waiting thread spins for a while, then sleeps. benchmarks/thread_spin.py on 2 quiet cores: sleeping at once took
    # 1.44 times as long, spinning for ever 1.11 times. Beside other work it can be the other way round: then set
    # GOMP_SPINCOUNT=0.
    os.environ.setdefault("GOMP_SPINCOUNT", "100000")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    return requested


def bound_kernel_caches(kernels: int = 64) -> None:
    """Keep no more compiled matrix products than this, for runs that must not grow. Call it before torch is imported.

    oneDNN compiles a kernel for every shape of a batch and keeps 1,024 of them, torch's binding as many again. In
    bfloat16 each takes about 0.6 MB, so that a run over batches of many lengths grows by a gigabyte. What the layers of
    a network share within a step fits into the default; a shape that comes again much later is compiled again (about
    1 ms). Values that the environment has are left alone.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(kernels))


@functools.cache
def machine() -> Machine:
    """This machine. The speed is measured once per process (about 0.3 s): what other work leaves of it."""
    import psutil

    flags = _cpu_info("flags").split()
    return Machine(
        cores=cores(),
        memory_bytes=int(psutil.virtual_memory().total),
        device=device(),
        gflops=round(_gflops(), 1),
        bf16="avx512_bf16" in flags or "amx_bf16" in flags,
        name=_cpu_info("model name") or platform.processor() or platform.machine(),
    )


def device() -> str:
    """``cuda`` or ``mps`` where such an accelerator answers, else ``cpu``; without a driver no torch is loaded."""
    if Path("/proc/driver/nvidia").exists() or Path("/dev/kfd").exists() or platform.system() == "Darwin":
        import importlib

        torch = importlib.import_module("torch")
        if torch.cuda.is_available():
            return "cuda"
        if torch.backends.mps.is_available():
            return "mps"
    return "cpu"


def peak_memory_bytes() -> int:
    """Highest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would also count the parent this process was forked from
        high = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if high is not None:
            return int(high.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def _cpu_info(key: str) -> str:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return ""


def _gflops() -> float:
    import numpy as np  # here: the command line starts without it

    size = 768
    left = np.ones((size, size), dtype=np.float32)
    left @ left  # the first product pays for starting the threads
    begun = time.perf_counter()
    products = 0
    # A mean over many time slices of the scheduler: a few products may all fall into one in which other work runs.
    while products < _MIN_PRODUCTS or time.perf_counter() - begun < _MEASURED_SECONDS:
        left @ left
        products += 1
    return 2 * size**3 * products / (time.perf_counter() - begun) / 1e9


_MIN_PRODUCTS = 5
_MEASURED_SECONDS = 0.25
