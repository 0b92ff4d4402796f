"""Encoder-decoder models (sequence-to-sequence): translation, summaries, replies.

``transformer_tiny`` and ``transformer_small`` are trained from scratch, on subwords learnt from the training texts;
they need some ten thousand rows. T5, BART, Marian and the like are checkpoints in the Hub's format. A source is
truncated to 512 tokens: of a single text the first, of several texts (the turns of a dialogue) the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.nets.backbones.base import Backbone
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.TEXT})

MAX_TOKENS = 512
"""Sources and targets are truncated to this many tokens, or to the checkpoint's limit."""
VOCABULARY = 8_000
_SIZES: Mapping[str, Mapping[str, Any]] = {
    "transformer_tiny": {"width": 128, "depth": 3, "heads": 4, "inner": 256, "dropout": 0.2},
    "transformer_small": {"width": 256, "depth": 3, "heads": 4, "inner": 512, "dropout": 0.3},
}
_HUB = (
    "bart",
    "bigbird_pegasus",
    "blenderbot",
    "blenderbot-small",
    "fsmt",
    "led",
    "longt5",
    "m2m_100",
    "marian",
    "mbart",
    "mt5",
    "mvp",
    "pegasus",
    "plbart",
    "switch_transformers",
    "t5",
    "umt5",
)
"""``model_type`` of checkpoints that transformers runs for us."""
_GROUPS = ("embeddings", "attention", "mlp", "norm")
_TOKENS_PER_WORD = 1.3
"""Subwords per word (Multi30k: 1.15 in English, 1.35 in German)."""


def models() -> tuple[ModelInfo, ...]:
    """``transformer_tiny`` and ``transformer_small``."""
    return tuple(_info(name) for name in _SIZES)


def _info(name: str) -> ModelInfo:
    size = _SIZES[name]
    width, depth = size["width"], size["depth"]
    # Attention has 4 square matrices with biases, an MLP 2; an encoder block has 1 attention, a decoder block 2.
    attention, perceptron, norm = 4 * (width + 1) * width, (2 * width + 1) * size["inner"] + width, 2 * width
    blocks = depth * (3 * attention + 2 * perceptron + 5 * norm)
    parameters = VOCABULARY * width + blocks + 2 * norm
    return ModelInfo(
        name=name,
        family="seq2seq",
        source="builtin",
        architecture=f"Transformer, {depth} encoder and {depth} decoder layers, {width} wide",
        pretraining="none",
        languages=("*",),
        licence="none-needed",
        parameters=parameters,
        size_bytes=4 * parameters,
        groups=_GROUPS,
        depth=depth,
        width=width,
        max_tokens=MAX_TOKENS,
    )


