"""Does unstructured magnitude pruning of a tuned encoder improve anything: size after compression, or latency?

Run:    python benchmarks/magnitude_pruning.py --bundle run/bundle --share 0.3 --share 0.5 --share 0.7
Needs:  the data folder, a bundle of a BERT-shaped encoder tuned on --set, the extra `onnx`; about 10 minutes.
        Results of record are in benchmarks/results/.

Of every matrix of the blocks the given share of weights with the smallest magnitude becomes 0; nothing is trained
afterwards. Measured, each beside the network as tuned: accuracy on test rows, paired; bytes of the weights as stored
and after gzip -9; processor time of one text (median over 100) with dense products, with the linear layers as CSR
matrices (``torch.sparse``), and of the int8 form on ONNX Runtime, which has no kernels for zeros. For comparison
the structured ways to the same end: float16, and int8. The last line of output is one JSON object.
"""

from __future__ import annotations

import gzip
import json
import shlex
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_data import keep, machine, options, rows
from compression_speed import compressed

from goldilocks import plugins
from goldilocks.bundle.layout import MODEL
from goldilocks.bundle.read import load
from goldilocks.compression.distil import SeededDistil
from goldilocks.compression.gate import paired_loss
from goldilocks.compression.trial import SavedModel
from goldilocks.protocols import Calibration, Model
from goldilocks.records import Part
from goldilocks.support.files import plain

_TIMED = 100


def main() -> None:
    """Prune by each share, score, weigh, time."""
    parser = options(__doc__)
    parser.add_argument("--set", default="banking77")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--share", type=float, action="append", help="of the weights that become 0; several times")
    parser.add_argument("--test", type=int, default=0, help="test rows; 0: all")
    chosen = parser.parse_args()
    test = rows(chosen.data, chosen.set, "test")[: chosen.test or None]
    texts = tuple(dict.fromkeys(row["text"] for row in rows(chosen.data, chosen.set, "train")))
    part = Part(tuple(row["text"] for row in test), tuple(str(row["label"]) for row in test), tuple(range(len(test))))
    info = load(chosen.bundle).info
    original = SavedModel(chosen.bundle / MODEL, info.family, info.engine)
    forms: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(original, part, texts, Path(scratch))
        forms["as tuned"] = bench.measured(original, sparse=False)
        for step in ("float16", "onnx_int8"):
            forms[step] = bench.measured(bench.compressed(original, step), sparse=False)
        for share in chosen.share or (0.3, 0.5, 0.7):
            name = f"{share:g} of the weights 0"
            pruned = bench.pruned(share)
            forms[name] = bench.measured(pruned, sparse=True)
            forms[f"{name}, onnx_int8"] = bench.measured(bench.compressed(pruned, "onnx_int8"), sparse=False)
            print(name, json.dumps(forms[name]), flush=True)
    command = shlex.join(["python", *sys.argv])
    result = {"benchmark": "magnitude_pruning", "command": command, "set": chosen.set, "n_test": len(part)}
    keep(f"magnitude_pruning-{chosen.set}", result | {"n_texts": len(texts), "forms": forms} | machine())


class Bench:
    """The original, what it is scored on, and a folder for what is made of it."""

    def __init__(self, original: SavedModel, part: Part, texts: tuple[str, ...], scratch: Path) -> None:
        """Let the original answer."""
        self.original, self.part, self.texts, self.scratch = original, part, texts, scratch
        self.answers = original.load().predict(part.texts)
        self._made = 0

    def compressed(self, model: SavedModel, step: str) -> SavedModel:
        """The model after one compressor."""
        return compressed({"original": model}, step, self._folder(), Calibration(self.texts, SeededDistil()))

    def pruned(self, share: float) -> SavedModel:
        """The original with a share of each block's matrices 0."""
        import torch

        network: Any = self.original.load()
        with torch.no_grad():
            for weight in network.backbone.blocks.parameters():
                if weight.ndim == 2:
                    least = weight.abs().flatten().kthvalue(max(1, round(share * weight.numel()))).values
                    weight.mul_(weight.abs() > least)
        folder = self._folder()
        folder.mkdir()
        network.save(folder)
        return SavedModel(folder, self.original.family, self.original.engine, (f"magnitude {share:g}",))

    def measured(self, model: SavedModel, *, sparse: bool) -> dict[str, Any]:
        """Loss, bytes, milliseconds."""
        loaded = model.load()
        accuracy = plugins.load("metrics", "accuracy")
        loss = paired_loss(accuracy, self.part.gold, self.answers.values, loaded.predict(self.part.texts).values)
        packed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in model.folder.rglob("*") if path.is_file())
        entry = {"loss": plain(loss), "bytes": model.size_bytes(), "bytes_gzip": packed}
        entry["processor_ms"] = self._milliseconds(loaded)
        if sparse:
            entry["processor_ms_csr"] = self._milliseconds(_as_csr(model.load()))
        return entry

    def _milliseconds(self, model: Model) -> float:
        for text in self.part.texts[:10]:
            model.predict([text])
        spent = []
        for text in self.part.texts[:_TIMED]:
            begun = time.process_time()
            model.predict([text])
            spent.append((time.process_time() - begun) * 1e3)
        return statistics.median(spent)

    def _folder(self) -> Path:
        self._made += 1
        return self.scratch / str(self._made)


def _as_csr(model: Any) -> Any:
    """The network with the matrices of its blocks as CSR, which torch multiplies without the zeros."""
    import warnings

    from torch import Tensor, nn

    class Sparse(nn.Module):
        """x W^T + b as (W x^T)^T + b."""

        def __init__(self, linear: Any) -> None:
            super().__init__()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.weight, self.bias = linear.weight.detach().to_sparse_csr(), linear.bias

        def forward(self, hidden: Tensor) -> Tensor:
            flat = hidden.reshape(-1, hidden.shape[-1])
            out: Tensor = (self.weight @ flat.T).T + self.bias
            return out.reshape(*hidden.shape[:-1], -1)

    for name, module in list(model.backbone.blocks.named_modules()):
        if isinstance(module, nn.Linear):
            model.backbone.blocks.set_submodule(name, Sparse(module))
    return model


if __name__ == "__main__":
    main()
