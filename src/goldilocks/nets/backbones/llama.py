"""Decoders of Llama's shape, read from a Hub folder without transformers: Llama, Mistral, Qwen 2 and 3, Gemma 3.

They differ in where the norms stand, in whether queries and keys are normed, in biases and in layers that look back
only so far. Query, key and value are one matrix, gate and up another. As a ``Backbone`` the network learns like any
other (rows are padded at the end, so that no token ever sees padding); as a ``CausalLM`` it reads on from what it has
read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.kv_cache import AttentionContext, KVCache
from goldilocks.nets.hub.weights import hub_weights
from goldilocks.nets.layers.packed_linear import Product, packed
from goldilocks.nets.tokenization.batching import Batch

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3", "gemma3_text")
"""``model_type`` of the configurations this backbone can read."""

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """The numbers that fix the backbone."""

    vocabulary: int
    width: int
    depth: int
    heads: int
    pairs: int
    """Heads of keys and values; each serves ``heads / pairs`` heads of queries."""
    head_width: int
    inner: int
    positions: int
    epsilon: float
    activation: str
    scale: float
    """What queries are multiplied by."""
    windows: tuple[int, ...]
    """Tokens each layer looks back, its own included; 0: all."""
    thetas: tuple[float, ...]
    """Base of the rotary angles of each layer."""
    tied: bool
    """Whether the word table is also the last matrix."""
    gemma: bool
    """Gemma's ways: embeddings times the root of the width, norm weights counted from 1, norms behind each part too."""
    normed_heads: bool
    qkv_bias: bool
    out_bias: bool
    whole: bool = True
    """Whether these are all of the model's blocks, so that its last norm follows."""


def read_options(config: Mapping[str, Any]) -> LlamaOptions | None:
    """The options in a Hub ``config.json``; ``None`` where it is not of this shape, or has what is not read here."""
    kind = config.get("model_type")
    if kind not in MODEL_TYPES or _beyond(config):
        return None
    width, heads, depth = (
        int(config["hidden_size"]),
        int(config["num_attention_heads"]),
        int(config["num_hidden_layers"]),
    )
    head_width = int(config.get("head_dim") or width // heads)
    bias = bool(config.get("attention_bias", False))
    windows = _windows(config, depth)
    return LlamaOptions(
        vocabulary=int(config["vocab_size"]),
        width=width,
        depth=depth,
        heads=heads,
        pairs=int(config.get("num_key_value_heads") or heads),
        head_width=head_width,
        inner=int(config["intermediate_size"]),
        positions=int(config.get("max_position_embeddings", 2048)),
        epsilon=float(config.get("rms_norm_eps", 1e-6)),
        activation=str(config.get("hidden_activation") or config.get("hidden_act") or "silu"),
        scale=float(config.get("query_pre_attn_scalar") or head_width) ** -0.5,
        windows=windows,
        thetas=_thetas(config, windows),
        tied=bool(config.get("tie_word_embeddings", kind == "gemma3_text")),
        gemma=kind == "gemma3_text",
        normed_heads=kind in ("qwen3", "gemma3_text"),
        qkv_bias=bias or kind == "qwen2",
        out_bias=bias and kind in ("llama", "gemma3_text", "qwen3"),
    )


def _beyond(config: Mapping[str, Any]) -> bool:
    """Whether the configuration asks for what is not built here."""
    ropes = config.get("rope_parameters") or {}
    ropes = list(ropes.values()) if any(isinstance(one, dict) for one in ropes.values()) else [ropes]
    ropes.append(config.get("rope_scaling") or {})
    scaled = any((one or {}).get("rope_type", (one or {}).get("type", "default")) != "default" for one in ropes)
    caps = config.get("final_logit_softcapping") or config.get("attn_logit_softcapping")
    activation = config.get("hidden_activation") or config.get("hidden_act") or "silu"
    partial = any((one or {}).get("partial_rotary_factor", 1) != 1 for one in ropes)
    ways = config.get("use_bidirectional_attention") or config.get("mlp_bias") or config.get("quantization_config")
    return bool(scaled or caps or partial or ways or activation not in _ACTIVATIONS)


def _windows(config: Mapping[str, Any], depth: int) -> tuple[int, ...]:
    window = int(config.get("sliding_window") or 0)
    kinds = config.get("layer_types")
    if kinds is None and config.get("model_type") == "gemma3_text":
        pattern = int(config.get("sliding_window_pattern") or config.get("_sliding_window_pattern") or 6)
        kinds = ["full_attention" if (i + 1) % pattern == 0 else "sliding_attention" for i in range(depth)]
    if kinds is None:
        everywhere = config.get("model_type") == "mistral" or config.get("use_sliding_window", False)
        kinds = ["sliding_attention" if everywhere else "full_attention"] * depth
    return tuple(window if kind == "sliding_attention" else 0 for kind in kinds)


def _thetas(config: Mapping[str, Any], windows: Sequence[int]) -> tuple[float, ...]:
    ropes = config.get("rope_parameters") or {}
    gemma = config.get("model_type") == "gemma3_text"
    plain = float(ropes.get("rope_theta") or config.get("rope_theta") or (1e6 if gemma else 1e4))
    near = float(config.get("rope_local_base_freq") or (1e4 if gemma else plain))
    named = {"full_attention": plain, "sliding_attention": near}
    named |= {kind: float(one["rope_theta"]) for kind, one in ropes.items() if isinstance(one, dict)}
    return tuple(named["sliding_attention" if window else "full_attention"] for window in windows)


# Weights are read, not drawn: see ``nets/backbones/bert.py``.
class _Linear(nn.Linear):
    product: Product | None = None
    """See ``nets/hub/weights.packed``; made by ``LlamaBackbone.settle``."""

    def reset_parameters(self) -> None:
        """Draw nothing."""

    def forward(self, x: Tensor) -> Tensor:
        if self.product is None or torch.is_grad_enabled():  # what is in another order cannot be learnt through
            return F.linear(x, self.weight, self.bias)
        return self.product(x)


class _Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        """Draw nothing."""


class _Norm(nn.Module):
    def __init__(self, width: int, epsilon: float, from_one: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.epsilon, self.from_one = epsilon, from_one
        self.settled: Tensor | None = None
        """``scale`` once it does not change any more."""

    @property
    def scale(self) -> Tensor:
        """What normed numbers are multiplied by, float32."""
        if self.settled is not None:
            return self.settled
        return 1 + self.weight.float() if self.from_one else self.weight.float()

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), self.weight.shape, self.scale, self.epsilon).to(x.dtype)


