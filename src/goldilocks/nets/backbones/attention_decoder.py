"""A recurrent decoder that looks back at the source: it stands above any backbone.

Each token is predicted from the recurrent state and from the source's hidden states weighted by how well they match it.
The recurrent net runs over the whole target before it looks back (the answer of one look is not fed into the next
state), so that training is one call of a fast kernel instead of one small step per token.

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
from goldilocks.nets.layers.chunked_cross_entropy import smoothed_loss
from goldilocks.nets.layers.fast_dropout import Dropout


@dataclass(slots=True)
class _Memory:
    keys: Tensor
    states: Tensor
    hide: Tensor
    """True at padding, ``(n, 1, source tokens)``."""
    cell: tuple[Tensor, ...]
    """The recurrent state, ``(1, n * beams, width)`` each."""
    beams: int


class AttentionDecoder(Seq2SeqDecoder):
    """Word vectors, a recurrent cell, a look back, and an output tied to the word vectors."""

    def __init__(self, vocabulary: int, source_width: int, *, width: int, cell: str, dropout: float) -> None:
        """Draw the weights.

        Args:
            vocabulary: Tokens it may write.
            source_width: Width of the backbone's states.
            width: Of word vectors and recurrent state.
            cell: ``rnn``, ``gru`` or ``lstm``.
            dropout: Of word vectors and of what the output sees.
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

    def scores(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """See ``Seq2SeqDecoder.scores``."""
        return self._hidden(states, mask, ids) @ self.words.weight.T

    def loss(
        self, states: Tensor, mask: Tensor, ids: Tensor, wanted: Tensor, inside: Tensor, smoothing: float
    ) -> Tensor:
        """See ``Seq2SeqDecoder.loss``."""
        return smoothed_loss(self._hidden(states, mask, ids)[inside], self.words.weight, wanted, smoothing)

    def _hidden(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        memory = self.begin(states, mask, 1)
        out, _ = self._run(ids, memory.cell)
        return self._looked_back(out, memory)

    def _run(self, ids: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        # Vectors as long as the output wants them are short for the cell: a table tied to both is scaled up here.
        vectors = self.dropout(self.words(ids) * self.words.embedding_dim**0.5)
        out, after = self.cell(vectors, before if self.kind == "lstm" else before[0])
        return out, after if isinstance(after, tuple) else (after,)

    def _looked_back(self, out: Tensor, memory: _Memory) -> Tensor:
        scores = out @ memory.keys.transpose(1, 2)  # (n, target tokens, source tokens)
        found = scores.masked_fill(memory.hide, float("-inf")).softmax(-1) @ memory.states
        joined: Tensor = self.dropout(torch.tanh(self.join(torch.cat([found, out], dim=-1))))
        return joined

    def begin(self, states: Tensor, mask: Tensor, beams: int) -> _Memory:
        """See ``Seq2SeqDecoder.begin``."""
        first = torch.tanh(self.first(pool(states, mask, "mean").to(states.dtype)))
        first = first.repeat_interleave(beams, dim=0).unsqueeze(0)
        cell = (first, torch.zeros_like(first)) if self.kind == "lstm" else (first,)
        return _Memory(self.key(states), states, (mask == 0).unsqueeze(1), cell, beams)

    def step(self, ids: Tensor, memory: _Memory) -> Tensor:
        """See ``Seq2SeqDecoder.step``."""
        out, memory.cell = self._run(ids.reshape(-1, 1), memory.cell)
        asking = out.view(*ids.shape, -1)  # the beams of a source as if they were tokens of one text
        return self._looked_back(asking, memory) @ self.words.weight.T

    def reorder(self, memory: _Memory, places: Tensor) -> None:
        """See ``Seq2SeqDecoder.reorder``."""
        memory.cell = tuple(one[:, places] for one in memory.cell)

    def keep(self, memory: _Memory, sources: Tensor) -> None:
        """See ``Seq2SeqDecoder.keep``."""
        self.reorder(memory, beams_of(sources, memory.beams))
        memory.keys, memory.states, memory.hide = (one[sources] for one in (memory.keys, memory.states, memory.hide))

    def groups(self) -> dict[str, list[str]]:
        """See ``Seq2SeqDecoder.groups``: it stands fresh above whatever backbone, so all of it is the head."""
        return {"head": [name for name, _ in self.named_parameters()]}
