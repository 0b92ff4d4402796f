"""Does the service last? Twenty minutes near capacity, a burst, a killed replica, and its answers compared.

Run:    python benchmarks/serving_endurance.py --bundle BUNDLE --minutes 20
Needs:  two cores, the data folder (banking77, trec, sst2); a bundle of text classification; the minutes and about five
more.

The service runs with two replica processes on one core, the clients on the other. In this order: 1. differences: 3,000
texts asked by one client, then by 32 at once; label and probabilities against the bundle's own, loaded in this process.
An answer differs if its label does or a probability is more than 1e-4 away. 2. capacity: requests per second of 32
clients, each with one request at a time. 3. steady: requests due as a Poisson process at 80 % of that, for the minutes;
latency counts from when a request is due. Memory of all processes every few seconds: growth is the median of the last
tenth against that of the second. 4. burst: ten times the capacity for some seconds. Every request must be answered,
with 200 or 429 (with Retry-After); then the time until a request is answered within twice the steady p95. 5. kill: at
half the capacity one replica process is killed (SIGKILL). Every request must be answered with 200.

The last line of output is one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from bench_data import keep, machine, options, rows, sample
from http_load import Load, allow_many_connections, first_answer, memory_mb, pin, running

PORT = 18_451
TOLERANCE = 1e-4
SETS = (("banking77", "test"), ("trec", "train"), ("sst2", "test"))
"""Texts that a bundle is asked, whatever it was tuned for."""


def differences(bundle: str, load: Load) -> dict[str, Any]:
    """How the answers of a load differ from the bundle's own."""
    import goldilocks

    loaded = goldilocks.load(bundle)
    texts = list(load.bodies)
    own = loaded.answers(texts)
    table = np.asarray(own.probabilities, dtype=np.float64)
    labels, gaps = 0, []
    for text, label, row in zip(texts, own.values, table, strict=True):
        answer = json.loads(load.bodies[text])["data"][0]
        labels += answer["label"] != label
        gaps.append(float(np.abs(np.array(answer["probs"]) - row).max()))
    return {
        "texts": len(texts),
        "other_labels": labels,
        "beyond_tolerance": sum(gap > TOLERANCE for gap in gaps),
        "largest_difference_of_a_probability": max(gaps),
    }


async def watched(load: Load, rate: float, seconds: float, process: psutil.Process, every: float) -> list[float]:
    """Load at a rate; memory in MB as it goes."""
    memory: list[float] = []

    async def watch() -> None:
        while True:
            memory.append(memory_mb(process))
            await asyncio.sleep(every)

    watching = asyncio.ensure_future(watch())
    await load.at_rate(rate, seconds)
    watching.cancel()
    return memory


def growth(memory: list[float]) -> float:
    """Share by which memory grew: the median of the last tenth of the samples against that of the second tenth."""
    tenth = max(1, len(memory) // 10)
    early, late = memory[tenth : 2 * tenth] or memory[:1], memory[-tenth:]
    return round(statistics.median(late) / statistics.median(early) - 1, 4)


async def recovered(texts: list[str], limit_ms: float) -> float:
    """Seconds until a request is answered with 200 within a limit."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < 120:
        load = Load(PORT, texts[:1])
        await load.once(1)
        if load.milliseconds and load.milliseconds[0] <= limit_ms:
            break
    return round(time.perf_counter() - begun, 2)


async def with_kill(load: Load, rate: float, seconds: float, process: psutil.Process) -> int:
    """Load at a rate and kill one replica process after a quarter of the time; its id."""
    loading = asyncio.ensure_future(load.at_rate(rate, seconds))
    await asyncio.sleep(seconds / 4)
    workers = [child for child in process.children(recursive=True) if "goldilocks.serving.worker" in child.cmdline()]
    killed: int = workers[0].pid
    os.kill(killed, signal.SIGKILL)
    await loading
    return killed


def phases(bundle: str, texts: list[str], process: psutil.Process, minutes: float, seconds: float) -> dict[str, Any]:
    """Everything after the start, in order; printed as it is known."""
    measured: dict[str, Any] = {}

    def tell(name: str, value: Any) -> None:
        measured[name] = value
        print(f"{name}: {json.dumps(value)}", flush=True)

    for name, clients in (("alone", 1), ("under_load", 32)):
        load = Load(PORT, texts)
        asyncio.run(load.once(clients))
        tell(f"differences_{name}", differences(bundle, load) | {"statuses": load.statuses})
    load = Load(PORT, texts)
    asyncio.run(load.run(32, seconds))
    capacity = len(load.milliseconds) / seconds
    tell("capacity", load.summary(seconds))

    load = Load(PORT, texts)
    lasts = minutes * 60
    memory = asyncio.run(watched(load, 0.8 * capacity, lasts, process, min(10.0, lasts / 20)))
    steady = load.summary(lasts) | {"rate": 0.8 * capacity, "memory_mb": memory, "memory_growth": growth(memory)}
    tell("steady", steady)

    load = Load(PORT, texts)
    asyncio.run(load.at_rate(10 * capacity, seconds))
    burst = load.summary(seconds) | {"rate": 10 * capacity, "lost": load.statuses.get(0, 0)}
    burst["only_200_and_429"] = set(load.statuses) <= {200, 429}
    burst["seconds_to_recover"] = asyncio.run(recovered(texts, 2 * steady["p95_ms"]))
    tell("burst", burst)

    load = Load(PORT, texts)
    killed = asyncio.run(with_kill(load, 0.5 * capacity, 2 * seconds, process))
    tell("kill", load.summary(2 * seconds) | {"killed": killed, "all_200": set(load.statuses) == {200}})
    return measured


def main() -> None:
    """Run all phases against one service."""
    parser = options(__doc__)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--minutes", type=float, default=20.0, help="Of the steady load.")
    parser.add_argument("--seconds", type=float, default=10.0, help="Of capacity, burst, and half of the kill.")
    parser.add_argument("--texts", type=int, default=3_000)
    parser.add_argument("--out", default="serving_endurance", help="Name of the result file.")
    chosen = parser.parse_args()
    every = [row for name, part in SETS for row in rows(chosen.data, name, part)]
    texts = list(dict.fromkeys(row["text"] for row in sample(every, chosen.texts + 500, seed=0)))[: chosen.texts]
    two = (psutil.cpu_count() or 1) > 1
    result: dict[str, Any] = {
        "benchmark": "serving_endurance",
        "data": f"{len(texts)} texts of {', '.join(name for name, _ in SETS)} (seed 0)",
        "minutes": chosen.minutes,
        "pinned_to": {"clients": 0, "server": 1} if two else None,
        "load_average_before": psutil.getloadavg(),
    }
    allow_many_connections()
    if two:
        pin(0)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "serve.yaml"
        config.write_text(
            json.dumps(
                {
                    "port": PORT,
                    "models": {"model": {"bundle": str(Path(chosen.bundle).absolute())}},
                    "replicas": {"min_replicas": 2, "max_replicas": 2, "processes": True, "threads": 1},
                }
            )
        )
        command = [sys.executable, "-m", "goldilocks", "serve", "--config", str(config)]
        with running(command, port=PORT, core=1 if two else None) as process:
            asyncio.run(first_answer(Load(PORT, texts)))
            result |= phases(chosen.bundle, texts, process, chosen.minutes, chosen.seconds)
    result["load_average_after"] = psutil.getloadavg()
    keep(chosen.out, result | machine())


if __name__ == "__main__":
    main()
