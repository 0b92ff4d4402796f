"""A small Transformer that reads with one stack of blocks and writes with another, for training from nothing.

Norms stand before each part of a block, so that deep stacks learn at high rates without care (Xiong et al. 2020).
Positions are sines, so there is no longest text. One table of vectors serves the words read, the words written and the
output.

Source: Vaswani et al. 2017, "Attention Is All You Need"; one table for all three: Press and Wolf 2017.
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
from goldilocks.nets.layers.chunked_cross_entropy import smoothed_loss
from goldilocks.nets.layers.fast_dropout import Dropout
from goldilocks.nets.tokenization.batching import Batch

_Seen = tuple[Tensor, Tensor]
"""Keys and values, ``(rows, heads, tokens, width / heads)`` each."""


@dataclass(frozen=True, slots=True)
class TransformerOptions:
    """The numbers that fix both stacks."""

    vocabulary: int
    width: int
    depth: int
    """Blocks that read; as many write."""
    heads: int
    inner: int
    """Width of the hidden layer of a block's perceptron."""
    dropout: float


class _Attention(nn.Module):
    """Attention of several heads, plain products: for short texts the fastest a CPU has, and the fastest to learn."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = _linear(width, width)
        self.key_value = _linear(width, 2 * width, parts=2)
        self.out = _linear(width, width)

    def seen(self, hidden: Tensor) -> _Seen:
        """Keys and values of ``hidden``."""
        n, tokens, _ = hidden.shape
        key, value = self.key_value(hidden).view(n, tokens, 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return key, value

    def forward(self, hidden: Tensor, key: Tensor, value: Tensor, hide: Tensor | None) -> Tensor:
        """What ``hidden`` finds; ``hide`` is True where it must not look."""
        n, tokens, width = hidden.shape
        query = self.query(hidden).view(n, tokens, self.heads, -1).transpose(1, 2)
        scores = (query * query.shape[3] ** -0.5) @ key.transpose(2, 3)
        if hide is not None:
            scores = scores.masked_fill(hide, float("-inf"))
        found = scores.softmax(-1) @ value
        above: Tensor = self.out(found.transpose(1, 2).reshape(n, tokens, width))
        return above


class _Perceptron(nn.Module):
    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.up = _linear(options.width, options.inner)
        self.down = _linear(options.inner, options.width)

    def forward(self, hidden: Tensor) -> Tensor:
        above: Tensor = self.down(F.relu(self.up(hidden)))
        return above


class _ReadingBlock(nn.Module):
    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(options.width)
        self.attention = _Attention(options.width, options.heads)
        self.norm = nn.LayerNorm(options.width)
        self.perceptron = _Perceptron(options)
        self.dropout = Dropout(options.dropout)

    def forward(self, hidden: Tensor, hide: Tensor | None) -> Tensor:
        normed = self.attention_norm(hidden)
        hidden = hidden + self.dropout(self.attention(normed, *self.attention.seen(normed), hide))
        above: Tensor = hidden + self.dropout(self.perceptron(self.norm(hidden)))
        return above


class _WritingBlock(nn.Module):
    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.own_norm = nn.LayerNorm(options.width)
        self.own = _Attention(options.width, options.heads)
        self.source_norm = nn.LayerNorm(options.width)
        self.source = _Attention(options.width, options.heads)
        self.norm = nn.LayerNorm(options.width)
        self.perceptron = _Perceptron(options)
        self.dropout = Dropout(options.dropout)

    def forward(
        self, hidden: Tensor, past: _Seen | None, later: Tensor | None, source: _Source
    ) -> tuple[Tensor, _Seen]:
        """What comes out above, and the keys and values of all tokens so far.

        Args:
            hidden: ``(rows, tokens, width)``, where a source has one row or more.
            past: Keys and values of the tokens before.
            later: True where a token must not look, ``(tokens, tokens)``.
            source: Keys and values of the sources.
        """
        normed = self.own_norm(hidden)
        own = self.own.seen(normed)
        if past is not None:
            own = torch.cat([past[0], own[0]], dim=2), torch.cat([past[1], own[1]], dim=2)
        hidden = hidden + self.dropout(self.own(normed, *own, later))
        # All beams of a source ask the same keys, as if they were tokens of one text: nothing is copied for them.
        asking = self.source_norm(hidden).view(len(source.key), -1, hidden.shape[-1])
        found = self.source(asking, source.key, source.value, source.hide).view(hidden.shape)
        hidden = hidden + self.dropout(found)
        return hidden + self.dropout(self.perceptron(self.norm(hidden))), own


@dataclass(slots=True)
class _Source:
    """Keys and values of the source for one block, ``(n, heads, source tokens, width / heads)``, and its padding."""

    key: Tensor
    value: Tensor
    hide: Tensor | None


class TransformerBackbone(Seq2SeqBackbone):
    """The stack that reads."""

    bf16 = True

    def __init__(self, options: TransformerOptions) -> None:
        """Draw the weights."""
        super().__init__()
        self.options = options
        self.depth, self.width = options.depth, options.width
        self.words = nn.Embedding(options.vocabulary, options.width)
        nn.init.normal_(self.words.weight, std=options.width**-0.5)
        self.dropout = Dropout(options.dropout)
        self.blocks = nn.ModuleList(_ReadingBlock(options) for _ in range(options.depth))

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``."""
        return self.placed(batch.ids)

    def placed(self, ids: Tensor, first: int = 0) -> Tensor:
        """Vectors of tokens that stand at ``first`` and after, ``(n, tokens)`` -> ``(n, tokens, width)``."""
        vectors = self.words(ids) * math.sqrt(self.width)
        places: Tensor = vectors + _sines(ids.shape[1], first, self.width, vectors)
        return places if not self.training else self.dropout(places)

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
class _Memory:
    sources: list[_Source]
    own: list[_Seen | None]
    """Of the tokens so far, block by block, ``(n * beams, heads, tokens, width / heads)`` each; none at first."""
    beams: int
    written: int = 0


