"""One GGUF file for llama.cpp, Ollama and LM Studio: Llama-style decoders in 16, 8 or 4 bits."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from goldilocks.protocols import Model
from goldilocks.records import Exported, ExportSettings

PRECISIONS = ("f16", "q8_0", "q4_0")

_USAGE = """\
## How to use

```sh
llama-cli --model {file} --prompt "{prompt}"
```

{notes}"""


def unavailable() -> str | None:
    """See ``protocols.Exporter``."""
    if importlib.util.find_spec("gguf") is None:
        return "the package gguf is not installed: pip install gguf"
    return None


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Exporter``."""
    if not hasattr(model, "module"):
        return "it is not a decoder"
    from goldilocks.nets.export import gguf_file
    from goldilocks.nets.heads.decoder_classifier import DecoderClassifier

    return gguf_file.incompatibility(model) if isinstance(model, DecoderClassifier) else "it is not a decoder"


def export(model: Model, settings: ExportSettings, folder: Path) -> Exported:
    """See ``protocols.Exporter``."""
    from goldilocks.nets.export.gguf_file import save_gguf
    from goldilocks.nets.heads.decoder_generator import DecoderGenerator
    from goldilocks.records import Output

    assert isinstance(model, DecoderGenerator)
    file = f"{settings.name}-{settings.precision}.gguf"
    save_gguf(model, folder / file, settings)
    prompt, notes = "a text", "The file holds the model and its tokenizer."
    if model.config.output == Output.TEXT:
        before, after = (repr(part)[1:-1] for part in model.prompt_around())
        prompt = "PROMPT"
        notes += f" The prompt of a text is `{before}`, the text, `{after}` (line breaks as in C)."
    return Exported("gguf", _USAGE.format(file=file, prompt=prompt, notes=notes), "")
