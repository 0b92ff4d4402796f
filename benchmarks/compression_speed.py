"""How much smaller and faster is a compressed encoder than the tuned one, and what does it lose?

Run:    python benchmarks/compression_speed.py --train 5000 --form onnx_int8 --form distilled_embedding
        python benchmarks/compression_speed.py --set conll2003 --train 14041 --form onnx_int8 --form onnx_static_int8
Needs:  the data folder and the extra `onnx`; minutes on a quiet machine for the default forms, more where a student is
        trained. Results of record are in benchmarks/results/.

A candidate is tuned on --train rows of the training part, drawn with --seed. A form is one compressor, or several in a
chain: "layer_pruning 0.5 + onnx_int8", "distilled_encoder all-MiniLM-L6-v2 + onnx_int8". Texts that compressors learn
from are all rows of the training part, without their labels. Every form is scored on the official test part, paired
with the original; it is then timed at batch sizes 1 and 8 in a process of its own, the forms in turn, --rounds times.
Sets whose rows have tokens and tags (conll2003, weibo_ner) make taggers, scored by entity F1. With --engine openvino
the graphs of ONNX forms are timed on that engine too.
Times are those of the processor (all threads), so that other work on the machine adds little; with OMP_NUM_THREADS=1
they are close to the latency of a quiet machine. torch.ao is PyTorch's own dynamic int8 quantisation of the linear
layers, on the same network; torchao is its successor (int8 weights and dynamic int8 activations), run as it is and
compiled by Inductor. It is not a dependency of the package: without it (`pip install --no-deps torchao`) its lines are
left out. Both are scored on the same rows. The instruction sets that matter for int8 are stated, as is the load of the
machine. The last line of output is one JSON object.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_data import keep, machine, options, rows, write_rows

import goldilocks
from goldilocks import plugins
from goldilocks.bundle.layout import MODEL
from goldilocks.bundle.read import load
from goldilocks.catalog import students
from goldilocks.compression.distil import SeededDistil
from goldilocks.compression.gate import changed_share, paired_loss
from goldilocks.compression.search import load_per_core
from goldilocks.compression.trial import SavedModel
from goldilocks.evaluation.calibration import calibration
from goldilocks.evaluation.score import score
from goldilocks.protocols import Calibration, ChangesFamily, ChoosesStudents, Model
from goldilocks.records import Part, Text
from goldilocks.support.files import plain

FORMS = ["onnx_float32", "onnx_int8", "vocabulary_pruning + onnx_int8", "distilled_embedding"]
CANDIDATE = "encoder/all-MiniLM-L6-v2/full"
SETS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "amx_bf16")
SIZES = ("1", "8")
"""Texts of a batch."""
_TIMED_SECONDS = 3.0


def main() -> None:
    """Tune, compress, score, time."""
    if sys.argv[1:2] == ["--timed"]:
        timed(*sys.argv[2:])
        return
    parser = options(__doc__)
    parser.add_argument("--set", default="banking77")
    parser.add_argument("--candidate", default=CANDIDATE)
    parser.add_argument("--train", type=int, default=5_000, help="rows for tuning, its own validation and test parts")
    parser.add_argument("--test", type=int, default=0, help="test rows; 0: all")
    parser.add_argument("--epochs", type=float, default=0.0, help="of tuning; 0: the family's own")
    parser.add_argument("--form", action="append", help=f"default: {FORMS}")
    parser.add_argument("--engine", action="append", default=[], choices=["openvino"], help="that graphs run on, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bundle", type=Path, help="folder of the tuned bundle, made if it is not there")
    parser.add_argument("--out", help="name of the result file; default: by set and model")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        suffix = "" if chosen.candidate == CANDIDATE else f"-{chosen.candidate.split('/')[1]}"
        keep(chosen.out or f"compression_speed-{chosen.set}{suffix}", measured(chosen, Path(scratch)) | machine())


def measured(chosen: Any, scratch: Path) -> dict[str, Any]:
    """The whole result but for the machine."""
    train, test = rows(chosen.data, chosen.set, "train"), rows(chosen.data, chosen.set, "test")
    random.Random(chosen.seed).shuffle(train)
    test = test[: chosen.test or len(test)]
    folder = chosen.bundle or scratch / "bundle"
    if not folder.exists():
        write_training(scratch / "train.jsonl", train[: chosen.train])
        config = {"epochs": chosen.epochs} if chosen.epochs else {}
        task = "ner" if "tags" in train[0] else "text_classification"
        goldilocks.tune(
            str(scratch / "train.jsonl"), chosen.candidate, task=task, out=folder, seed=chosen.seed, config=config
        )
    bundle = load(folder)
    original = SavedModel(folder / MODEL, bundle.info.family, bundle.info.engine)
    texts = tuple(dict.fromkeys(part_of(train).texts))
    part = part_of(test)
    answers, goal = original.load().predict(part.texts), bundle.info.goal
    name = "entity_f1" if "tags" in train[0] else "accuracy"
    metric, made = plugins.load("metrics", name), {"original": original}
    results: dict[str, dict[str, Any]] = {
        "original": {name: score(metric, part.gold, answers.values), "bytes": original.size_bytes()}
    }

    def compared(loaded: Model) -> dict[str, Any]:
        own = loaded.predict(part.texts)
        ece = [calibration(entry, part.gold, goal) for entry in (answers, own)]
        return {
            name: score(metric, part.gold, own.values),
            "loss": plain(paired_loss(metric, part.gold, answers.values, own.values)),
            "changed": plain(changed_share(answers.values, own.values)),
            "ece": [entry.ece.value if entry else None for entry in ece],
        }

    learnt_from = Calibration(texts, SeededDistil(chosen.seed), students.of_language("en"))
    for number, form in enumerate(chosen.form or FORMS):
        begun = time.perf_counter()
        model = compressed(made, form, scratch / f"form{number}", learnt_from)
        made[form] = model
        results[form] = {
            **compared(model.load()),
            "bytes": model.size_bytes(),
            "bytes_share": model.size_bytes() / original.size_bytes(),
            "seconds_to_make_and_score": time.perf_counter() - begun,
        }
        print(form, json.dumps(results[form]), flush=True)
    for peer in PEERS:
        if (reason := peer_unavailable(peer)) is not None:
            results[peer] = {"left_out": reason}
        elif peer != COMPILED:  # the same numbers as without
            results[peer] = compared(as_peer(original.load(), peer))
        print(peer, json.dumps(results.get(peer, {})), flush=True)
    for engine in chosen.engine:
        others = {form: model for form, model in made.items() if model.engine == "onnxruntime"}
        made |= {f"{form} on {engine}": replace(model, engine=engine) for form, model in others.items()}
    sample = scratch / "texts.json"
    sample.write_text(json.dumps(list(part.texts[:200])), encoding="utf-8")
    times = timings(made, sample, chosen.rounds)
    for form, batches in times.items():
        results.setdefault(form, {})["processor_ms_per_text"] = batches
        first = times["original"]
        results[form]["speedup"] = {
            size: statistics.median(first[size]) / statistics.median(batches[size]) for size in batches if batches[size]
        }
    settings = ("set", "candidate", "train", "epochs", "rounds", "seed")
    return {
        "benchmark": "compression_speed",
        "command": shlex.join(["python", *sys.argv]),
        **{setting: getattr(chosen, setting) for setting in settings},
        "rows_of_tuning": dict(bundle.info.rows),
        "n_test": len(test),
        "n_texts": len(texts),
        "instruction_sets": [name for name in SETS if name in _flags()],
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "load_per_core": load_per_core(),
        "forms": results,
    }


def part_of(data: list[dict[str, Any]]) -> Part:
    """Texts and labels, or words and tags."""
    if "tags" in data[0]:
        texts, gold = tuple(tuple(row["tokens"]) for row in data), tuple(tuple(row["tags"]) for row in data)
        return Part(texts, gold, tuple(range(len(data))))
    return Part(tuple(row["text"] for row in data), tuple(str(row["label"]) for row in data), tuple(range(len(data))))


def write_training(path: Path, data: list[dict[str, Any]]) -> None:
    """Rows to tune on."""
    if "tags" not in data[0]:
        write_rows(path, data)
        return
    lines = (json.dumps({"tokens": row["tokens"], "tags": row["tags"]}, ensure_ascii=False) for row in data)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def compressed(made: dict[str, SavedModel], form: str, folder: Path, texts: Calibration) -> SavedModel:
    """The model after the compressors that a form names, one after the other; one that begins alike is continued."""
    steps = form.split(" + ")
    done = next((count for count in range(len(steps), 0, -1) if " + ".join(steps[:count]) in made), 0)
    model = made[" + ".join(steps[:done]) if done else "original"]
    for number, step in enumerate(steps[done:]):
        name, _, level = step.partition(" ")
        compressor, given = plugins.load("compressors", name), texts
        if isinstance(compressor, ChoosesStudents):
            given = replace(texts, pretrained=tuple(entry for entry in texts.pretrained if entry.info.name == level))
            level = ""
        family = compressor.FAMILY if isinstance(compressor, ChangesFamily) else model.family
        there = folder / str(number)
        there.mkdir(parents=True)
        compressor.compress(model.load(), float(level or compressor.LEVELS[0]), there, given)
        model = SavedModel(there, family, compressor.ENGINE, (*model.steps, step))
    return model


def timings(made: dict[str, SavedModel], sample: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Form -> batch size -> processor time of a text in each round, ms; each form in a process of its own, in turn."""
    peers = [name for name in PEERS if peer_unavailable(name) is None]
    forms = made | dict.fromkeys(peers, made["original"])
    times: dict[str, dict[str, list[float]]] = {form: {size: [] for size in SIZES} for form in forms}
    for _ in range(rounds):
        for form, model in forms.items():
            engine = form if form in peers else model.engine
            command = [sys.executable, __file__, "--timed", engine, model.family, str(model.folder), str(sample)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{form}: {done.stderr.strip().splitlines()[-1:]}", flush=True)
                continue
            for size, spent in json.loads(done.stdout.splitlines()[-1]).items():
                times[form][size].append(spent)
    return times


def timed(engine: str, family: str, folder: str, sample: str) -> None:
    """Print the median processor time of a text, in milliseconds, at each batch size."""
    model: Any = plugins.load("engines", "native" if engine in PEERS else engine).load(Path(folder), family)
    if engine in PEERS:
        model = as_peer(model, engine)
    given = json.loads(Path(sample).read_text(encoding="utf-8"))
    texts = [text if isinstance(text, str) else tuple(text) for text in given]
    print(json.dumps({size: _median_ms(model, texts, int(size)) for size in SIZES}))


def _median_ms(model: Any, texts: Sequence[Text], size: int) -> float:
    batches = [texts[start : start + size] for start in range(0, len(texts), size)]
    for batch in batches[:5]:
        model.predict(batch)
    spent: list[float] = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < _TIMED_SECONDS or len(spent) < len(batches):
        batch = batches[len(spent) % len(batches)]
        start = time.process_time()
        model.predict(batch)
        spent.append((time.process_time() - start) * 1e3 / len(batch))
    return statistics.median(spent)


def as_peer(model: Any, name: str) -> Any:
    """The network with its linear layers quantised by another library."""
    from torch import nn

    for place, module in list(model.backbone.named_modules()):
        if isinstance(module, nn.Linear):  # both look for the very class
            linear = nn.Linear(module.in_features, module.out_features)
            linear.weight, linear.bias = module.weight, module.bias
            model.backbone.set_submodule(place, linear)
    PEERS[name](model)
    return model


def peer_unavailable(name: str) -> str | None:
    """Why a peer is left out; ``None``: it is installed."""
    if name.startswith("torchao") and importlib.util.find_spec("torchao") is None:
        return "torchao is not installed"
    return None


def _with_torch_ao(model: Any) -> None:
    import warnings

    from torch import ao, nn, qint8

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        convert: Any = ao.quantization.quantize_dynamic
        model.backbone = convert(model.backbone, {nn.Linear}, dtype=qint8)


def _with_torchao(model: Any) -> None:
    quantization: Any = importlib.import_module("torchao.quantization")
    quantization.quantize_(model.backbone, quantization.Int8DynamicActivationInt8WeightConfig())


def _with_torchao_compiled(model: Any) -> None:
    import torch

    _with_torchao(model)
    for block in model.backbone.blocks:
        block.compile(dynamic=True)
    with torch.no_grad():
        model.predict(["a text", "and another one, which is longer"])


COMPILED = "torchao dynamic int8, compiled"
PEERS: dict[str, Callable[[Any], None]] = {
    "torch.ao dynamic int8": _with_torch_ao,
    "torchao dynamic int8": _with_torchao,
    COMPILED: _with_torchao_compiled,
}


def _flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


if __name__ == "__main__":
    main()