class TransformerDecoder(Seq2SeqDecoder):
    """The stack that writes; its table is the backbone's."""

    def __init__(self, backbone: TransformerBackbone) -> None:
        """Draw the weights."""
        super().__init__()
        options = backbone.options
        # In a list torch does not count the backbone's weights as this module's too; a deep copy of both keeps the tie.
        self._backbone = [backbone]
        self.source_norm = nn.LayerNorm(options.width)
        self.blocks = nn.ModuleList(_WritingBlock(options) for _ in range(options.depth))
        self.norm = nn.LayerNorm(options.width)

    def scores(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """See ``Seq2SeqDecoder.scores``."""
        return self._hidden(states, mask, ids) @ self._table.T

    def loss(
        self, states: Tensor, mask: Tensor, ids: Tensor, wanted: Tensor, inside: Tensor, smoothing: float
    ) -> Tensor:
        """See ``Seq2SeqDecoder.loss``."""
        return smoothed_loss(self._hidden(states, mask, ids)[inside], self._table, wanted, smoothing)

    @property
    def _table(self) -> Tensor:
        return self._backbone[0].words.weight

    def _hidden(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        tokens = ids.shape[1]
        hidden = self._backbone[0].placed(ids)
        later = torch.ones((tokens, tokens), dtype=torch.bool, device=ids.device).triu(1) if tokens > 1 else None
        for block, source in zip(self.blocks, self._sources(states, mask), strict=True):
            hidden, _ = block(hidden, None, later, source)
        found: Tensor = self.norm(hidden)
        return found

    def _sources(self, states: Tensor, mask: Tensor) -> list[_Source]:
        normed, hide = self.source_norm(states), _padding(mask)
        blocks = cast(Iterable[_WritingBlock], self.blocks)
        return [_Source(*block.source.seen(normed), hide) for block in blocks]

    def begin(self, states: Tensor, mask: Tensor, beams: int) -> _Memory:
        """See ``Seq2SeqDecoder.begin``."""
        return _Memory(self._sources(states, mask), [None] * len(self.blocks), beams)

    def step(self, ids: Tensor, memory: _Memory) -> Tensor:
        """See ``Seq2SeqDecoder.step``."""
        hidden = self._backbone[0].placed(ids.reshape(-1, 1), memory.written)
        for number, (block, source) in enumerate(zip(self.blocks, memory.sources, strict=True)):
            hidden, memory.own[number] = block(hidden, memory.own[number], None, source)
        memory.written += 1
        found: Tensor = self.norm(hidden) @ self._table.T
        return found.view(*ids.shape, -1)

    def reorder(self, memory: _Memory, places: Tensor) -> None:
        """See ``Seq2SeqDecoder.reorder``."""
        memory.own = [None if seen is None else (seen[0][places], seen[1][places]) for seen in memory.own]

    def keep(self, memory: _Memory, sources: Tensor) -> None:
        """See ``Seq2SeqDecoder.keep``."""
        self.reorder(memory, beams_of(sources, memory.beams))
        for one in memory.sources:
            one.key, one.value = one.key[sources], one.value[sources]
            one.hide = None if one.hide is None else one.hide[sources]

    def groups(self) -> dict[str, list[str]]:
        """See ``Seq2SeqDecoder.groups``."""
        return _grouped(self)


def _linear(inputs: int, outputs: int, *, parts: int = 1) -> nn.Linear:
    """A layer drawn as if each of its ``parts`` had been drawn by itself."""
    layer = nn.Linear(inputs, outputs)
    for part in layer.weight.detach().chunk(parts):
        nn.init.xavier_uniform_(part)
    nn.init.zeros_(layer.bias)
    return layer


def _padding(mask: Tensor) -> Tensor | None:
    """True at padding, ``(n, 1, 1, tokens)``; ``None`` where there is none."""
    return None if bool(mask.all()) else (mask == 0)[:, None, None, :]


def _sines(tokens: int, first: int, width: int, like: Tensor) -> Tensor:
    """Sines and cosines of the places, ``(tokens, width)``."""
    places = torch.arange(first, first + tokens, device=like.device, dtype=torch.float32).unsqueeze(1)
    rates = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(10_000.0) / width))
    return torch.cat([(places * rates).sin(), (places * rates).cos()], dim=1).to(like.dtype)


def _grouped(module: nn.Module) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, _ in module.named_parameters():
        found.setdefault(_role(name), []).append(name)
    return found


def _role(name: str) -> str:
    if "norm" in name:
        return "norm"
    if "perceptron" in name:
        return "mlp"
    return "attention" if name.startswith("blocks.") else "embeddings"
