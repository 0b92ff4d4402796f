r"""Throughput and latency of the service compared with other servers of the same model, under 1, 8, 32 and 128 clients.

Run:    python benchmarks/serving_load.py --bundle BUNDLE --onnx ONNX --hub HUB --peers VENV/bin/python \
            --ray VENV/bin/python
Needs:  two cores; a bundle of text classification and its exports (`goldilocks export BUNDLE --to onnx`, `--to hub`);
        a virtual environment with litserve, bentoml, onnxruntime and tokenizers, and one with ray[serve] too (none is a
        dependency). About half a minute for each side and repeat.

Sides: goldilocks serve with its default settings; FastAPI around transformers.pipeline (the Hub export); FastAPI,
LitServe, BentoML and Ray Serve around one ONNX session with the same graph, each as its documentation shows it, batches
up to 64 where it has batching (``serving_sides.py``). Name as --bundle one whose engine is onnxruntime (`goldilocks
compress`) to have ours run the same kernels. The sides take turns within each repeat, so that other load on the machine
hits all.

One core for the clients, the other for the server and all its processes, one numerical thread each. Each client sends
one request after the other over a connection that stays open, after a second that is not counted. Texts have
mixed lengths: a test question alone (one half), two joined (a quarter), eight joined (a quarter), in seeded order.

Measured: requests per second answered with 200; the 50th, 95th and 99th percentile of their milliseconds as clients
see them; other statuses; seconds from start to first answer; memory of all processes after the load. The result
gives medians over the repeats and ratios to ours. The last line of output is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from bench_data import keep, machine, options, rows
from http_load import Load, first_answer, memory_mb, pin, running
from serving_sides import Side, side

CLIENTS = (1, 8, 32, 128)
NAMES = ("goldilocks", "pipeline", "fastapi", "litserve", "bentoml", "ray")
PORT = 18_431


def mixed(texts: list[str], count: int, seed: int = 0) -> list[str]:
    """Texts of mixed lengths: one, two or eight of the given ones, joined."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(texts, k=draw.choice((1, 1, 2, 8)))) for _ in range(count)]


def one_run(chosen: Side, texts: list[str], clients: list[int], seconds: float, core: int | None) -> dict[str, Any]:
    """Start a side, load it with each number of clients, and end it."""
    begun = time.perf_counter()
    with running(chosen.command, port=PORT, core=core, env=chosen.env, folder=chosen.folder) as process:
        asyncio.run(first_answer(Load(PORT, texts, chosen.body)))
        measured: dict[str, Any] = {"start_seconds": round(time.perf_counter() - begun, 2), "clients": {}}
        for count in clients:
            load = Load(PORT, texts, chosen.body)
            asyncio.run(load.run(count, seconds))
            measured["clients"][str(count)] = load.summary(seconds)
        measured["memory_mb"] = memory_mb(process)
    return measured


def compared(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of each side over the repeats, and how many times as many requests ours answers."""
    table: dict[str, Any] = {}
    for name in dict.fromkeys(run["side"] for run in runs):
        mine = [run for run in runs if run["side"] == name and "clients" in run]
        if not mine:
            continue
        table[name] = {
            count: {
                key: statistics.median(run["clients"][count][key] for run in mine)
                for key in ("per_second", "p50_ms", "p95_ms", "p99_ms")
            }
            for count in mine[0]["clients"]
        }
    ours = table.get("goldilocks", {})
    ratios = {
        name: {
            count: round(ours[count]["per_second"] / max(row["per_second"], 0.01), 2) for count, row in sides.items()
        }
        for name, sides in table.items()
        if name != "goldilocks" and ours
    }
    return {"medians": table, "times_as_many_requests_as": ratios}


def models(chosen: argparse.Namespace) -> dict[str, tuple[str, Path]]:
    """Interpreter and model of each side that can be run with the given options."""
    known: dict[str, tuple[str | None, Path | None]] = {
        "goldilocks": (sys.executable, chosen.bundle),
        "pipeline": (sys.executable, chosen.hub),
        "fastapi": (sys.executable, chosen.onnx),
        "litserve": (chosen.peers, chosen.onnx),
        "bentoml": (chosen.peers, chosen.onnx),
        "ray": (chosen.ray, chosen.onnx),
    }
    return {name: (python, model) for name, (python, model) in known.items() if python and model}


def main() -> None:
    """Load every side in turn."""
    parser = options(__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--onnx", type=Path, help="Folder of `goldilocks export --to onnx`.")
    parser.add_argument("--hub", type=Path, help="Folder of `goldilocks export --to hub`.")
    parser.add_argument("--peers", help="Python with litserve, bentoml and onnxruntime.")
    parser.add_argument("--ray", help="Python with ray[serve] and onnxruntime.")
    parser.add_argument("--sides", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--clients", nargs="+", type=int, default=list(CLIENTS))
    parser.add_argument("--set", default="banking77", help="Data set whose test texts are asked.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", default="serving_load", help="Name of the result file.")
    chosen = parser.parse_args()
    texts = mixed([row["text"] for row in rows(chosen.data, chosen.set, "test")], 1_000)
    client_core, server_core = (0, 1) if (psutil.cpu_count() or 1) > 1 else (None, None)
    available = models(chosen)
    result: dict[str, Any] = {
        "benchmark": "serving_load",
        "data": f"{chosen.set}: 1,000 texts of 1, 2 or 8 test texts (seed 0)",
        "seconds": chosen.seconds,
        "repeats": chosen.repeats,
        "pinned_to": {"clients": client_core, "server": server_core},
        "load_average_before": psutil.getloadavg(),
        "skipped": [name for name in chosen.sides if name not in available],
        "runs": [],
    }
    pin(client_core)
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(chosen.repeats):
            order = [name for name in chosen.sides if name in available]
            for name in order[repeat % len(order) :] + order[: repeat % len(order)]:
                python, model = available[name]
                made = side(name, python=python, model=model, port=PORT, work=Path(folder))
                try:
                    run = one_run(made, texts, chosen.clients, chosen.seconds, server_core)
                except TimeoutError as error:
                    run = {"failed": str(error)}
                result["runs"].append({"side": name, "repeat": repeat, **run})
                print(f"{name}: {json.dumps(run)}", flush=True)
    result |= compared(result["runs"]) | {"load_average_after": psutil.getloadavg()}
    keep(chosen.out, result | machine())


if __name__ == "__main__":
    main()
