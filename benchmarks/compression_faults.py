"""Does the gate of ``goldilocks compress`` catch a compressor that damages a real model?

Run:    python benchmarks/compression_faults.py --bundle run/bundle --gate 1500
Needs:  the data folder, a bundle of a BERT-shaped encoder tuned on --set, the extra `onnx`; about 15 minutes.
        Results of record are in benchmarks/results/.

Each fault is put into a compressor that is sound without it: one block whose output is lost (every block in turn), one
whose attention is lost, one block's matrices in int8 with a scale for a tenth or a hundredth of their range, two labels
in each other's place, and calibration on the wrong texts (random characters; one text only) for the compressors that
learn from texts. The gate decides on the first --gate rows of the test part, as the tool does; the other test rows say
what the fault really costs. A fault that costs more than the margin there, and passes, was missed; one that costs less
may pass. The same compressors without a fault must pass. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import random
import shlex
import string
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_data import keep, machine, options, rows
from compression_speed import compressed

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.bundle.layout import MODEL
from goldilocks.bundle.read import load
from goldilocks.compression.distil import SeededDistil
from goldilocks.compression.gate import paired_loss
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.protocols import Calibration
from goldilocks.records import Footprint, Measured, Part

MARGIN = 0.01
SOUND = ("float16", "onnx_int8", "onnx_static_int8", "vocabulary_pruning")
"""Compressors whose result must pass."""
LEARNS = ("onnx_static_int8", "vocabulary_pruning")


@dataclass(frozen=True, slots=True)
class Case:
    """A compressed model, with a fault or without."""

    name: str
    faulty: bool
    model: SavedModel


def main() -> None:
    """Make every fault, ask the gate, and see on other rows what it costs."""
    parser = options(__doc__)
    parser.add_argument("--set", default="banking77")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--gate", type=int, default=1_500, help="rows of the gate")
    parser.add_argument("--rest", type=int, default=0, help="other rows; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    test = rows(chosen.data, chosen.set, "test")
    random.Random(chosen.seed).shuffle(test)
    texts = tuple(dict.fromkeys(row["text"] for row in rows(chosen.data, chosen.set, "train")))
    gate, rest = _part(test[: chosen.gate]), _part(test[chosen.gate :][: chosen.rest or len(test)])
    bundle = load(chosen.bundle)
    original = SavedModel(chosen.bundle / MODEL, bundle.info.family, bundle.info.engine)
    accuracy, whole = plugins.load("metrics", "accuracy"), original.load()
    comparison = Comparison(gate, bundle.info.goal, accuracy, MARGIN, whole.predict(gate.texts), _unmeasured)
    unseen = whole.predict(rest.texts)
    entries: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for case in cases(original, texts, Path(scratch), chosen.seed):
            trial = comparison.trial(case.model)
            cost = paired_loss(accuracy, rest.gold, unseen.values, _answers(case.model, rest).values)
            entry = {
                "case": case.name,
                "faulty": case.faulty,
                "passed": trial.passed,
                "loss_at_gate": trial.loss.value if trial.loss else None,
                "bound_at_gate": trial.loss.high if trial.loss else None,
                "loss_on_other_rows": cost.value,
            }
            entries.append(entry)
            print(json.dumps(entry), flush=True)
    faults = [entry for entry in entries if entry["faulty"]]
    costly = [entry for entry in faults if entry["loss_on_other_rows"] > MARGIN + 1e-9]
    summary = {
        "faults": len(faults),
        "faults_above_the_margin": len(costly),
        "of_these_caught": sum(not entry["passed"] for entry in costly),
        "sound": len(entries) - len(faults),
        "sound_passed": sum(entry["passed"] for entry in entries if not entry["faulty"]),
    }
    setting = {"set": chosen.set, "gate": len(gate), "other_rows": len(rest), "margin": MARGIN, "seed": chosen.seed}
    command = shlex.join(["python", *sys.argv])
    result = {"benchmark": "compression_faults", "command": command, **setting, **summary, "cases": entries}
    keep(f"compression_faults-{chosen.set}", result | machine())


def cases(original: SavedModel, texts: tuple[str, ...], scratch: Path, seed: int) -> Iterator[Case]:
    """The sound compressors, then every fault."""
    places = (scratch / str(number) for number in range(10**6))

    def after(step: str, calibrated_on: tuple[str, ...]) -> SavedModel:
        return compressed({"original": original}, step, next(places), Calibration(calibrated_on, SeededDistil(seed)))

    for step in SOUND:
        yield Case(step, faulty=False, model=after(step, texts))
    for name, fault in faults(original.load().backbone.depth):  # type: ignore[attr-defined]
        yield Case(name, faulty=True, model=damaged(original, fault, next(places)))
    rng = random.Random(seed)
    noise = tuple("".join(rng.choices(string.ascii_letters + " ", k=60)) for _ in range(500))
    for step in LEARNS:
        for name, wrong in (("random characters", noise), ("one text", texts[:1] * 200)):
            yield Case(f"{step}, calibrated on {name}", faulty=True, model=after(step, wrong))


def damaged(original: SavedModel, fault: Callable[[Any], None], folder: Path) -> SavedModel:
    """The model with a fault in its weights."""
    import torch

    network: Any = original.load()
    with torch.no_grad():
        fault(network)
    folder.mkdir()
    network.save(folder)
    return SavedModel(folder, original.family, original.engine, ("float16",))


def faults(depth: int) -> Iterator[tuple[str, Callable[[Any], None]]]:
    """What may go wrong in the weights, with its name."""
    for number in range(depth):
        yield f"output of block {number} lost", _zeroed(f"blocks.{number}.norm")
        yield f"attention of block {number} lost", _zeroed(f"blocks.{number}.out")
        for share in (10, 100):
            yield f"block {number} in int8, scale for 1/{share} of the range", _saturated(number, share)
    yield "two labels swapped", _swapped


def _zeroed(name: str) -> Callable[[Any], None]:
    def fault(network: Any) -> None:
        for weight in network.backbone.get_submodule(name).parameters():
            weight.zero_()

    return fault


def _saturated(number: int, share: int) -> Callable[[Any], None]:
    def fault(network: Any) -> None:
        for weight in network.backbone.blocks[number].parameters():
            if weight.ndim == 2:
                scale = weight.abs().max() / 127 / share
                weight.copy_((weight / scale).round().clamp(-127, 127) * scale)

    return fault


def _swapped(network: Any) -> None:
    for name in ("head.weight", "head.bias"):
        weight = network.module.get_parameter(name)
        weight[[0, 1]] = weight[[1, 0]]


def _answers(model: SavedModel, part: Part) -> Answers:
    return model.load().predict(part.texts)


def _part(taken: list[dict[str, Any]]) -> Part:
    gold = tuple(str(row["label"]) for row in taken)
    return Part(tuple(row["text"] for row in taken), gold, tuple(range(len(taken))))


def _unmeasured(*_: Any) -> Footprint:
    """Times do not matter here."""
    nothing = Measured(0.0, 0.0, 0.0, 1, "ms")
    return Footprint(0.0, nothing, nothing, 0.0, 0, 0)


if __name__ == "__main__":
    main()