def describe(folder: Path, source: str) -> ModelInfo | None:
    """See ``protocols.Family``."""
    from goldilocks.nets.hub.checkpoint import checkpoint_info, is_checkpoint
    from goldilocks.nets.hub.config import read_config

    if not is_checkpoint(folder):
        return None
    hub = read_config(folder)
    kind = hub.get("model_type")
    if kind not in _HUB:
        return None
    depth = int(_first(hub, "encoder_layers", "num_layers", "num_hidden_layers"))
    width = int(_first(hub, "d_model", "hidden_size"))
    return replace(
        checkpoint_info(folder, source, "seq2seq"),
        architecture=f"{kind} encoder-decoder, {depth} encoder layers, {width} wide",
        groups=_GROUPS,
        depth=depth,
        width=width,
        max_tokens=_readable(hub),
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """See ``protocols.Family``."""
    config = training_config(info, work)
    tokens = sum(min(_TOKENS_PER_WORD * words + 1, MAX_TOKENS) for words in (work.words, work.answer_words))
    weights = min(info.parameters, 28 * info.depth * info.width**2 + VOCABULARY * info.width)
    operations = 6.0 * 0.6 * weights * tokens * work.rows * config.epochs
    steps = config.epochs * work.rows / min(config.batch_rows, config.batch_tokens / tokens)
    speed = machine.gflops * 1e9 * (1.0 if machine.bf16 else 0.5)
    seconds = 3.0 + operations / speed + 30.0 * steps * weights / 10e9
    memory = 500e6 + 18.0 * info.parameters + 60.0 * config.batch_tokens * info.width * max(1, info.depth)
    return Forecast(seconds, memory)


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig:
    """From scratch 16 epochs (the tiny one 30) at 30,000 rows, more with fewer; checkpoints need about 3."""
    rows = max(1, work.rows)
    if info.pretrained:
        epochs = min(20.0, max(3.0, 20_000 / rows))
        return TrainingConfig(
            epochs=epochs, learning_rate=1e-4, head_learning_rate=1e-4, batch_rows=32, label_smoothing=0.1
        )
    tiny = info.width <= 128
    epochs = round(min(100.0, max(4.0, (30 if tiny else 16) * (30_000 / rows) ** 0.5)))
    rate = 3e-3 if tiny else 1.5e-3
    return TrainingConfig(
        epochs=epochs,
        learning_rate=rate,
        head_learning_rate=rate,
        batch_rows=256,
        batch_tokens=4_000,
        warmup_share=0.1,
        label_smoothing=0.1,
    )


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:
    """An untrained net with subwords learnt from ``part``, or a checkpoint. See ``protocols.Family``.

    Raises:
        MissingError: weights (as safetensors) or ``tokenizer.json`` are not in the folder.
        InputError: configuration and weights do not belong together.
    """
    from goldilocks.nets.assemble import BackboneSpec, seq2seq_network

    if not info.pretrained:
        spec = BackboneSpec("transformer", _SIZES[info.name], _backbone)
        return seq2seq_network(spec, part, goal, max_tokens=MAX_TOKENS, vocabulary=VOCABULARY, seed=seed)
    if folder is None:
        raise InputError(f"{info.name}: a checkpoint needs its folder; none was given.")
    return _from_hub(folder, part, goal)


def _from_hub(folder: Path, part: Part, goal: Goal) -> Network:
    from goldilocks.nets.assemble import BackboneSpec, config_for, network
    from goldilocks.nets.backbones.hub_seq2seq import read_hub_seq2seq
    from goldilocks.nets.heads.seq2seq_generator import config_from
    from goldilocks.nets.hub.checkpoint import tokenizer_file
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.tokenization.tokenizer import read_tokenizer

    path = tokenizer_file(folder)
    hub = read_config(folder)
    longest = min(MAX_TOKENS, _readable(hub))
    tokenizer = read_tokenizer(path, longest)
    head = config_from(tokenizer, part, goal.generation, search=_search(folder, hub), max_tokens=longest)
    spec = BackboneSpec("hub", hub, _backbone)
    padding = int(hub.get("pad_token_id") or 0)
    config = config_for(goal, spec, head, pooling="mean", max_tokens=longest, pad_id=padding)
    return network(read_hub_seq2seq(folder), tokenizer, config)


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(config: NetworkConfig) -> Backbone:
    """The untrained backbone of a saved network."""
    if config.kind == "transformer":
        from goldilocks.nets.backbones.transformer import TransformerBackbone, TransformerOptions

        return TransformerBackbone(TransformerOptions(**config.options))
    from goldilocks.nets.backbones.hub_seq2seq import hub_seq2seq_from

    return hub_seq2seq_from(config.options)


def _search(folder: Path, hub: Mapping[str, Any]) -> Any:
    """The checkpoint's own settings: ``generation_config.json`` takes precedence over ``config.json``."""
    import json

    from goldilocks.nets.generation.beam_search import BeamSearch

    try:
        generation_config = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        generation_config = {}
    merged = {**hub, **{name: value for name, value in generation_config.items() if value is not None}}
    end = merged.get("eos_token_id", 1)
    end = int(end[0] if isinstance(end, list) else end)
    start = merged.get("decoder_start_token_id")
    padding = int(merged.get("pad_token_id") or 0)
    never = tuple(sorted({padding} - {end}))
    return BeamSearch(
        padding if start is None else int(start), end, never, beams=max(4, int(merged.get("num_beams") or 1))
    )


def _first(hub: Mapping[str, Any], *names: str) -> Any:
    return next((hub[name] for name in names if hub.get(name)), 0)


def _readable(hub: Mapping[str, Any]) -> int:
    """Maximum number of tokens that the checkpoint has positions for; T5 has relative ones, so any number."""
    return int(hub.get("max_position_embeddings", MAX_TOKENS))
