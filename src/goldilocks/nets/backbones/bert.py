"""BERT encoder, loaded from a Hub folder without transformers (whose import alone takes 5 s).

One backbone for all checkpoints of that architecture: BERT, RoBERTa, XLM-RoBERTa, CamemBERT, DistilBERT and ELECTRA
differ in the names of their weights, in where positions start and in whether embeddings are as wide as the layers.
Query, key and value projections are one matrix, so that a layer is four products instead of six. There is no dropout
inside: drawing its masks takes a CPU about as long as a product, and few epochs hardly need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.hub.weights import hub_weights
from goldilocks.nets.layers.activations import ACTIVATIONS
from goldilocks.nets.layers.key_value_prefix import KeyValuePrefix
from goldilocks.nets.tokenization.batching import Batch

MODEL_TYPES = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra")
"""``model_type`` of the configurations this backbone can read."""

MATRICES = ("qkv", "out", "up", "down")
"""Names of a block's matrices."""

_SHORT = 64
"""Tokens up to which plain products are faster than torch's fused attention in inference, measured on 2 cores."""


@dataclass(frozen=True, slots=True)
class BertOptions:
    """The numbers that fix the backbone."""

    vocabulary: int
    width: int
    depth: int
    heads: int
    inner: int
    """Width of the hidden layer of a block's MLP."""
    positions: int
    types: int
    """Token types (0: the checkpoint has none)."""
    epsilon: float
    """Epsilon of the layer norms."""
    activation: str
    embedding_width: int
    first_position: int
    """Position number of the first token (RoBERTa counts from its padding id + 1)."""
    block_heads: tuple[int, ...] = ()
    """Heads left in each block after pruning; empty: ``heads`` in all. A head is ``width / heads`` wide either way."""
    block_inner: tuple[int, ...] = ()
    """Width of the MLP's hidden layer left in each block after pruning; empty: ``inner`` in all."""
    block_ranks: tuple[tuple[int, ...], ...] = ()
    """Rank of each matrix of a block (``MATRICES``) that is a product of two, 0: it is one matrix; empty: all are."""

    @property
    def pruned(self) -> bool:
        """Whether blocks differ from those of a checkpoint on the Hub, which has no such options."""
        return bool(self.block_heads or self.block_inner or self.block_ranks)

    def of_block(self, number: int) -> tuple[int, int, tuple[int, ...]]:
        """Heads, inner width and ranks of a block."""
        heads = self.block_heads[number] if self.block_heads else self.heads
        inner = self.block_inner[number] if self.block_inner else self.inner
        return heads, inner, self.block_ranks[number] if self.block_ranks else (0,) * len(MATRICES)


def read_options(config: Mapping[str, Any]) -> BertOptions | None:
    """The options in a Hub ``config.json``; ``None`` where it is not a plain BERT-shaped encoder."""
    kind = config.get("model_type")
    if kind not in MODEL_TYPES or config.get("is_decoder") or config.get("add_cross_attention"):
        return None
    if config.get("position_embedding_type", "absolute") != "absolute":
        return None
    distil = kind == "distilbert"
    activation = config.get("activation" if distil else "hidden_act", "gelu")
    if activation not in ACTIVATIONS:
        return None
    width = int(config["dim"] if distil else config["hidden_size"])
    shifted = kind in ("roberta", "xlm-roberta", "camembert")
    return BertOptions(
        vocabulary=int(config["vocab_size"]),
        width=width,
        depth=int(config["n_layers"] if distil else config["num_hidden_layers"]),
        heads=int(config["n_heads"] if distil else config["num_attention_heads"]),
        inner=int(config["hidden_dim"] if distil else config["intermediate_size"]),
        positions=int(config.get("max_position_embeddings", 512)),
        types=0 if distil else int(config.get("type_vocab_size", 2)),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        activation=str(activation),
        embedding_width=int(config.get("embedding_size", width)) if kind == "electra" else width,
        first_position=int(config.get("pad_token_id", 1)) + 1 if shifted else 0,
    )


# Weights are loaded, not initialised: leaving them untouched until then makes a backbone in a millisecond instead of
# half a second (and initialising them on the meta device would import 3 s of torch's compiler).
class _Linear(nn.Linear):
    def reset_parameters(self) -> None:
        """Initialise nothing."""


class _Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        """Initialise nothing."""


def _matrix(width: int, outputs: int, rank: int) -> nn.Module:
    return nn.Sequential(_Linear(width, rank, bias=False), _Linear(rank, outputs)) if rank else _Linear(width, outputs)


