# ruff: noqa: T201
"""Whole runs on two local Ray nodes, in a process of its own (tests allow loopback sockets only, Ray uses the machine's
address): the same run there and here, then a run whose head node ends. The last line of output is one JSON object."""

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def write_task(folder: Path) -> Path:
    """Texts of random words, of which each label prefers some; candidates with rungs in epochs (cnn) and in rows."""
    rng = random.Random(0)
    rows = []
    for n in range(300):
        liked = range(10 * (n % 3), 10 * (n % 3) + 10)
        words = [f"w{rng.choice(liked) if rng.random() < 0.4 else rng.randrange(30)}" for _ in range(8)]
        rows.append({"text": " ".join(words), "label": f"k{n % 3}"})
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = folder / "task.yaml"
    content = {"name": "t", "data": {"train": "rows.jsonl"}, "candidates": {"families": ["naive_bayes", "cnn"]}}
    task.write_text(json.dumps(content | {"budget": "5m", "training": {"epochs": 10}}))
    return task


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "goldilocks", "select", *map(str, arguments), "--policy", "exhaustive"]


def select(*arguments: str | Path) -> tuple[int, str]:
    """Exit code, and the last line on stderr."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=280, check=False)
    return done.returncode, (done.stderr.splitlines() or [""])[-1]


def losses(run: Path) -> list[Any]:
    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    return sorted([trial["candidate"], trial["rung"], round(trial["loss"], 6)] for trial in trials)


def decided(run: Path) -> dict[str, Any]:
    """What a decision says that no new measurement of time can change."""
    decision = json.loads((run / "decision.json").read_text())
    scores = {entry["candidate"]: entry["score"]["value"] for entry in decision["candidates"] if entry["score"]}
    return {"winner": decision["winner"]["candidate"], "useful": decision["verdict"]["useful"], "scores": scores}


def decided_here(run: Path, task: Path) -> dict[str, Any]:
    """The decision that this process takes from the records of a run elsewhere."""
    copy = run.with_name("copy")
    shutil.copytree(run, copy)
    (copy / "decision.json").unlink()
    select(task, "--out", copy, "--resume")
    assert losses(copy) == losses(run)
    return decided(copy)


def end_head(cluster: Any, task: Path, out: Path, there: list[str]) -> dict[str, Any]:
    """Kill the head node once something is bought; meanwhile another process tries the same folder."""
    with subprocess.Popen(command(task, "--out", out, *there), stderr=subprocess.PIPE, text=True) as process:
        while not (out / "trials.jsonl").exists() and process.poll() is None:
            time.sleep(0.1)
        second = select(task, "--out", out, "--resume")
        cluster.head_node.kill_gcs_server()
        errors = process.communicate(timeout=120)[1].splitlines()
    bought = losses(out)
    resumed = select(task, "--out", out, "--resume")
    return {
        "second": second,
        "head": (process.returncode, errors[-1]),
        "resumed": resumed[0],
        "bought": bought,
        "in_all": losses(out),
    }


def main() -> None:
    from ray.cluster_utils import Cluster

    folder = Path(sys.argv[1])
    task = write_task(folder)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    there = ["--executor", "ray", "--address", cluster.address]
    try:
        seen = {
            "ray": select(task, "--out", folder / "ray", *there)[0],
            "local": select(task, "--out", folder / "local")[0],
            "losses": [losses(folder / name) for name in ("ray", "local")],
            "decided": [decided(folder / "ray"), decided_here(folder / "ray", task), decided(folder / "local")],
            **end_head(cluster, task, folder / "head", there),
        }
    finally:
        cluster.shutdown()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
