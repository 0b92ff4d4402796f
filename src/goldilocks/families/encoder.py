"""Pretrained text encoders in the Hub's format, with a linear head on the mean of their hidden states.

Where two entities are marked in every training text, the head's input is the states at their markers instead
(``nets/heads/relation_classifier``).

BERT-shaped checkpoints (BERT, RoBERTa, XLM-RoBERTa, CamemBERT, DistilBERT, ELECTRA) run on our own backbone, which
loads in a tenth of the time; other encoders go through transformers. A text is truncated to 256 tokens (about 190
words) for speed: the work grows faster than the length. Only the context of a question is encoded completely, in
overlapping windows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError
from goldilocks.records import Forecast, Goal, HubListing, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.nets.backbones.base import Backbone
    from goldilocks.nets.network import HeadConfig, Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.TAGS, Output.SPAN, Output.SCORE})

MAX_TOKENS = 256
"""Texts are truncated to this many tokens, or to the checkpoint's limit."""
_BERT_SHAPED = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra")
_OTHERS = (
    "albert",
    "big_bird",
    "convbert",
    "deberta",
    "deberta-v2",
    "ernie",
    "eurobert",
    "megatron-bert",
    "mobilebert",
    "modernbert",
    "mpnet",
    "nomic_bert",
    "rembert",
    "roberta-prelayernorm",
    "roformer",
    "xlm-roberta-xl",
    "xmod",
)
"""``model_type`` of encoders that transformers runs for us."""
_SHAPES = ((2, 128), (4, 256), (4, 312), (4, 512), (6, 384), (12, 384), (6, 768), (12, 768), (24, 1024), (48, 1536))
"""Depth and width of published encoders, from TinyBERT to DeBERTa XXL."""
_TOKENS_PER_WORD = 1.35
"""Word pieces per word of BERT's English vocabulary (MR, Bitext, AG News 1.3, SMS 1.4; 2,000 texts each)."""


def models() -> tuple[ModelInfo, ...]:
    """None: an untrained encoder would be of no use."""
    return ()


def describe(folder: Path, source: str) -> ModelInfo | None:
    """See ``protocols.Family``."""
    from goldilocks.nets.hub.checkpoint import checkpoint_info, is_checkpoint
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.hub.masked_lm import has_masked_lm

    if not is_checkpoint(folder):
        return None
    hub = read_config(folder)
    kind = hub.get("model_type")
    if kind not in _BERT_SHAPED + _OTHERS or hub.get("is_decoder"):
        return None
    depth = int(hub.get("num_hidden_layers", hub.get("n_layers", 0)))
    width = int(hub.get("hidden_size", hub.get("dim", 0)))
    return replace(
        checkpoint_info(folder, source, "encoder"),
        architecture=f"{kind} encoder, {depth} layers, {width} wide",
        pretraining=_pretraining(hub),
        groups=("embeddings", "attention", "mlp", "norm", "head"),
        depth=depth,
        width=width,
        max_tokens=_readable(hub),
        masked_lm=has_masked_lm(folder, hub),
    )


