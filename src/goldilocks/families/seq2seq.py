"""Networks that read one text and write another: translation, summaries, replies.

``transformer_tiny`` and ``transformer_small`` start from nothing and learn their pieces of words from the training
texts; they want some ten thousand rows. T5, BART, Marian and their kin are taken as checkpoints in the Hub's format. A
source is read up to 512 tokens: of a text the first, of several texts (the turns of a dialogue) the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError, MissingError
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.nets.backbones.base import Backbone
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.TEXT})

MAX_TOKENS = 512
"""Tokens of a source, or of a target, that are read, where the checkpoint can read as many."""
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
"""Pieces per word (Multi30k: 1.15 in English, 1.35 in German)."""


def models() -> tuple[ModelInfo, ...]:
    """``transformer_tiny`` and ``transformer_small``."""
    return tuple(_facts(name) for name in _SIZES)


def _facts(name: str) -> ModelInfo:
    size = _SIZES[name]
    width, depth = size["width"], size["depth"]
    # Attention has 4 square matrices with their biases, a perceptron 2; a reading block 1 attention, a writing one 2.
    attention, perceptron, norm = 4 * (width + 1) * width, (2 * width + 1) * size["inner"] + width, 2 * width
    blocks = depth * (3 * attention + 2 * perceptron + 5 * norm)
    parameters = VOCABULARY * width + blocks + 2 * norm
    return ModelInfo(
        name=name,
        family="seq2seq",
        source="builtin",
        architecture=f"Transformer, {depth} layers that read and {depth} that write, {width} wide",
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
    """See ``protocols.Family``. Licence and languages stay open: they stand on the model card."""
    from goldilocks.nets.hub.config import count_weights, read_config

    if not (folder / "config.json").is_file():
        return None
    config = read_config(folder)
    kind = config.get("model_type")
    if kind not in _HUB:
        return None
    depth = int(_first(config, "encoder_layers", "num_layers", "num_hidden_layers"))
    width = int(_first(config, "d_model", "hidden_size"))
    files = sorted(folder.glob("*.safetensors"))
    return ModelInfo(
        name=source.rstrip("/").rsplit("/", 1)[-1].split("@")[0],
        family="seq2seq",
        source=source,
        architecture=f"{kind} encoder-decoder, {depth} layers that read, {width} wide",
        pretraining="not stated",
        languages=(),
        licence="unknown",
        parameters=sum(count_weights(one) for one in files),
        size_bytes=sum(one.stat().st_size for one in [*files, folder / "tokenizer.json"] if one.exists()),
        groups=_GROUPS,
        depth=depth,
        width=width,
        max_tokens=_readable(config),
    )


def forecast(facts: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """See ``protocols.Family``."""
    recipe_ = recipe(facts, work)
    tokens = sum(min(_TOKENS_PER_WORD * words + 1, MAX_TOKENS) for words in (work.words, work.answer_words))
    weights = min(facts.parameters, 28 * facts.depth * facts.width**2 + VOCABULARY * facts.width)
    operations = 6.0 * 0.6 * weights * tokens * work.rows * recipe_.epochs
    steps = recipe_.epochs * work.rows / min(recipe_.batch_rows, recipe_.batch_tokens / tokens)
    speed = machine.gflops * 1e9 * (1.0 if machine.bf16 else 0.5)
    seconds = 3.0 + operations / speed + 30.0 * steps * weights / 10e9
    memory = 500e6 + 18.0 * facts.parameters + 60.0 * recipe_.batch_tokens * facts.width * max(1, facts.depth)
    return Forecast(seconds, memory)


def recipe(facts: ModelInfo, work: Workload) -> TrainingConfig:
    """From nothing 16 passes (the tiny one 30) at 30,000 rows, more with fewer; a checkpoint learns in 3 or so."""
    rows = max(1, work.rows)
    if facts.pretrained:
        epochs = min(20.0, max(3.0, 20_000 / rows))
        return TrainingConfig(
            epochs=epochs, learning_rate=1e-4, head_learning_rate=1e-4, batch_rows=32, label_smoothing=0.1
        )
    tiny = facts.width <= 128
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


def create(facts: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:
    """An untrained net with the pieces of ``part``, or a checkpoint. See ``protocols.Family``.

    Raises:
        MissingError: weights (as safetensors) or ``tokenizer.json`` are not in the folder.
        InputError: configuration and weights do not belong together.
    """
    from goldilocks.nets.assemble import from_pieces

    if not facts.pretrained:
        size = _SIZES[facts.name]
        return from_pieces(
            "transformer", size, _backbone, part, goal, max_pieces=MAX_TOKENS, vocabulary=VOCABULARY, seed=seed
        )
    if folder is None:
        raise InputError(f"{facts.name}: a checkpoint needs its folder; none was given.")
    return _from_hub(folder, part, goal)


def _from_hub(folder: Path, part: Part, goal: Goal) -> Network:
    from dataclasses import replace

    from goldilocks.nets.assemble import config_for, network
    from goldilocks.nets.backbones.hub_seq2seq import read_hub_writer
    from goldilocks.nets.heads.seq2seq_generator import settled_for
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.tokenization.tokenizer import read_tokenizer

    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.exists():
        raise MissingError(
            f"{tokenizer_file}: there is no such file; write it with "
            "transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."
        )
    config = read_config(folder)
    longest = min(MAX_TOKENS, _readable(config))
    tokenizer = read_tokenizer(tokenizer_file, longest)
    shape = config_for(
        goal, "hub", config, pooling="mean", max_tokens=longest, pad_id=int(config.get("pad_token_id") or 0)
    )
    settled = settled_for(tokenizer, part, goal.generation, search=_search(folder, config), max_tokens=longest)
    return network(read_hub_writer(folder), tokenizer, replace(shape, settled=settled))


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(shape: NetworkConfig) -> Backbone:
    """The unfilled backbone of a network that was saved."""
    if shape.kind == "transformer":
        from goldilocks.nets.backbones.transformer import TransformerBackbone, TransformerOptions

        return TransformerBackbone(TransformerOptions(**shape.options))
    from goldilocks.nets.backbones.hub_seq2seq import hub_writer_from

    return hub_writer_from(shape.options)


def _search(folder: Path, config: Mapping[str, Any]) -> Any:
    """How the checkpoint wants to be asked: ``generation_config.json`` counts before ``config.json``."""
    import json

    from goldilocks.nets.generation.beam_search import Search

    try:
        said = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = {}
    found = {**config, **{name: value for name, value in said.items() if value is not None}}
    end = found.get("eos_token_id", 1)
    end = int(end[0] if isinstance(end, list) else end)
    start = found.get("decoder_start_token_id")
    padding = int(found.get("pad_token_id") or 0)
    never = tuple(sorted({padding} - {end}))
    return Search(padding if start is None else int(start), end, never, beams=max(4, int(found.get("num_beams") or 1)))


def _first(config: Mapping[str, Any], *names: str) -> Any:
    return next((config[name] for name in names if config.get(name)), 0)


def _readable(config: Mapping[str, Any]) -> int:
    """Tokens the checkpoint reads; T5 counts no positions, so it reads any number."""
    return int(config.get("max_position_embeddings", MAX_TOKENS))
