"""Classify texts with the ONNX model beside this file. Needs numpy, onnxruntime and tokenizers; nothing else.

Run:  python predict.py "a text" ["the second text of a pair"]
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before onnxruntime is imported
import onnxruntime
from tokenizers import Tokenizer

_CHARACTERS_PER_TOKEN = 12


class Classifier:
    """The model in a folder."""

    def __init__(self, folder: Path) -> None:
        """Read ``model.json``, ``tokenizer.json`` and ``model.onnx``."""
        self.config: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        self.inputs = [input_name.name for input_name in self.session.get_inputs()]

    def predict(self, *texts: str) -> dict[str, Any]:
        """The answer to one text, or to a pair: ``label`` (``labels`` where there may be several), probabilities."""
        form, most = self.config["normalisation"], _CHARACTERS_PER_TOKEN * self.config["max_tokens"]
        clean = [(unicodedata.normalize(form, text) if form else text)[:most] for text in texts]
        encoded = self.tokenizer.encode(clean[0], clean[1] if len(clean) > 1 else None)
        ids = encoded.ids or [self.config["pad_id"]]
        tables = {"ids": ids, "mask": [1] * len(ids), "types": encoded.type_ids or [0]}
        feeds = {name: np.array([tables[name]], dtype=np.int64) for name in self.inputs}
        probabilities = self.session.run(["probabilities"], feeds)[0][0]
        labels = self.config["labels"]
        answer: dict[str, Any] = {"probabilities": dict(zip(labels, probabilities.tolist(), strict=True))}
        if self.config["several"]:
            return answer | {"labels": [label for label, p in answer["probabilities"].items() if p >= 0.5]}
        costs = self.config["error_costs"]  # a row for each true label, a column for each answer
        best = np.argmin(probabilities @ np.array(costs)) if costs else np.argmax(probabilities)
        return answer | {"label": labels[int(best)]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(Classifier(Path(__file__).parent).predict(*sys.argv[1:]), ensure_ascii=False) + "\n")
