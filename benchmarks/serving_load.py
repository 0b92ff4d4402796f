"""Throughput and latency of the service, compared with a plain FastAPI app around the same bundle.

Run:    python benchmarks/serving_load.py --seconds 4 --repeats 2
Needs:  the data folder (trec), the extra serve; about three minutes.

Two bundles are tuned here on 600 rows of TREC: a linear model and MiniLM (head only). Each is served by ``goldilocks
serve`` with its default settings, and by an app of ten lines that calls ``bundle.answers([text])`` in FastAPI's thread
pool, as tutorials do. Both run in one process behind uvicorn, with OpenMP threads asleep while they wait. 1, 8, 32 and
128 clients each send one question of TREC's test part after another over a connection that stays open, for some
seconds, after a second that is not counted. The sides take turns, so that other load on the machine hits both.

Measured: requests answered per second, and the 50th, 95th and 99th percentile of the milliseconds a request takes, as
the clients see it (they share the machine's cores with the service); seconds until the first answer after the start;
resident memory after the load. Answers other than 200 are counted. The last line of output is one JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from bench_data import keep, machine, options, rows, sample, task_file

CANDIDATES = ("tfidf_linear/word/scratch", "encoder/all-MiniLM-L6-v2/head_only")
CLIENTS = (1, 8, 32, 128)
WARM = 1.0
PLAIN = """
import sys
import goldilocks, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

class Body(BaseModel):
    input: str

app = FastAPI()
bundle = goldilocks.load(sys.argv[1])

@app.post("/v1/classify")
def classify(body: Body):
    found = bundle.answers([body.input]).predictions()[0]
    return {"label": found.label, "probs": list(found.scores.values())}

uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""
PORTS = {"goldilocks": 18_431, "plain": 18_432}


def command(side: str, bundle: str, port: int) -> list[str]:
    """What starts a side."""
    if side == "plain":
        return [sys.executable, "-c", PLAIN, bundle, str(port)]
    return [sys.executable, "-m", "goldilocks", "serve", bundle, "--port", str(port)]


class Load:
    """Clients that ask one question after the other."""

    def __init__(self, port: int, texts: list[str]) -> None:
        """Set where to, and what is asked."""
        self._port = port
        self._requests = [_request(json.dumps({"input": text}).encode()) for text in texts]
        self.milliseconds: list[float] = []
        self.failures = 0

    async def run(self, clients: int, seconds: float) -> None:
        """Ask for so many seconds, after those of ``WARM``."""
        begins = time.perf_counter() + WARM
        await asyncio.gather(*(self._client(number, begins, begins + seconds) for number in range(clients)))

    async def _client(self, number: int, begins: float, ends: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        place = number * 17
        while (asked := time.perf_counter()) < ends:
            writer.write(self._requests[place % len(self._requests)])
            place += 1
            status = await _status(reader)
            if asked >= begins:
                self.milliseconds.append((time.perf_counter() - asked) * 1000)
                self.failures += status != 200
        writer.close()


def _request(body: bytes) -> bytes:
    head = "POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def _first_answer(port: int, texts: list[str]) -> None:
    """Ask until a question is answered."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_request(json.dumps({"input": texts[0]}).encode()))
            status = await _status(reader)
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError):
            status = 0
        if status == 200:
            return
        await asyncio.sleep(0.02)


@contextlib.contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process when something goes wrong, instead of waiting for it."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


def one_run(side: str, bundle: str, texts: list[str], seconds: float) -> dict[str, Any]:
    """Start a side, load it with each number of clients, and end it."""
    port = PORTS[side]
    begun = time.perf_counter()
    # Both sides with threads that sleep while they wait, which is what goldilocks serve sets.
    environment = {**os.environ, "GOMP_SPINCOUNT": "0"}
    started = subprocess.Popen(command(side, bundle, port), stderr=subprocess.DEVNULL, env=environment)
    with started as process, ending(process):
        asyncio.run(_first_answer(port, texts))
        result: dict[str, Any] = {"start_seconds": round(time.perf_counter() - begun, 2), "clients": {}}
        for clients in CLIENTS:
            load = Load(port, texts)
            asyncio.run(load.run(clients, seconds))
            cuts = statistics.quantiles(load.milliseconds or [float("nan")] * 2, n=100)
            result["clients"][clients] = {
                "requests": len(load.milliseconds),
                "per_second": round(len(load.milliseconds) / seconds, 1),
                "p50_ms": round(cuts[49], 1),
                "p95_ms": round(cuts[94], 1),
                "p99_ms": round(cuts[98], 1),
                "failures": load.failures,
            }
        result["memory_mb"] = round(psutil.Process(process.pid).memory_info().rss / 1e6)
        process.terminate()
        result["exit_code"] = process.wait(60)
    return result


def main() -> None:
    """Tune the bundles, then load both sides in turn."""
    parser = options(__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=2)
    chosen = parser.parse_args()
    texts = [row["text"] for row in rows(chosen.data, "trec", "test")]
    result: dict[str, Any] = {
        "benchmark": "serving_load",
        "data": f"trec: tuned on 600 rows (seed 0), {len(texts)} questions asked in turn",
        "seconds": chosen.seconds,
        "load_average_before": os.getloadavg(),
        "runs": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        task = task_file(Path(folder), "trec", sample(rows(chosen.data, "trec", "train"), 600, seed=0), None)
        for number, name in enumerate(CANDIDATES):
            bundle = str(Path(folder) / f"bundle-{number}")
            tune = [sys.executable, "-m", "goldilocks", "tune", str(task), "--candidate", name, "--out", bundle]
            subprocess.run(tune, check=True, capture_output=True)
            for repeat in range(chosen.repeats):
                for side in ("goldilocks", "plain") if repeat % 2 == 0 else ("plain", "goldilocks"):
                    run = one_run(side, bundle, texts, chosen.seconds)
                    result["runs"].append({"candidate": name, "side": side, "repeat": repeat, **run})
                    print(f"{name} {side}: {json.dumps(run)}", flush=True)
    result["load_average_after"] = os.getloadavg()
    keep("serving_load", result | machine())


if __name__ == "__main__":
    main()