class BertBlock(nn.Module):
    """Self-attention and an MLP, each followed by a layer norm."""

    def __init__(self, options: BertOptions, number: int) -> None:
        super().__init__()
        width = options.width
        self.heads, inner, ranks = options.of_block(number)
        attended = self.heads * (width // options.heads)
        self.qkv = _matrix(width, 3 * attended, ranks[0])
        self.out = _matrix(attended, width, ranks[1])
        self.attention_norm = nn.LayerNorm(width, eps=options.epsilon)
        self.up = _matrix(width, inner, ranks[2])
        self.down = _matrix(inner, width, ranks[3])
        self.norm = nn.LayerNorm(width, eps=options.epsilon)
        self.activation = ACTIVATIONS[options.activation]
        self.prefix: KeyValuePrefix | None = None

    def keys_values(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, ``(texts, heads, tokens, width / heads)`` each, of ``(texts, tokens, width)``."""
        texts, tokens, _ = hidden.shape
        _, key, value = self.qkv(hidden).view(texts, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return key, value

    def forward(self, hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Hidden states ``(texts, tokens, width)`` -> those above; ``attention_mask`` is true where a token attends,
        ``None``: no padding.
        """
        texts, tokens, _ = hidden.shape
        # (texts, tokens, 3 * attended) -> three of (texts, heads, tokens, width of a head)
        query, key, value = self.qkv(hidden).view(texts, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        if self.prefix is not None:
            key, value = self.prefix.before(key, value)
            attention_mask = None if attention_mask is None else self.prefix.before_mask(attention_mask)
        return self.above(hidden, attend(query, key, value, attention_mask).transpose(1, 2).flatten(2))

    def above(self, hidden: Tensor, attended: Tensor) -> Tensor:
        """The block's output from its input and what its heads attended to, ``(texts, tokens, attended)``."""
        hidden = self.attention_norm(hidden + self.out(attended))
        inner = self.activation(self.up(hidden))
        above: Tensor = self.norm(hidden + self.down(inner))
        return above


class BertBackbone(Backbone):
    """Token ids -> hidden states, as ``BertModel(...).last_hidden_state`` gives them; no dropout, no pooler."""

    word_embedding = "words"
    bf16 = True
    casing_channels = ("shapes",)

    def __init__(self, options: BertOptions) -> None:
        """Without weights: ``read_backbone`` or ``Network.load_weights`` loads them."""
        super().__init__()
        self.options = options
        self.depth, self.width = options.depth, options.width
        self.words = _Embedding(options.vocabulary, options.embedding_width)
        self.positions = _Embedding(options.positions, options.embedding_width)
        self.types = _Embedding(options.types, options.embedding_width) if options.types else None
        self.embedding_norm = nn.LayerNorm(options.embedding_width, eps=options.epsilon)
        self.channel_width, self.channel_embeddings = options.embedding_width, None
        wider = options.embedding_width != options.width
        self.widen = _Linear(options.embedding_width, options.width) if wider else None
        self.blocks = nn.ModuleList(BertBlock(options, number) for number in range(options.depth))

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``."""
        ids, mask = batch.ids, batch.mask
        first = self.options.first_position
        # RoBERTa counts positions from ``first``; padding has the position before it.
        shifted = self.positions(mask.cumsum(1) * mask + (first - 1)) if first else None
        hidden = self.words(ids) + (self.positions.weight[: ids.shape[1]] if shifted is None else shifted)
        if self.types is not None:
            types = batch.channels.get("types")
            several = types is not None and self.types.num_embeddings > 1
            hidden = hidden + (self.types(types) if several else self.types.weight[0])
        if self.channel_embeddings is not None:
            hidden = self.channel_embeddings(hidden, batch.channels)
        hidden = self.embedding_norm(hidden)
        return hidden if self.widen is None else cast(Tensor, self.widen(hidden))

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:
        """See ``Backbone.block``."""
        above: Tensor = self.blocks[number](hidden, _attention_mask(mask))
        return above

    def add_prefixes(self, count: int) -> None:
        """See ``Backbone.add_prefixes``."""
        options = self.options
        for block in self.blocks:
            cast(BertBlock, block).prefix = KeyValuePrefix(options.heads, options.width // options.heads, count=count)

    def keys_values(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """See ``Backbone.keys_values``."""
        hidden, pairs = self.embedded(ids)[None], []
        with torch.no_grad():
            for block in self.blocks:
                key, value = cast(BertBlock, block).keys_values(hidden)
                pairs.append((key[0], value[0]))
                hidden = block(hidden, None)
        return pairs

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        names: dict[str, list[str]] = {"embeddings": [], "attention": [], "mlp": [], "norm": []}
        for name, _ in self.named_parameters():
            names[_role(name)].append(name)
        return names

    def key_value_outputs(self, layer: str) -> slice:
        """See ``Backbone.key_value_outputs``."""
        return slice(self.width, None) if layer.endswith("qkv") else slice(None)

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``."""
        parts = parameter.split(".")
        return int(parts[1]) if parts[0] == "blocks" else -1


def attend(query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention, ``(texts, heads, tokens, width / heads)`` each."""
    tokens = query.shape[2]
    # On a CPU the backward pass of torch's fused attention takes 2 to 20 times as long as that of plain products.
    if query.device.type != "cpu" or (tokens > _SHORT and not torch.is_grad_enabled()):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
    scores = (query * query.shape[3] ** -0.5) @ key.transpose(2, 3)
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    attended: Tensor = scores.softmax(-1) @ value
    return attended


def _attention_mask(mask: Tensor) -> Tensor | None:
    # On an accelerator asking would wait for the device; there the mask is always passed.
    if mask.device.type == "cpu" and bool(mask.all()):
        return None
    return mask.bool()[:, None, None, :]


def _role(parameter: str) -> str:
    if not parameter.startswith("blocks."):
        return "norm" if parameter.startswith("embedding_norm") else "embeddings"
    part = parameter.split(".")[2]
    return {"qkv": "attention", "out": "attention", "up": "mlp", "down": "mlp"}.get(part, "norm")


# ---------------------------------------------------------------------------------------------- loading a Hub folder


def read_backbone(folder: Path, options: BertOptions, kind: str) -> BertBackbone:
    """The backbone with the weights of ``model.safetensors`` (float32).

    Args:
        folder: A folder in the Hub's format.
        options: Those in its configuration, from ``read_options``.
        kind: Its ``model_type``.

    Raises:
        MissingError: the weights are not there as safetensors.
        InputError: a weight is missing or has another shape than the configuration says.
    """
    backbone = BertBackbone(options)
    # In the oldest checkpoints the weights of LayerNorm are called gamma and beta.
    checkpoint = {
        name.replace(".gamma", ".weight").replace(".beta", ".bias"): tensor
        for name, tensor in hub_weights(folder).items()
    }
    filled: dict[str, Tensor] = {}
    for name, parameter in backbone.state_dict().items():
        sources = [_find(checkpoint, source, folder) for source in _sources(name, kind)]
        weight = (sources[0] if len(sources) == 1 else torch.cat(sources)).to(torch.float32)
        if weight.shape != parameter.shape:
            raise InputError(
                f"{folder}: {name} is {tuple(weight.shape)}, the configuration says {tuple(parameter.shape)}; "
                "config.json and model.safetensors are not of the same model."
            )
        # A copy: what is mapped into memory from the file must not change in training.
        filled[name] = weight.clone() if len(sources) == 1 else weight
    backbone.load_state_dict(filled, assign=True)
    return backbone


def _find(checkpoint: Mapping[str, Tensor], name: str, folder: Path) -> Tensor:
    for prefix in ("", "bert.", "roberta.", "distilbert.", "electra."):
        if prefix + name in checkpoint:
            return checkpoint[prefix + name]
    raise InputError(f"{folder}: the weights have no {name!r}; is config.json of the same model?")


_BERT = {
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "types": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
    "widen": "embeddings_project",
}
_BERT_BLOCK = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "out": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
    "norm": ("output.LayerNorm",),
}
_DISTIL_BLOCK = {
    "qkv": ("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    "out": ("attention.out_lin",),
    "attention_norm": ("sa_layer_norm",),
    "up": ("ffn.lin1",),
    "down": ("ffn.lin2",),
    "norm": ("output_layer_norm",),
}


def _sources(name: str, kind: str) -> Iterator[str]:
    """Names in the checkpoint whose weights, stacked, make up ours."""
    parts = name.split(".")
    if parts[0] != "blocks":
        yield f"{_BERT[parts[0]]}.{parts[1]}"
        return
    distil = kind == "distilbert"
    stack = "transformer.layer" if distil else "encoder.layer"
    for source in (_DISTIL_BLOCK if distil else _BERT_BLOCK)[parts[2]]:
        yield f"{stack}.{parts[1]}.{source}.{parts[3]}"


def backbone_from(options: Mapping[str, Any]) -> BertBackbone:
    """A backbone without weights from ``NetworkConfig.options``, for ``Network.load_weights`` to fill."""
    lists = {
        "block_heads": tuple(options.get("block_heads", ())),
        "block_inner": tuple(options.get("block_inner", ())),
        "block_ranks": tuple(tuple(ranks) for ranks in options.get("block_ranks", ())),
    }
    return BertBackbone(BertOptions(**{**options, **lists}))


def shape_options(backbone: BertBackbone) -> dict[str, Any]:
    """What ``backbone_from`` needs."""
    return asdict(backbone.options)
