"""How an exported folder with ``predict.py`` is used, for its model card."""

from __future__ import annotations

from goldilocks.nets.backbones.onnx_backbone import OnnxBackbone
from goldilocks.nets.network import Network
from goldilocks.records import Exported

_USAGE = """\
## How to use

```sh
pip install numpy RUNTIME tokenizers
python predict.py ARGUMENTS
```

In Python: `import predict; model = predict.load(Path("."))`, then `model.predict(…)`; it returns WHAT."""
_OPERATORS = """\
The graph is that of the compressed bundle: attention is an operator of ONNX Runtime's own
(`com.microsoft.MultiHeadAttention`), which Triton's ONNX Runtime backend and OpenVINO run, too. For a runtime with
ONNX's standard operators only, export the bundle that it was compressed from."""
_ONE_ROW = """\
It takes one row at a time, without padding: int8 scales are taken over all that the graph gets (dynamic quantisation),
so that an answer would depend on its neighbours. For batches compress with `onnx_static_int8` or `onnx_float32`."""
_KINDS = {
    "classifier": ('"a text"', "the label and the probabilities"),
    "masked_lm_classifier": ('"a text"', "the label and the probabilities"),
    "pair_scorer": ('"a text" "another"', "the score, or the scores of several candidates"),
    "span_extractor": ('"a question" "its context"', "the answer and its start in the context"),
    "token_classifier": ("the words of a sentence", "a tag for each word"),
}


def arguments_of(model: Network) -> str:
    """Arguments of the script for an item of the network."""
    return _KINDS[model.config.head.KIND][0]


def graph_notes(model: Network) -> str:
    """What to know of the graph of a compressed network, as paragraphs of the card; empty: there is nothing to know."""
    backbone = model.backbone
    if not isinstance(backbone, OnnxBackbone):
        return ""
    return f"\n\n{_OPERATORS}" + (f"\n\n{_ONE_ROW}" if backbone.row_by_row else "")


def script_usage(model: Network, runtime: str) -> Exported:
    """What ``protocols.Exporter.export`` returns of such a folder."""
    arguments, description = _KINDS[model.config.head.KIND]
    usage = _USAGE.replace("RUNTIME", runtime).replace("ARGUMENTS", arguments).replace("WHAT", description)
    usage += graph_notes(model)
    return Exported(runtime, usage, f"python FOLDER/predict.py {arguments}")
