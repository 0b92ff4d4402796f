"""Does our dropout (``nets/layers/fast_dropout.py``) make training on a CPU faster than ``torch.nn.Dropout``?

Run:    python benchmarks/dropout_speed.py --rounds 5 --threads 1
Needs:  CPU only, no data; about 2 minutes of one core. Results of record are in benchmarks/results/.

Sides:    ours   ``fast_dropout.Dropout``
          torch  ``torch.nn.Dropout`` in the same places
Measured: seconds of one training step (forward, loss, backward; no optimiser) of the Transformer encoder-decoder that
          ``seq2seq`` trains from scratch, on random token ids, in float32 and, where the processor has it, in bfloat16;
          and seconds of the dropout layer alone (forward and backward). Every run is a process of its own, the sides in
          turn; the first two steps of a run are not counted. Reported: median over the rounds of each run's median, as
          wall-clock and as processor time (other load on the machine changes the first more than the second; it stands
          beside each run), and the ratio torch / ours. The last line of output is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench_data import keep, machine

SIDES = ("ours", "torch")
ROWS, TOKENS, VOCABULARY, WIDTH, DEPTH, HEADS, INNER, RATE = 64, 24, 4_000, 256, 3, 4, 512, 0.3
STEPS, UNTIMED = 8, 2


def main() -> None:
    """Run the sides in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        print(json.dumps(one_run(chosen.side)))
        return
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number in range(chosen.rounds):
        for side in SIDES if number % 2 == 0 else SIDES[::-1]:
            runs[side].append(in_process(side, chosen.threads))
            print(side, {name: round(seconds, 4) for name, seconds in runs[side][-1].items()}, flush=True)
    keep("dropout_speed", summary(runs) | {"threads": chosen.threads, "rounds": chosen.rounds} | machine())


def summary(runs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Medians of each side, and torch / ours within each round."""
    figures: dict[str, Any] = {}
    for name in [name for name in runs["ours"][0] if name != "load"]:
        medians = {side: statistics.median(run[name] for run in runs[side]) for side in SIDES}
        ratios = [theirs[name] / ours[name] for ours, theirs in zip(runs["ours"], runs["torch"], strict=True)]
        figures[name] = {**medians, "torch_to_ours": statistics.median(ratios), "ratios": ratios}
        ratio = figures[name]["torch_to_ours"]
        print(f"{name:28} ours {medians['ours']:.4f} s, torch {medians['torch']:.4f} s, ratio {ratio:.2f}")
    shape = {"rows": ROWS, "tokens": TOKENS, "vocabulary": VOCABULARY, "width": WIDTH, "depth": DEPTH, "rate": RATE}
    return {"benchmark": "dropout_speed", "shape": shape, "steps": STEPS, "figures": figures, "runs": runs}


def in_process(side: str, threads: int) -> dict[str, float]:
    """A side in a process of its own."""
    command = [sys.executable, __file__, "--side", side]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result | {"load": os.getloadavg()[0]}


def one_run(side: str) -> dict[str, float]:
    """Seconds of each figure for one side, in this process."""
    import torch

    from goldilocks.support.machine.hardware import machine as this

    result: dict[str, float] = {}
    for dtype in (torch.float32, torch.bfloat16)[: 2 if this().bf16 else 1]:
        name = str(dtype).removeprefix("torch.")
        result |= timed(f"step_{name}", training_step(side, dtype))
        result |= timed(f"layer_{name}", layer(side, dtype))
    return result


def training_step(side: str, dtype: Any) -> Callable[[], None]:
    """A training step of the encoder-decoder with the dropout of a side."""
    import torch
    from torch import nn

    from goldilocks.nets.backbones.transformer import TransformerBackbone, TransformerOptions
    from goldilocks.nets.tokenization.batching import Batch

    torch.manual_seed(0)
    encoder = TransformerBackbone(TransformerOptions(VOCABULARY, WIDTH, DEPTH, HEADS, INNER, RATE))
    both = nn.ModuleDict({"encoder": encoder, "decoder": encoder.new_decoder()})
    if side == "torch":
        with_torch_dropout(both)
    both.to(dtype).train()
    ids = torch.randint(4, VOCABULARY, (ROWS, TOKENS))
    mask = torch.ones_like(ids)
    batch, is_target = Batch(ids, mask, {}, ()), mask.bool()

    def step() -> None:
        both.zero_grad(set_to_none=True)
        states = encoder(batch)
        loss = both["decoder"].loss(states, mask, ids, ids[is_target], is_target, 0.1)  # type: ignore[operator]
        loss.backward()

    return step


def layer(side: str, dtype: Any) -> Callable[[], None]:
    """Forward and backward of the dropout layer alone, as often as a step has it."""
    import torch
    from torch import nn

    from goldilocks.nets.layers.fast_dropout import Dropout

    dropout = (nn.Dropout(RATE) if side == "torch" else Dropout(RATE)).train()
    states = torch.randn((ROWS, TOKENS, WIDTH)).to(dtype).requires_grad_()

    def step() -> None:
        for _ in range(5 * DEPTH + 2):
            dropout(states).sum().backward()

    return step


def with_torch_dropout(module: Any) -> None:
    """Put ``torch.nn.Dropout`` wherever ours is."""
    from torch import nn

    from goldilocks.nets.layers.fast_dropout import Dropout

    for name, child in list(module.named_modules()):
        if isinstance(child, Dropout):
            parent, _, own = name.rpartition(".")
            setattr(module.get_submodule(parent), own, nn.Dropout(child.p))


def timed(name: str, step: Callable[[], None]) -> dict[str, float]:
    """Median wall-clock and processor seconds of a step."""
    wall, cpu = [], []
    for number in range(UNTIMED + STEPS):
        started, started_cpu = time.perf_counter(), time.process_time()
        step()
        if number >= UNTIMED:
            wall.append(time.perf_counter() - started)
            cpu.append(time.process_time() - started_cpu)
    return {f"{name}_seconds": statistics.median(wall), f"{name}_cpu_seconds": statistics.median(cpu)}


if __name__ == "__main__":
    main()
