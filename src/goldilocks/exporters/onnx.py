"""One ONNX graph with its tokenizer and a script that needs numpy, onnxruntime and tokenizers only."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from goldilocks.protocols import Model
from goldilocks.records import Exported, ExportSettings

_USAGE = """\
## How to use

```sh
pip install numpy onnxruntime tokenizers
python predict.py ARGUMENTS
```

In Python: `import predict; model = predict.load(Path("."))`, then `model.predict(ARGUMENTS)`; it returns WHAT."""
_KINDS = {
    "classifier": ('"a text"', "the label and the probabilities"),
    "pair_scorer": ('"a text" "another"', "the score, or the scores of several candidates"),
    "span_extractor": ('"a question" "its context"', "the answer and its start in the context"),
    "token_classifier": ("the words of a sentence", "a tag for each word"),
}


def unavailable() -> str | None:
    """See ``protocols.Exporter``."""
    if importlib.util.find_spec("onnx") is None:
        return "the package onnx, which writes graphs, is not installed: pip install 'goldilocks-lm[onnx]'"
    return None


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Exporter``."""
    if not hasattr(model, "module"):
        return "it is no neural network and has no ONNX form"
    from goldilocks.nets.export.onnx_graph import not_exportable
    from goldilocks.nets.network import Network

    return not_exportable(model) if isinstance(model, Network) else "its network was built elsewhere"


def export(model: Model, settings: ExportSettings, folder: Path) -> Exported:
    """See ``protocols.Exporter``."""
    from goldilocks.nets.export.onnx_graph import save_model
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    save_model(model, folder, rule=settings.rule, normalisation=settings.normalisation)
    arguments, what = _KINDS[model.config.head.KIND]
    usage = _USAGE.replace("predict.py ARGUMENTS", f"predict.py {arguments}")
    usage = usage.replace("ARGUMENTS", '"…"').replace("WHAT", what)
    return Exported("onnxruntime", usage, f"python FOLDER/predict.py {arguments}")