def listed(listing: HubListing) -> ModelInfo | None:
    """See ``protocols.ReadsHubListings``. Depth and width are those of the published shape nearest in parameters."""
    if listing.model_type not in _BERT_SHAPED + _OTHERS:
        return None
    words = 250_000 if "*" in listing.languages or len(listing.languages) > 3 else 30_522

    def off(shape: tuple[int, int]) -> float:
        return abs(math.log((12 * shape[0] * shape[1] ** 2 + words * shape[1]) / max(1, listing.parameters)))

    depth, width = min(_SHAPES, key=off)
    return ModelInfo(
        name=listing.name.replace("/", "--"),
        family="encoder",
        source=listing.source,
        architecture=f"{listing.model_type} encoder, about {depth} layers, {width} wide",
        pretraining="not stated in the hub's list",
        languages=listing.languages,
        licence=listing.licence or "unknown",
        parameters=listing.parameters,
        size_bytes=listing.size_bytes,
        groups=("embeddings", "attention", "mlp", "norm", "head"),
        depth=depth,
        width=width,
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """See ``protocols.Family``. A step multiplies each weight six times per token; the optimiser is bound by memory."""
    config = training_config(info, work)
    tokens = _TOKENS_PER_WORD * work.words + 2
    if tokens > MAX_TOKENS and work.output is not Output.TAGS:  # truncated, or encoded in overlapping windows
        tokens = tokens * 4 / 3 if work.output is Output.SPAN else MAX_TOKENS
    body = 12 * info.depth * info.width**2
    operations = 6.0 * body * tokens * work.rows * config.epochs
    steps = config.epochs * work.rows / min(config.batch_rows, config.batch_tokens / tokens)
    moved = 30.0 * steps * min(info.parameters, 1.4 * body)
    speed = machine.gflops * 1e9 * (1.2 if machine.bf16 else 0.7)
    seconds = 2.0 + operations / speed + moved / 10e9
    memory = 450e6 + 18.0 * info.parameters + 40.0 * config.batch_tokens * info.width * max(1, info.depth)
    return Forecast(seconds=seconds, memory_bytes=memory)


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig:
    """At least 3 epochs and 300 steps, and 6 steps more for each label; for tags 5 and 2,000. See ``protocols.Family``.

    For labels the learning rate of the top block is 13 times that of the lowest, about that of ELECTRA (Clark et al.
    2020, arXiv:2003.10555, table 7). Chosen, as the steps for each label, on held-out training rows of Banking77:
    ``benchmarks/training_config.py``. Fitting a head on the frozen encoder first did not help.
    """
    tags = work.output is Output.TAGS
    steps, min_epochs = (2_000, 5.0) if tags else (300 + 6 * work.labels, 3.0)
    epochs = min(20.0, max(min_epochs, steps * 32 / work.n_sequences))
    rate = min(2e-4, max(2e-5, 1e-4 * 384 / max(1, info.width)))
    ratio = 13.0 if work.output is Output.LABEL else 1.0
    return TrainingConfig(epochs, rate, head_learning_rate=1e-3, batch_rows=work.batch_rows, layer_ratio=ratio)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:
    """The pretrained encoder with an untrained head. See ``protocols.Family``.

    Raises:
        MissingError: weights (as safetensors) or ``tokenizer.json`` are not in the folder.
        InputError: configuration and weights do not belong together.
    """
    import torch

    from goldilocks.nets.assemble import BackboneSpec, config_for, network
    from goldilocks.nets.hub.checkpoint import tokenizer_file
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.hub.masked_lm import has_masked_lm, read_masked_lm
    from goldilocks.nets.tokenization.tokenizer import read_tokenizer

    if folder is None:
        raise InputError(f"{info.name}: an encoder needs the folder of its checkpoint; none was given.")
    hub = read_config(folder)
    backbone, kind, options = _read(folder, hub)
    path = tokenizer_file(folder)
    longest = min(MAX_TOKENS, _readable(hub))
    config = config_for(
        goal,
        BackboneSpec(kind, options, _backbone),
        _head(folder, part, goal),
        pooling=_pooling(folder),
        max_tokens=longest,
        pad_id=int(hub.get("pad_token_id") or 0),
    )
    torch.manual_seed(seed)
    built = network(backbone, read_tokenizer(path, longest), config)
    if has_masked_lm(folder, hub):
        built.masked_lm = partial(read_masked_lm, folder, hub)
    return built


def _read(folder: Path, hub: Mapping[str, Any]) -> tuple[Backbone, str, dict[str, Any]]:
    """Backbone, its kind, and the options it can be built from again."""
    from goldilocks.nets.backbones import bert

    options = bert.read_options(hub)
    if options is not None:
        backbone = bert.read_backbone(folder, options, str(hub["model_type"]))
        return backbone, "bert", bert.shape_options(backbone)
    from goldilocks.nets.backbones.hub_encoder import read_hub_backbone

    return read_hub_backbone(folder), "transformers", dict(hub)


def _head(folder: Path, part: Part, goal: Goal) -> HeadConfig:
    """The head config for a goal and the form of its items."""
    from goldilocks.nets.heads.pair_scorer import config_from
    from goldilocks.nets.heads.relation_classifier import RelationClassifierConfig
    from goldilocks.nets.heads.span_extractor import SpanExtractorConfig
    from goldilocks.nets.heads.token_classifier import TokenClassifierConfig
    from goldilocks.nets.network import HeadConfig
    from goldilocks.support.text.entity_markers import all_marked

    match goal.output:
        case Output.TAGS:
            return TokenClassifierConfig(chain=True, wide=True)
        case Output.SPAN:
            return SpanExtractorConfig()
        case Output.SCORE:
            # A sentence-transformers checkpoint was trained as a bi-encoder; a cross-encoder's head would be untrained.
            return config_from(part, cross_encoder=not (folder / "1_Pooling").is_dir())
        case _:
            return RelationClassifierConfig() if all_marked(part.texts) else HeadConfig()


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(config: NetworkConfig) -> Backbone:
    """The untrained backbone of a saved network."""
    if config.kind == "bert":
        from goldilocks.nets.backbones.bert import backbone_from

        return backbone_from(config.options)
    from goldilocks.nets.backbones.hub_encoder import hub_backbone_from

    return hub_backbone_from(config.options)


def _readable(hub: Mapping[str, Any]) -> int:
    """Maximum number of tokens that the checkpoint has positions for."""
    positions = int(hub.get("max_position_embeddings", 512))
    shifted = hub.get("model_type") in ("roberta", "xlm-roberta", "camembert")  # positions start after the padding's
    return max(1, positions - (int(hub.get("pad_token_id", 1)) + 1 if shifted else 0))


def _pooling(folder: Path) -> str:
    """``first`` where a sentence-transformers folder says so, else ``mean``."""
    import json

    try:
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return "mean"
    return "first" if pooling.get("pooling_mode_cls_token") else "mean"


def _pretraining(hub: Mapping[str, Any]) -> str:
    heads = " ".join(hub.get("architectures") or ())
    if "ForMaskedLM" in heads:
        return "masked language model"
    return "replaced-token detection" if hub.get("model_type") == "electra" else "not stated"