class _Block(nn.Module):
    def __init__(self, options: LlamaOptions, number: int) -> None:
        super().__init__()
        width, heads, pairs, each = options.width, options.heads, options.pairs, options.head_width
        self.options, self.window, self.theta = options, options.windows[number], options.thetas[number]
        self.qkv = _Linear(width, (heads + 2 * pairs) * each, bias=options.qkv_bias)
        self.head_scales: Tensor | None = None
        """``_head_scales()`` once they do not change any more."""
        self.out = _Linear(heads * each, width, bias=options.out_bias)
        self.gate_up = _Linear(width, 2 * options.inner, bias=False)
        self.down = _Linear(options.inner, width, bias=False)
        self.activation = _ACTIVATIONS[options.activation]

        def norm(size: int = width) -> _Norm:
            return _Norm(size, options.epsilon, options.gemma)

        self.before, self.between = norm(), norm()
        self.behind_attention = norm() if options.gemma else None
        self.behind_mlp = norm() if options.gemma else None
        self.query_norm = norm(each) if options.normed_heads else None
        self.key_norm = norm(each) if options.normed_heads else None

    def forward(
        self, hidden: Tensor, place: AttentionContext, memory: KVCache | None, number: int, wanted: Tensor | None = None
    ) -> Tensor:
        """States above; only of the ``wanted`` ones of ``hidden``, where that is said."""
        seen = self._attention(self.before(hidden), place, memory, number)
        if wanted is not None:
            seen, hidden = seen.reshape(-1, seen.shape[-1])[wanted], hidden.reshape(-1, hidden.shape[-1])[wanted]
        seen = self.out(seen)
        hidden = hidden + (seen if self.behind_attention is None else self.behind_attention(seen))
        gate, up = self.gate_up(self.between(hidden)).chunk(2, -1)
        made = self.down(self.activation(gate) * up)
        above: Tensor = hidden + (made if self.behind_mlp is None else self.behind_mlp(made))
        return above

    def _head_scales(self) -> Tensor:
        """What normed queries and keys are multiplied by, ``(heads + pairs, 1, each)``."""
        if self.head_scales is not None:
            return self.head_scales
        assert self.query_norm is not None
        assert self.key_norm is not None
        each = self.options.head_width
        scales = (
            self.query_norm.scale.expand(self.options.heads, each),
            self.key_norm.scale.expand(self.options.pairs, each),
        )
        return torch.cat(scales)[:, None]

    def _attention(self, x: Tensor, place: AttentionContext, memory: KVCache | None, number: int) -> Tensor:
        options = self.options
        heads, pairs = options.heads, options.pairs
        given = self.qkv(x)
        if place.real is not None:
            given = _laid(given, place.real, *place.positions.shape)
        rows, tokens, _ = given.shape
        given = given.view(rows, tokens, heads + 2 * pairs, options.head_width).transpose(1, 2)
        both, value = torch.split(given, [heads + pairs, pairs], 1)  # queries and keys go the same way, side by side
        if self.query_norm is not None and self.key_norm is not None:
            normed = F.rms_norm(both.float(), (options.head_width,), None, options.epsilon)
            both = (normed * self._head_scales()).to(x.dtype)
        both = _turned(both, *place.angles(self.theta, options.head_width, x.dtype))
        query, key = torch.split(both, [heads, pairs], 1)
        if memory is not None:
            key, value = memory.add(number, key, value)
        seen = _attend(query, key, value, place.seen(self.window), options.scale)
        seen = seen.transpose(1, 2)
        return seen.reshape(rows, tokens, -1) if place.real is None else seen.flatten(2).flatten(0, 1)[place.real]


