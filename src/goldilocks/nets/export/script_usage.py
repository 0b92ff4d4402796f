"""How an exported folder with ``predict.py`` is used, for its model card."""

from __future__ import annotations

from goldilocks.nets.network import Network
from goldilocks.records import Exported

_USAGE = """\
## How to use

```sh
pip install numpy RUNTIME tokenizers
python predict.py ARGUMENTS
```

In Python: `import predict; model = predict.load(Path("."))`, then `model.predict(…)`; it returns WHAT."""
_KINDS = {
    "classifier": ('"a text"', "the label and the probabilities"),
    "pair_scorer": ('"a text" "another"', "the score, or the scores of several candidates"),
    "span_extractor": ('"a question" "its context"', "the answer and its start in the context"),
    "token_classifier": ("the words of a sentence", "a tag for each word"),
}


def arguments_of(model: Network) -> str:
    """Arguments of the script for an item of the network."""
    return _KINDS[model.config.head.KIND][0]


def script_usage(model: Network, runtime: str) -> Exported:
    """What ``protocols.Exporter.export`` returns of such a folder."""
    arguments, what = _KINDS[model.config.head.KIND]
    usage = _USAGE.replace("RUNTIME", runtime).replace("ARGUMENTS", arguments).replace("WHAT", what)
    return Exported(runtime, usage, f"python FOLDER/predict.py {arguments}")
