"""Static embeddings: a pretrained table with one vector per token; a text is their mean. The fastest pretrained models.

Word order is lost, so it suits topics and intents better than sentiment or negation. The table is that of the package
``wordllama`` (read as data, never imported): its folder holds ``weights/*.safetensors`` with one ``embedding.weight``
and ``tokenizers/*_tokenizer_config.json``. The table is brought to a root mean square of 1 as it is read: the same
answers up to scale, and one learning rate fits every table.

Source: https://github.com/dleemiller/WordLlama (MIT); its tokens are averaged without the start token, and so are ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.SCORE})

MAX_TOKENS = 512
_WEIGHT = "embedding.weight"
_TOKENS_PER_WORD = 1.4
# One pass of training at 188.6 GFLOPS: measured on one thread (8 and 32 words a text), scaled to two by judgement.
_START_SECONDS = 2.0
_SECONDS_PER_TEXT = 40e-6
_SECONDS_PER_WORD = 2.2e-6


def models() -> tuple[ModelInfo, ...]:
    """None: this family needs a pretrained table."""
    return ()


def describe(folder: Path, source: str) -> ModelInfo | None:
    """What is known of a folder laid out as wordllama's. See ``protocols.Family``."""
    files = _files(folder)
    if files is None:
        return None
    shape = _table_shape(files[0])
    if shape is None:
        return None
    rows, width = shape
    return ModelInfo(
        name=files[0].stem,
        family="static_embedding",
        source=source,
        architecture=f"static token embeddings, {width} wide, averaged",
        pretraining="token embeddings of a language model, reduced and trained on English sentence pairs (contrastive)",
        languages=("en",),
        licence="mit" if source.startswith("pypi://wordllama/") else "unknown",
        parameters=rows * width,
        size_bytes=sum(file.stat().st_size for file in files),
        groups=("embeddings", "head"),
        depth=0,
        width=width,
        max_tokens=MAX_TOKENS,
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """Seconds and memory of the full run. See ``protocols.Family``."""
    words = min(work.words, MAX_TOKENS / _TOKENS_PER_WORD)
    a_pass = work.rows * (_SECONDS_PER_TEXT + _SECONDS_PER_WORD * words)
    seconds = (_START_SECONDS + training_config(info, work).epochs * a_pass) * 188.6 / machine.gflops
    # Libraries; the table, and more of the rows that occur; texts and their token ids.
    return Forecast(seconds, 320e6 + 12.0 * info.parameters + work.rows * (2 * work.characters + 8 * work.words + 200))


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig:  # noqa: ARG001
    """10 epochs at 4,000 rows (chosen on mr, ag_news and bitext), more with fewer. See ``protocols.Family``."""
    epochs = round(min(40.0, max(4.0, 10 * (4_000 / max(1, work.rows)) ** 0.5)))
    return TrainingConfig(epochs=epochs, learning_rate=2e-3, head_learning_rate=1e-2)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:  # noqa: ARG001
    """The pretrained table with an untrained head. See ``protocols.Family``.

    Raises:
        InputError: ``folder`` is not laid out as wordllama's, or its tokenizer file is damaged.
    """
    import torch
    from safetensors.torch import load_file

    from goldilocks.nets.assemble import BackboneSpec, config_for, head_without_interactions, network

    files = _files(folder) if folder else None
    if files is None:
        raise InputError(
            f"{folder}: holds no weights/*.safetensors beside tokenizers/*_tokenizer_config.json; "
            "pip install wordllama, or pass a folder laid out like that package."
        )
    table: Tensor = load_file(files[0])[_WEIGHT].float()
    table /= table.square().mean().sqrt()
    torch.manual_seed(seed)
    spec = BackboneSpec("static_embedding", {"vocabulary": table.shape[0], "width": table.shape[1]}, _backbone)
    config = config_for(goal, spec, head_without_interactions(part, goal), pooling="mean", max_tokens=MAX_TOKENS)
    backbone = _backbone(config)
    backbone.words.weight.data.copy_(table)
    return network(backbone, _read_tokenizer(files[1]), config)


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(config: NetworkConfig) -> Any:
    from goldilocks.nets.backbones.embeddings import EmbeddingBackbone

    return EmbeddingBackbone(**config.options)


def _files(folder: Path) -> tuple[Path, Path] | None:
    """Table and tokenizer; ``None`` where either is missing or not the only one."""
    tables = sorted(folder.glob("weights/*.safetensors"))
    tokenizers = sorted(folder.glob("tokenizers/*_tokenizer_config.json"))
    return (tables[0], tokenizers[0]) if len(tables) == 1 and len(tokenizers) == 1 else None


def _table_shape(path: Path) -> tuple[int, int] | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:  # reads the header only
            shape = file.get_slice(_WEIGHT).get_shape() if _WEIGHT in file.keys() else []  # noqa: SIM118
    except SafetensorError:
        return None
    return (shape[0], shape[1]) if len(shape) == 2 else None


def _read_tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["post_processor"] = None  # it would put a start token before every text
        tokenizer = Tokenizer.from_str(json.dumps(content))
    except Exception as error:  # the library raises bare Exception
        raise InputError(f"{path}: not a tokenizer ({error}); install the package again.") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    return tokenizer
