"""What do 7 bits for the weights of a dynamic int8 graph cost, and what do they save where 8 bits saturate?

Run:    python benchmarks/int8_range.py --bundle run/bundle
Needs:  the data folder, the extra `onnx`, and a bundle of a BERT-shaped encoder tuned on --set; about two minutes. What
        8 bits cost depends on the processor: only those without VNNI saturate (``vnni`` in the result).

The same network is quantised twice, with 8 and with 7 bits (``reduce_range`` of ONNX Runtime), and predicts the test
texts. Compared with float32 on PyTorch: accuracy, the mean and largest change of a probability, the share of changed
answers with its standard error, and processor seconds. The last line of output is one JSON object.
"""

from __future__ import annotations

import random
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from bench_data import keep, machine, options, rows
from onnxruntime.quantization import quantize_dynamic

from goldilocks.bundle.layout import MODEL
from goldilocks.bundle.read import load
from goldilocks.compression.trial import SavedModel
from goldilocks.nets.export.onnx_folder import save_onnx
from goldilocks.protocols import Model


def main() -> None:
    """Quantise with both ranges and compare."""
    parser = options(__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--set", default="banking77")
    parser.add_argument("--rows", type=int, default=3_000, help="test texts")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    test = rows(chosen.data, chosen.set, "test")
    random.Random(chosen.seed).shuffle(test)
    test = test[: chosen.rows]
    texts, gold = [row["text"] for row in test], [row["label"] for row in test]
    info = load(chosen.bundle).info
    network: Any = SavedModel(chosen.bundle / MODEL, info.family, info.engine).load()
    exact, exact_entry = predicted(network, texts, gold)
    result: dict[str, Any] = {
        "benchmark": "int8_range",
        "data": chosen.set,
        "candidate": f"{info.family}/{info.model}/{info.method}",
        "n": len(texts),
        "seed": chosen.seed,
        "vnni": "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8"),
        "float32": exact_entry,
    }
    for name, reduced in (("8 bits", False), ("7 bits", True)):
        with tempfile.TemporaryDirectory() as folder:
            with patch("onnxruntime.quantization.quantize_dynamic", partial(_quantized, reduced)):
                save_onnx(network, Path(folder), int8=True)
            model = SavedModel(Path(folder), info.family, "onnxruntime").load()
            probabilities, entry = predicted(model, texts, gold)
        changed = probabilities.argmax(axis=1) != exact.argmax(axis=1)
        gap = np.abs(probabilities - exact)
        result[name] = entry | {
            "mean_change": round(float(gap.mean()), 6),
            "largest_change": round(float(gap.max()), 4),
            "changed": round(float(changed.mean()), 4),
            "changed_error": round(float(changed.std() / len(changed) ** 0.5), 4),
        }
        print(name, result[name], flush=True)
    keep("int8_range", result | machine())


def _quantized(reduced: bool, source: Path, target: Path, **chosen: Any) -> None:
    quantize_dynamic(source, target, **chosen | {"reduce_range": reduced})


def predicted(model: Model, texts: list[str], gold: list[str]) -> tuple[Any, dict[str, float]]:
    """Probabilities ``(n_texts, n_labels)``, and accuracy and processor seconds."""
    model.predict(texts[:20])
    begun = time.process_time()
    answers = model.predict(texts)
    seconds = time.process_time() - begun
    assert answers.probabilities is not None
    right = [value == label for value, label in zip(answers.values, gold, strict=True)]
    return answers.probabilities, {"accuracy": round(float(np.mean(right)), 4), "seconds": round(seconds, 2)}


if __name__ == "__main__":
    main()
