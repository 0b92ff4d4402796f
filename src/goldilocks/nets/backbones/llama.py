"""Llama-style decoder (backbone and LM head), loaded from a Hub folder without transformers.

Llama, Mistral, Qwen 2 and 3 and Gemma 3 differ in where the norms are, in whether queries and keys are normalised, in
biases and in sliding-window layers. Query, key and value projections are one matrix, gate and up projections another.
As a ``Backbone`` the network is trained like any other (rows are padded at the end, so that causal attention never
reaches padding); as a ``CausalLM`` it continues from a KV cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.kv_cache import AttentionContext, GrowingKVCache, KVCache
from goldilocks.nets.backbones.llama_options import LlamaOptions
from goldilocks.nets.hub.weights import hub_weights
from goldilocks.nets.layers.activations import ACTIVATIONS
from goldilocks.nets.layers.key_value_prefix import KeyValuePrefix
from goldilocks.nets.layers.packed_linear import PackedLinear, pack_linear
from goldilocks.nets.layers.quantised_linear import QuantisedLinear, QuantisedMatrix
from goldilocks.nets.tokenization.batching import Batch


# Weights are loaded, not initialised: see ``nets/backbones/bert.py``.
class _Linear(nn.Linear):
    packed: PackedLinear | None = None
    """Made by ``LlamaBackbone.prepare_for_inference``."""

    def reset_parameters(self) -> None:
        """Initialise nothing."""

    def forward(self, x: Tensor) -> Tensor:
        if self.packed is None or torch.is_grad_enabled():  # packed weights have no gradient
            return F.linear(x, self.weight, self.bias)
        return self.packed(x)


class _Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        """Initialise nothing."""


class _RMSNorm(nn.Module):
    def __init__(self, width: int, epsilon: float, from_one: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.epsilon, self.from_one = epsilon, from_one
        self.frozen_scale: Tensor | None = None
        """``scale``, computed once for inference."""

    @property
    def scale(self) -> Tensor:
        """What normalised states are multiplied by, float32."""
        if self.frozen_scale is not None:
            return self.frozen_scale
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
        """``_head_scales()``, computed once for inference."""
        self.out = _Linear(heads * each, width, bias=options.out_bias)
        self.gate_up = _Linear(width, 2 * options.inner, bias=False)
        self.down = _Linear(options.inner, width, bias=False)
        self.activation = ACTIVATIONS[options.activation]
        self.prefix: KeyValuePrefix | None = None

        def norm(size: int = width) -> _RMSNorm:
            return _RMSNorm(size, options.epsilon, options.gemma)

        self.before, self.between = norm(), norm()
        self.behind_attention = norm() if options.gemma else None
        self.behind_mlp = norm() if options.gemma else None
        self.query_norm = norm(each) if options.normed_heads else None
        self.key_norm = norm(each) if options.normed_heads else None

    def forward(
        self,
        hidden: Tensor,
        context: AttentionContext,
        cache: KVCache | None,
        number: int,
        outputs: Tensor | None = None,
    ) -> Tensor:
        """Hidden states above this block; with ``outputs`` only of those rows of ``hidden``."""
        attended = self._attention(self.before(hidden), context, cache, number)
        if outputs is not None:
            attended = attended.reshape(-1, attended.shape[-1])[outputs]
            hidden = hidden.reshape(-1, hidden.shape[-1])[outputs]
        attended = self.out(attended)
        hidden = hidden + (attended if self.behind_attention is None else self.behind_attention(attended))
        gate, up = self.gate_up(self.between(hidden)).chunk(2, -1)
        mlp = self.down(self.activation(gate) * up)
        above: Tensor = hidden + (mlp if self.behind_mlp is None else self.behind_mlp(mlp))
        return above

    def _head_scales(self) -> Tensor:
        """What normalised queries and keys are multiplied by, ``(heads + pairs, 1, head_width)``."""
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

    def _attention(self, x: Tensor, context: AttentionContext, cache: KVCache | None, number: int) -> Tensor:
        options = self.options
        heads, pairs = options.heads, options.pairs
        qkv = self.qkv(x)
        if context.unpadded is not None:
            qkv = _padded_back(qkv, context.unpadded, *context.positions.shape)
        rows, tokens, _ = qkv.shape
        qkv = qkv.view(rows, tokens, heads + 2 * pairs, options.head_width).transpose(1, 2)
        both, value = torch.split(qkv, [heads + pairs, pairs], 1)  # queries and keys are rotated alike, side by side
        if self.query_norm is not None and self.key_norm is not None:
            normed = F.rms_norm(both.float(), (options.head_width,), None, options.epsilon)
            both = (normed * self._head_scales()).to(x.dtype)
        both = _rotated(both, *context.rotary_angles(self.theta, options.head_width, x.dtype))
        query, key = torch.split(both, [heads, pairs], 1)
        if cache is not None:
            key, value = cache.append(number, key, value)
        mask = context.windowed_mask(self.window)
        if self.prefix is not None:
            if mask is None:
                mask = torch.ones(tokens, key.shape[2], dtype=torch.bool, device=key.device).tril()
            key, value = self.prefix.before(key, value)
            mask = self.prefix.before_mask(mask)
        attended = _attend(query, key, value, mask, options.scale)
        attended = attended.transpose(1, 2).flatten(2)
        return attended if context.unpadded is None else attended.flatten(0, 1)[context.unpadded]


def _padded_back(states: Tensor, indices: Tensor, rows: int, tokens: int) -> Tensor:
    """States ``(n, width)`` at their flat indices in ``(rows, tokens, width)``; zeros elsewhere."""
    padded = states.new_zeros((rows * tokens, states.shape[-1]))
    padded[indices] = states
    return padded.view(rows, tokens, -1)


def _rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary position embeddings of ``(rows, heads, tokens, width)``; angles ``(rows, 1, tokens, width)``."""
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat((-second, first), -1) * sine


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """Grouped-query attention; ``mask`` is true where a query attends, ``None``: see ``AttentionContext``."""
    rows, heads, tokens, each = query.shape
    pairs = key.shape[1]
    if tokens == 1:  # the query heads that share keys become the tokens of one head
        folded = query.reshape(rows, pairs, heads // pairs, each)
        return F.scaled_dot_product_attention(folded, key, value, attn_mask=mask, scale=scale).view(query.shape)
    if pairs != heads:
        key, value = (tensor.repeat_interleave(heads // pairs, 1) for tensor in (key, value))
    # On a CPU the backward pass of fused attention is slow, see ``nets/backbones/bert.py``.
    if query.device.type == "cpu" and torch.is_grad_enabled():
        scores = (query * scale) @ key.transpose(2, 3)
        if mask is None:
            mask = torch.ones(tokens, key.shape[2], dtype=torch.bool).tril()
        return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None, scale=scale)


class _LastKeysValues(GrowingKVCache):
    """A KV cache of one row that also lists what was appended."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: list[tuple[Tensor, Tensor]] = []

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        self.layers.append((key[0], value[0]))
        return super().append(layer, key, value)


class LlamaBackbone(Backbone, CausalLM):
    """Token ids -> hidden states, the final norm included; as a ``CausalLM`` with KV cache and LM head."""

    word_embedding = "words"
    bf16 = True
    is_causal = True

    def __init__(self, options: LlamaOptions) -> None:
        """Without weights: ``read_backbone`` or ``Network.load_weights`` loads them."""
        super().__init__()
        self.options = options
        self.depth, self.width, self.max_positions = options.depth, options.width, options.positions
        self.words: nn.Embedding | QuantisedMatrix = _Embedding(options.vocabulary, options.width)
        self.blocks = nn.ModuleList(_Block(options, number) for number in range(options.depth))
        self.norm = _RMSNorm(options.width, options.epsilon, options.gemma)
        self.last: _Linear | QuantisedLinear | None = None
        if not options.tied:
            self.last = _Linear(options.width, options.vocabulary, bias=False)
        self._packed_head: PackedLinear | None = None
        """The LM head where it is tied to the word embeddings."""

    # -------------------------------------------------------------------------------------------------------- backbone

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
        """See ``Backbone.block``; padding is at the end, where causal attention does not reach it."""
        block = cast(_Block, self.blocks[number])
        first = 0 if block.prefix is None else block.prefix.count  # the prefix stands for the tokens before the text
        context = AttentionContext.uncached(hidden.shape[0], hidden.shape[1], hidden.device, first=first)
        above: Tensor = block(hidden, context, None, number)
        return self.norm(above) if number == self.depth - 1 and self.options.whole else above

    def add_prefixes(self, count: int) -> None:
        """See ``Backbone.add_prefixes``."""
        for block in cast(Iterable[_Block], self.blocks):
            block.prefix = KeyValuePrefix(self.options.pairs, self.options.head_width, count=count)

    def keys_values(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """See ``Backbone.keys_values``."""
        blocks = cast(Sequence[_Block], list(self.blocks))
        added = [block.prefix for block in blocks]
        cache = _LastKeysValues()
        for block in blocks:
            block.prefix = None
        with torch.no_grad():
            self.forward_cached(ids[None], AttentionContext.uncached(1, len(ids), ids.device), cache)
        for block, prefix in zip(blocks, added, strict=True):
            block.prefix = prefix
        return cache.layers

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        names: dict[str, list[str]] = {"embeddings": [], "attention": [], "mlp": [], "norm": []}
        for name, _ in self.named_parameters():
            names[_role(name)].append(name)
        return names

    def key_value_outputs(self, layer: str) -> slice:
        """See ``Backbone.key_value_outputs``."""
        return slice(self.options.heads * self.options.head_width, None) if layer.endswith("qkv") else slice(None)

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``; final norm and LM head belong to the top block."""
        parts = parameter.split(".")
        return int(parts[1]) if parts[0] == "blocks" else self.depth - 1 if parts[0] in ("norm", "last") else -1

    # ------------------------------------------------------------------------------------------------------- causal LM

    @property
    def device(self) -> torch.device:
        """See ``CausalLM.device``."""
        return self.norm.weight.device

    def prepare_for_inference(self, *, incremental: bool = True) -> None:
        """Pack the matrices for this processor: products with few rows take a half to a fifth of the time.

        The weights themselves stay for ``save``; they must not change after this.
        """
        for module in self.modules():
            if isinstance(module, _Linear):
                module.packed = pack_linear(module.weight, module.bias, incremental=incremental)
            elif isinstance(module, _RMSNorm):
                module.frozen_scale = None
                module.frozen_scale = module.scale.detach().clone()
            elif isinstance(module, _Block) and module.query_norm is not None:
                module.head_scales = None
                module.head_scales = module._head_scales().detach()
            elif isinstance(module, QuantisedMatrix):
                module.prepare_for_inference()
        if self.last is None and isinstance(self.words, nn.Embedding):
            self._packed_head = pack_linear(self.words.weight, None, incremental=incremental)

    def forget_packed(self) -> None:
        """Forget what ``prepare_for_inference`` computed, because weights have changed."""
        self._packed_head = None
        for module in self.modules():
            if isinstance(module, _Linear):
                module.packed = None
            elif isinstance(module, _RMSNorm):
                module.frozen_scale = None
            elif isinstance(module, _Block):
                module.head_scales = None

    def forward_cached(self, ids: Tensor, context: AttentionContext, cache: KVCache) -> Tensor:
        """See ``CausalLM.forward_cached``."""
        unpadded, outputs = context.unpadded, context.outputs
        hidden = self._embedded(ids if unpadded is None else ids.flatten()[unpadded])
        # Above the attention of the top block only the states asked for are computed.
        top = outputs if outputs is None or unpadded is None else torch.searchsorted(unpadded, outputs)
        for number, block in enumerate(self.blocks):
            hidden = block(hidden, context, cache, number, top if number == self.depth - 1 else None)
        cache.advance(ids.shape[1])
        above: Tensor = self.norm(hidden)
        computed = unpadded if outputs is None else outputs
        return above if computed is None else _padded_back(above, computed, *ids.shape)

    def logits(self, hidden: Tensor) -> Tensor:
        """See ``CausalLM.logits``."""
        if self.last is not None:
            scores: Tensor = self.last(hidden)
            return scores
        if isinstance(self.words, QuantisedMatrix):
            return self.words.product(hidden)
        return F.linear(hidden, self.words.weight) if self._packed_head is None else self._packed_head(hidden)

    def greedy(self, hidden: Tensor) -> Tensor:
        """See ``CausalLM.greedy``."""
        head = self._packed_head if self.last is None else getattr(self.last, "packed", None)
        return super().greedy(hidden) if head is None else head.argmax(hidden)

    def logits_of(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """See ``CausalLM.logits_of``."""
        table = self.words if self.last is None else self.last
        rows = table.rows(tokens, torch.float32) if isinstance(table, QuantisedMatrix) else table.weight[tokens]
        return hidden.float() @ rows.float().T


def _role(parameter: str) -> str:
    parts = parameter.split(".")
    if parts[0] != "blocks":
        return "norm" if parts[0] == "norm" else "embeddings"
    return {"qkv": "attention", "out": "attention", "gate_up": "mlp", "down": "mlp"}.get(parts[2], "norm")


# ---------------------------------------------------------------------------------------------- loading a Hub folder


def read_backbone(folder: Path, options: LlamaOptions) -> LlamaBackbone:
    """The backbone with the folder's safetensors weights, in their own precision.

    Raises:
        MissingError: the weights are not there as safetensors.
        InputError: a weight is missing or has another shape than the configuration says.
    """
    backbone = LlamaBackbone(options)
    checkpoint = hub_weights(folder)
    filled: dict[str, Tensor] = {}
    for name, parameter in backbone.state_dict().items():
        sources = []
        for source in checkpoint_names(name, options):
            tensor = checkpoint.get(source, checkpoint.get(source.removeprefix("model.")))
            if tensor is None:
                raise InputError(f"{folder}: the weights have no {source!r}; is config.json of the same model?")
            sources.append(tensor)
        weight = torch.cat(sources)
        if weight.shape != parameter.shape:
            raise InputError(
                f"{folder}: {name} is {tuple(weight.shape)}, the configuration says {tuple(parameter.shape)}; "
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


def checkpoint_names(name: str, options: LlamaOptions) -> Iterator[str]:
    """Names in a checkpoint whose weights, stacked, make up the one that is ``name`` here."""
    parts = name.split(".")
    if parts[0] != "blocks":
        yield {"words": "model.embed_tokens", "norm": "model.norm", "last": "lm_head"}[parts[0]] + f".{parts[1]}"
        return
    for source in (_GEMMA_BLOCK if options.gemma else _BLOCK)[parts[2]]:
        yield f"model.layers.{parts[1]}.{source}.{parts[3]}"


def backbone_from(options: Mapping[str, Any]) -> LlamaBackbone:
    """A backbone without weights from ``NetworkConfig.options``, for ``Network.load_weights`` to fill."""
    given = {**options, "windows": tuple(options["windows"]), "thetas": tuple(options["thetas"])}
    return LlamaBackbone(LlamaOptions(**given))


def lower_part(backbone: LlamaBackbone, depth: int) -> LlamaBackbone:
    """The lowest ``depth`` blocks alone, without the final norm."""
    options = backbone.options
    cut = replace(options, depth=depth, windows=options.windows[:depth], thetas=options.thetas[:depth], whole=False)
    part = LlamaBackbone(cut)
    weights = backbone.state_dict()
    part.load_state_dict({name: weights[name] for name in part.state_dict()}, assign=True)
    return part


def shape_options(backbone: LlamaBackbone) -> dict[str, Any]:
    """What ``backbone_from`` needs."""
    return asdict(backbone.options)
