"""Transformer encoder-decoder (pre-norm), for training from scratch.

Layer norms are applied before each part of a block, so that deep stacks train at high learning rates (Xiong et al.
2020). Positions are sinusoidal, so there is no longest text. Encoder input, decoder input and LM head share one table
of embeddings.

Source: Vaswani et al. 2017, "Attention Is All You Need"; tied embeddings: Press and Wolf 2017.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqBackbone, Seq2SeqDecoder, beams_of
from goldilocks.nets.layers.chunked_cross_entropy import chunked_cross_entropy
from goldilocks.nets.layers.fast_dropout import Dropout
from goldilocks.nets.tokenization.batching import Batch

_KeysValues = tuple[Tensor, Tensor]
"""Keys and values, ``(rows, heads, tokens, width / heads)`` each."""


@dataclass(frozen=True, slots=True)
class TransformerOptions:
    """The numbers that fix both stacks."""

    vocabulary: int
    width: int
    depth: int
    """Encoder blocks; the decoder has as many."""
    heads: int
    inner: int
    """Width of the hidden layer of a block's MLP."""
    dropout: float


class _Attention(nn.Module):
    """Multi-head attention by plain products: for short texts the fastest on a CPU, forward and backward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = _linear(width, width)
        self.key_value = _linear(width, 2 * width, parts=2)
        self.out = _linear(width, width)

    def keys_values(self, hidden: Tensor) -> _KeysValues:
        """Keys and values of ``hidden``."""
        n, tokens, _ = hidden.shape
        key, value = self.key_value(hidden).view(n, tokens, 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return key, value

    def forward(self, hidden: Tensor, key: Tensor, value: Tensor, masked: Tensor | None) -> Tensor:
        """Attention from ``hidden``; ``masked`` is True where attention is masked out."""
        n, tokens, width = hidden.shape
        query = self.query(hidden).view(n, tokens, self.heads, -1).transpose(1, 2)
        scores = (query * query.shape[3] ** -0.5) @ key.transpose(2, 3)
        if masked is not None:
            scores = scores.masked_fill(masked, float("-inf"))
        attended = scores.softmax(-1) @ value
        above: Tensor = self.out(attended.transpose(1, 2).reshape(n, tokens, width))
        return above


class _MLP(nn.Module):
    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.up = _linear(options.width, options.inner)
        self.down = _linear(options.inner, options.width)

    def forward(self, hidden: Tensor) -> Tensor:
        above: Tensor = self.down(F.relu(self.up(hidden)))
        return above


class _EncoderBlock(nn.Module):
    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(options.width)
        self.attention = _Attention(options.width, options.heads)
        self.norm = nn.LayerNorm(options.width)
        self.perceptron = _MLP(options)
        self.dropout = Dropout(options.dropout)

    def forward(self, hidden: Tensor, masked: Tensor | None) -> Tensor:
        normed = self.attention_norm(hidden)
        hidden = hidden + self.dropout(self.attention(normed, *self.attention.keys_values(normed), masked))
        above: Tensor = hidden + self.dropout(self.perceptron(self.norm(hidden)))
        return above


class _DecoderBlock(nn.Module):
    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.own_norm = nn.LayerNorm(options.width)
        self.own = _Attention(options.width, options.heads)
        self.source_norm = nn.LayerNorm(options.width)
        self.source = _Attention(options.width, options.heads)
        self.norm = nn.LayerNorm(options.width)
        self.perceptron = _MLP(options)
        self.dropout = Dropout(options.dropout)

    def forward(
        self, hidden: Tensor, past: _KeysValues | None, later: Tensor | None, source: _Source
    ) -> tuple[Tensor, _KeysValues]:
        """Hidden states above, and the keys and values of all tokens so far.

        Args:
            hidden: ``(rows, tokens, width)``, where a source has one row or more (beams).
            past: Cached keys and values of the tokens before.
            later: Causal mask, True where a token must not attend, ``(tokens, tokens)``.
            source: Keys and values for cross-attention.
        """
        normed = self.own_norm(hidden)
        current = self.own.keys_values(normed)
        if past is not None:
            current = torch.cat([past[0], current[0]], dim=2), torch.cat([past[1], current[1]], dim=2)
        hidden = hidden + self.dropout(self.own(normed, *current, later))
        # All beams of a source share its keys, as if they were tokens of one text: nothing is copied for them.
        queries = self.source_norm(hidden).view(len(source.key), -1, hidden.shape[-1])
        crossed = self.source(queries, source.key, source.value, source.masked).view(hidden.shape)
        hidden = hidden + self.dropout(crossed)
        return hidden + self.dropout(self.perceptron(self.norm(hidden))), current


@dataclass(slots=True)
class _Source:
    """Cross-attention keys and values of one block, ``(n, heads, source tokens, width / heads)``, and the padding."""

    key: Tensor
    value: Tensor
    masked: Tensor | None


class TransformerBackbone(Seq2SeqBackbone):
    """The encoder."""

    bf16 = True

    def __init__(self, options: TransformerOptions) -> None:
        """Initialise the weights."""
        super().__init__()
        self.options = options
        self.depth, self.width = options.depth, options.width
        self.words = nn.Embedding(options.vocabulary, options.width)
        nn.init.normal_(self.words.weight, std=options.width**-0.5)
        self.dropout = Dropout(options.dropout)
        self.blocks = nn.ModuleList(_EncoderBlock(options) for _ in range(options.depth))

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``."""
        return self.embed_at(batch.ids)

    def embed_at(self, ids: Tensor, first: int = 0) -> Tensor:
        """Embeddings of tokens at position ``first`` and after, ``(n, tokens)`` -> ``(n, tokens, width)``."""
        vectors = self.words(ids) * math.sqrt(self.width)
        embedded: Tensor = vectors + _sinusoidal(ids.shape[1], first, self.width, vectors)
        return embedded if not self.training else self.dropout(embedded)

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:
        """See ``Backbone.block``."""
        above: Tensor = self.blocks[number](hidden, _padding(mask))
        return above

    def new_decoder(self) -> TransformerDecoder:
        """See ``Seq2SeqBackbone.new_decoder``."""
        return TransformerDecoder(self)

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        return _grouped(self)

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``."""
        return int(parameter.split(".")[1]) if parameter.startswith("blocks.") else -1


@dataclass(slots=True)
class _State:
    sources: list[_Source]
    own: list[_KeysValues | None]
    """KV cache of the target, one per block, ``(n * beams, heads, tokens, width / heads)``; ``None`` at first."""
    beams: int
    length: int = 0
    """Target tokens so far."""


class TransformerDecoder(Seq2SeqDecoder):
    """The decoder with its LM head, which is tied to the encoder's embeddings."""

    def __init__(self, backbone: TransformerBackbone) -> None:
        """Initialise the weights."""
        super().__init__()
        options = backbone.options
        # In a list torch does not count the backbone's weights as this module's too; a deep copy of both keeps the tie.
        self._backbone = [backbone]
        self.source_norm = nn.LayerNorm(options.width)
        self.blocks = nn.ModuleList(_DecoderBlock(options) for _ in range(options.depth))
        self.norm = nn.LayerNorm(options.width)

    def logits(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """See ``Seq2SeqDecoder.logits``."""
        return self._hidden(states, mask, ids) @ self._table.T

    def loss(
        self, states: Tensor, mask: Tensor, ids: Tensor, targets: Tensor, is_target: Tensor, smoothing: float
    ) -> Tensor:
        """See ``Seq2SeqDecoder.loss``."""
        return chunked_cross_entropy(self._hidden(states, mask, ids)[is_target], self._table, targets, smoothing)

    @property
    def _table(self) -> Tensor:
        return self._backbone[0].words.weight

    def _hidden(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        tokens = ids.shape[1]
        hidden = self._backbone[0].embed_at(ids)
        later = torch.ones((tokens, tokens), dtype=torch.bool, device=ids.device).triu(1) if tokens > 1 else None
        for block, source in zip(self.blocks, self._sources(states, mask), strict=True):
            hidden, _ = block(hidden, None, later, source)
        normed: Tensor = self.norm(hidden)
        return normed

    def _sources(self, states: Tensor, mask: Tensor) -> list[_Source]:
        normed, masked = self.source_norm(states), _padding(mask)
        blocks = cast(Iterable[_DecoderBlock], self.blocks)
        return [_Source(*block.source.keys_values(normed), masked) for block in blocks]

    def start(self, states: Tensor, mask: Tensor, beams: int) -> _State:
        """See ``Seq2SeqDecoder.start``."""
        return _State(self._sources(states, mask), [None] * len(self.blocks), beams)

    def step(self, ids: Tensor, state: _State) -> Tensor:
        """See ``Seq2SeqDecoder.step``."""
        hidden = self._backbone[0].embed_at(ids.reshape(-1, 1), state.length)
        for number, (block, source) in enumerate(zip(self.blocks, state.sources, strict=True)):
            hidden, state.own[number] = block(hidden, state.own[number], None, source)
        state.length += 1
        logits: Tensor = self.norm(hidden) @ self._table.T
        return logits.view(*ids.shape, -1)

    def reorder(self, state: _State, origins: Tensor) -> None:
        """See ``Seq2SeqDecoder.reorder``."""
        state.own = [None if cached is None else (cached[0][origins], cached[1][origins]) for cached in state.own]

    def select(self, state: _State, sources: Tensor) -> None:
        """See ``Seq2SeqDecoder.select``."""
        self.reorder(state, beams_of(sources, state.beams))
        for source in state.sources:
            source.key, source.value = source.key[sources], source.value[sources]
            source.masked = None if source.masked is None else source.masked[sources]

    def groups(self) -> dict[str, list[str]]:
        """See ``Seq2SeqDecoder.groups``."""
        return _grouped(self)


def _linear(inputs: int, outputs: int, *, parts: int = 1) -> nn.Linear:
    """A linear layer (Xavier, each of its ``parts`` separately; zero bias)."""
    layer = nn.Linear(inputs, outputs)
    for part in layer.weight.detach().chunk(parts):
        nn.init.xavier_uniform_(part)
    nn.init.zeros_(layer.bias)
    return layer


def _padding(mask: Tensor) -> Tensor | None:
    """True at padding, ``(n, 1, 1, tokens)``; ``None`` where there is none."""
    return None if bool(mask.all()) else (mask == 0)[:, None, None, :]


def _sinusoidal(tokens: int, first: int, width: int, like: Tensor) -> Tensor:
    """Sinusoidal position embeddings, ``(tokens, width)``: sines, then cosines."""
    positions = torch.arange(first, first + tokens, device=like.device, dtype=torch.float32).unsqueeze(1)
    rates = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(10_000.0) / width))
    return torch.cat([(positions * rates).sin(), (positions * rates).cos()], dim=1).to(like.dtype)


def _grouped(module: nn.Module) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, _ in module.named_parameters():
        names.setdefault(_role(name), []).append(name)
    return names


def _role(name: str) -> str:
    if "norm" in name:
        return "norm"
    if "perceptron" in name:
        return "mlp"
    return "attention" if name.startswith("blocks.") else "embeddings"
