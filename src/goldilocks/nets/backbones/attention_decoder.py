"""Recurrent decoder with attention over the source, above any backbone.

Each token is predicted from the recurrent state and from a weighted mean of the source's hidden states. The recurrent
layer runs over the whole target before attention (no input feeding), so that training is one call of a fast kernel
instead of one small step per token.

Source: Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation" (global attention,
"general" scores, without input feeding).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.base import pool
from goldilocks.nets.backbones.rnn import recurrent_cell
from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqDecoder, beams_of
from goldilocks.nets.layers.chunked_cross_entropy import chunked_cross_entropy
from goldilocks.nets.layers.fast_dropout import Dropout


@dataclass(slots=True)
class AttentionState:
    """The source, and the recurrent states of the beams."""

    keys: Tensor
    states: Tensor
    masked: Tensor
    """True at padding, ``(n, 1, source tokens)``."""
    cell: tuple[Tensor, ...]
    """The recurrent state, ``(1, n * beams, width)`` each."""
    beams: int


class AttentionDecoder(Seq2SeqDecoder):
    """Word embeddings, a recurrent cell, attention, and an LM head tied to the embeddings."""

    def __init__(self, vocabulary: int, source_width: int, *, width: int, cell: str, dropout: float) -> None:
        """Initialise the weights.

        Args:
            vocabulary: Tokens it may generate.
            source_width: Width of the backbone's states.
            width: Width of word embeddings and recurrent state.
            cell: ``rnn``, ``gru`` or ``lstm``.
            dropout: Rate for word embeddings and for the input of the LM head.
        """
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.words.weight, std=width**-0.5)
        self.kind = cell
        self.first = nn.Linear(source_width, width)
        self.cell = recurrent_cell(cell, width, width)
        self.key = nn.Linear(source_width, width, bias=False)
        self.join = nn.Linear(source_width + width, width)
        self.dropout = Dropout(dropout)

    def logits(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """See ``Seq2SeqDecoder.logits``."""
        return self._hidden(states, mask, ids) @ self.words.weight.T

    def loss(
        self, states: Tensor, mask: Tensor, ids: Tensor, targets: Tensor, is_target: Tensor, smoothing: float
    ) -> Tensor:
        """See ``Seq2SeqDecoder.loss``."""
        hidden = self._hidden(states, mask, ids)[is_target]
        return chunked_cross_entropy(hidden, self.words.weight, targets, smoothing)

    def _hidden(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        state = self.start(states, mask, 1)
        out, _ = self._run(ids, state.cell)
        return self._attend(out, state)

    def _run(self, ids: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        # Embeddings of the length that suits the LM head are short for the cell: the tied table is scaled up here.
        vectors = self.dropout(self.words(ids) * self.words.embedding_dim**0.5)
        out, after = self.cell(vectors, before if self.kind == "lstm" else before[0])
        return out, after if isinstance(after, tuple) else (after,)

    def _attend(self, out: Tensor, state: AttentionState) -> Tensor:
        return self._join(out, self._attention(out, state)[1])

    def _attention(self, out: Tensor, state: AttentionState) -> tuple[Tensor, Tensor]:
        """Weights of the source's tokens, ``(n, target tokens, source tokens)``, and the mean of their states."""
        scores = out @ state.keys.transpose(1, 2)
        weights = scores.masked_fill(state.masked, float("-inf")).softmax(-1)
        return weights, weights @ state.states

    def _join(self, out: Tensor, attended: Tensor) -> Tensor:
        """Input of the LM head."""
        joined: Tensor = self.dropout(torch.tanh(self.join(torch.cat([attended, out], dim=-1))))
        return joined

    def start(self, states: Tensor, mask: Tensor, beams: int) -> AttentionState:
        """See ``Seq2SeqDecoder.start``."""
        first = torch.tanh(self.first(pool(states, mask, "mean").to(states.dtype)))
        first = first.repeat_interleave(beams, dim=0).unsqueeze(0)
        cell = (first, torch.zeros_like(first)) if self.kind == "lstm" else (first,)
        return AttentionState(self.key(states), states, (mask == 0).unsqueeze(1), cell, beams)

    def step(self, ids: Tensor, state: AttentionState) -> Tensor:
        """See ``Seq2SeqDecoder.step``."""
        out, state.cell = self._run(ids.reshape(-1, 1), state.cell)
        queries = out.view(*ids.shape, -1)  # the beams of a source as if they were tokens of one text
        return self._attend(queries, state) @ self.words.weight.T

    def reorder(self, state: AttentionState, origins: Tensor) -> None:
        """See ``Seq2SeqDecoder.reorder``."""
        state.cell = tuple(part[:, origins] for part in state.cell)

    def select(self, state: AttentionState, sources: Tensor) -> None:
        """See ``Seq2SeqDecoder.select``."""
        self.reorder(state, beams_of(sources, state.beams))
        state.keys, state.states, state.masked = (part[sources] for part in (state.keys, state.states, state.masked))

    def groups(self) -> dict[str, list[str]]:
        """See ``Seq2SeqDecoder.groups``: all of it is new above the backbone, so all of it is the head."""
        return {"head": [name for name, _ in self.named_parameters()]}