def _laid(states: Tensor, real: Tensor, rows: int, tokens: int) -> Tensor:
    """States of tokens that are no padding, ``(n_real, width)``, where they belong: ``(rows, tokens, width)``."""
    laid = states.new_zeros((rows * tokens, states.shape[-1]))
    laid[real] = states
    return laid.view(rows, tokens, -1)


def _turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions: ``(rows, heads, tokens, each)``, angles ``(rows, 1, tokens, each)``."""
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat((-second, first), -1) * sine


def _attend(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, scale: float) -> Tensor:
    """Attention; ``seen`` is true where a query may look, ``None``: everywhere (one token) or back (several)."""
    rows, heads, tokens, each = query.shape
    pairs = key.shape[1]
    if tokens == 1:  # the heads that share keys become the tokens of one head
        folded = query.reshape(rows, pairs, heads // pairs, each)
        return F.scaled_dot_product_attention(folded, key, value, attn_mask=seen, scale=scale).view(query.shape)
    if pairs != heads:
        key, value = (one.repeat_interleave(heads // pairs, 1) for one in (key, value))
    if (
        query.device.type == "cpu" and torch.is_grad_enabled()
    ):  # see ``nets/backbones/bert.py``: the fused one is slow backwards
        scores = (query * scale) @ key.transpose(2, 3)
        if seen is None:
            seen = torch.ones(tokens, key.shape[2], dtype=torch.bool, device=key.device).tril()
        return scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=seen is None, scale=scale)


class LlamaBackbone(Backbone, CausalLM):
    """Token ids -> hidden states, the last norm included, as the model without its last matrix gives them."""

    word_embedding = "words"
    bf16 = True
    is_causal = True

    def __init__(self, options: LlamaOptions) -> None:
        """Unfilled: ``read_backbone`` or ``Network.load_weights`` gives the weights."""
        super().__init__()
        self.options = options
        self.depth, self.width, self.reach = options.depth, options.width, options.positions
        self.words = _Embedding(options.vocabulary, options.width)
        self.blocks = nn.ModuleList(_Block(options, number) for number in range(options.depth))
        self.norm = _Norm(options.width, options.epsilon, options.gemma)
        self.last = None if options.tied else _Linear(options.width, options.vocabulary, bias=False)
        self._product: Product | None = None
        """With the word table, where it is the last matrix too."""

    # ------------------------------------------------------------------------------------------------------ as a
    # backbone

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``."""
        return self._embedded(batch.ids)

    def _embedded(self, ids: Tensor) -> Tensor:
        hidden: Tensor = self.words(ids)
        if self.options.gemma:
            # Gemma rounds the factor to the weights' own precision.
            hidden = hidden * torch.tensor(math.sqrt(self.width), dtype=hidden.dtype)
        return hidden

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """See ``Backbone.block``; padding stands at the end, where nobody looks."""
        place = AttentionContext.alone(hidden.shape[0], hidden.shape[1], hidden.device)
        above: Tensor = self.blocks[number](hidden, place, None, number)
        return self.norm(above) if number == self.depth - 1 and self.options.whole else above

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        found: dict[str, list[str]] = {"embeddings": [], "attention": [], "mlp": [], "norm": []}
        for name, _ in self.named_parameters():
            found[_role(name)].append(name)
        return found

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``; the last norm belongs to the top block."""
        parts = parameter.split(".")
        return int(parts[1]) if parts[0] == "blocks" else self.depth - 1 if parts[0] in ("norm", "last") else -1

    # ---------------------------------------------------------------------------------------------------- as a speaker

    def settle(self, *, steps: bool = True) -> None:
        """Put matrices into the order the processor likes best: products with few rows take a half to a fifth.

        The weights themselves stay for ``save``; they must not change after this.
        """
        for module in self.modules():
            if isinstance(module, _Linear):
                module.product = packed(module.weight, module.bias, steps=steps)
            elif isinstance(module, _Norm):
                module.settled = None
                module.settled = module.scale.detach().clone()
            elif isinstance(module, _Block) and module.query_norm is not None:
                module.head_scales = None
                module.head_scales = module._head_scales().detach()
        if self.last is None:
            self._product = packed(self.words.weight, None, steps=steps)

    def read(self, ids: Tensor, place: AttentionContext, memory: KVCache) -> Tensor:
        """See ``CausalLM.read``."""
        real, wanted = place.real, place.wanted
        hidden = self._embedded(ids if real is None else ids.flatten()[real])
        # Above the top block nobody looks at the others.
        among = wanted if wanted is None or real is None else torch.searchsorted(real, wanted)
        for number, one in enumerate(self.blocks):
            hidden = one(hidden, place, memory, number, among if number == self.depth - 1 else None)
        memory.advance(ids.shape[1])
        above: Tensor = self.norm(hidden)
        left = real if wanted is None else wanted
        return above if left is None else _laid(above, left, *ids.shape)

    def logits(self, hidden: Tensor) -> Tensor:
        """See ``CausalLM.logits``."""
        if self.last is not None:
            scores: Tensor = self.last(hidden)
            return scores
        return F.linear(hidden, self.words.weight) if self._product is None else self._product(hidden)

    def likeliest(self, hidden: Tensor) -> Tensor:
        """See ``CausalLM.likeliest``."""
        product = self._product if self.last is None else self.last.product
        return super().likeliest(hidden) if product is None else product.highest(hidden)

    def scores(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """See ``CausalLM.scores``."""
        table = self.words.weight if self.last is None else self.last.weight
        return hidden.float() @ table[tokens].float().T


def _role(parameter: str) -> str:
    parts = parameter.split(".")
    if parts[0] != "blocks":
        return "norm" if parts[0] == "norm" else "embeddings"
    return {"qkv": "attention", "out": "attention", "gate_up": "mlp", "down": "mlp"}.get(parts[2], "norm")


# ----------------------------------------------------------------------------------------------- reading a Hub folder


def read_backbone(folder: Path, options: LlamaOptions) -> LlamaBackbone:
    """The backbone filled from the folder's safetensors, in the precision they are kept in.

    Raises:
        MissingError: the weights are not there as safetensors.
        InputError: a weight is missing or has another shape than the configuration says.
    """
    backbone = LlamaBackbone(options)
    given = hub_weights(folder)
    filled: dict[str, Tensor] = {}
    for name, wanted in backbone.state_dict().items():
        sources = []
        for source in _sources(name, options):
            found = given.get(source, given.get(source.removeprefix("model.")))
            if found is None:
                raise InputError(f"{folder}: the weights have no {source!r}; is config.json of the same model?")
            sources.append(found)
        weight = torch.cat(sources)
        if weight.shape != wanted.shape:
            raise InputError(
                f"{folder}: {name} is {tuple(weight.shape)}, the configuration says {tuple(wanted.shape)}; "
                "config.json and model.safetensors are not of the same model."
            )
        filled[name] = weight
    backbone.load_state_dict(filled, assign=True)
    return backbone


_BLOCK = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "out": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
    "before": ("input_layernorm",),
    "between": ("post_attention_layernorm",),
    "query_norm": ("self_attn.q_norm",),
    "key_norm": ("self_attn.k_norm",),
}
_GEMMA_BLOCK = _BLOCK | {
    "behind_attention": ("post_attention_layernorm",),
    "between": ("pre_feedforward_layernorm",),
    "behind_mlp": ("post_feedforward_layernorm",),
}


def _sources(name: str, options: LlamaOptions) -> Iterator[str]:
    """Names in the checkpoint whose weights, stacked, make up ours."""
    parts = name.split(".")
    if parts[0] != "blocks":
        yield {"words": "model.embed_tokens", "norm": "model.norm", "last": "lm_head"}[parts[0]] + f".{parts[1]}"
        return
    for source in (_GEMMA_BLOCK if options.gemma else _BLOCK)[parts[2]]:
        yield f"model.layers.{parts[1]}.{source}.{parts[3]}"


def backbone_from(options: Mapping[str, Any]) -> LlamaBackbone:
    """An unfilled backbone from ``NetworkConfig.options``, for ``Network.load_weights`` to fill."""
    given = {**options, "windows": tuple(options["windows"]), "thetas": tuple(options["thetas"])}
    return LlamaBackbone(LlamaOptions(**given))


def lower_part(backbone: LlamaBackbone, depth: int) -> LlamaBackbone:
    """The lowest ``depth`` blocks alone; their states come out as they are, without the last norm."""
    options = backbone.options
    cut = replace(options, depth=depth, windows=options.windows[:depth], thetas=options.thetas[:depth], whole=False)
    part = LlamaBackbone(cut)
    given = backbone.state_dict()
    part.load_state_dict({name: given[name] for name in part.state_dict()}, assign=True)
    return part


def shape_options(backbone: LlamaBackbone) -> dict[str, Any]:
    """What ``backbone_from`` needs."""
    return asdict(backbone.options)
