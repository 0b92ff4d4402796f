"""Recurrent decoder with attention that can copy tokens of the source: a pointer-generator network.

    p(token) = g · softmax(logits)[token] + (1 - g) · Σ attention at the source's tokens that are this token

``g`` is computed from the recurrent state and from what it attends to. Subwords can spell any word, so there is no
extended vocabulary: a copied token is one of the vocabulary's.

Source: See et al. 2017, "Get To The Point: Summarization with Pointer-Generator Networks", without coverage; attention
as in ``attention_decoder``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.attention_decoder import AttentionDecoder, AttentionState
from goldilocks.nets.tokenization.batching import Batch

_MIN = 1e-10
"""Probability below which none is counted."""


@dataclass(slots=True)
class _State(AttentionState):
    source: Tensor
    """Token ids of the source; at padding any, since nothing attends to it, ``(n, source tokens)``."""


class PointerGenerator(AttentionDecoder):
    """An ``AttentionDecoder`` that mixes generating with copying."""

    def __init__(self, vocabulary: int, source_width: int, *, width: int, cell: str, dropout: float) -> None:
        """See ``AttentionDecoder``."""
        super().__init__(vocabulary, source_width, width=width, cell=cell, dropout=dropout)
        self.generates = nn.Linear(source_width + width, 1)

    def source_of(self, batch: Batch) -> Tensor:
        """Token ids plus 1; 0 at padding."""
        return (batch.ids + 1) * batch.mask

    def start(self, states: Tensor, mask: Tensor, beams: int) -> _State:
        """See ``Seq2SeqDecoder.start``; ``mask`` is what ``source_of`` gives."""
        plain = super().start(states, (mask > 0).long(), beams)
        return _State(plain.keys, plain.states, plain.masked, plain.cell, plain.beams, (mask - 1).clamp(min=0))

    def select(self, state: AttentionState, sources: Tensor) -> None:
        """See ``Seq2SeqDecoder.select``."""
        super().select(state, sources)
        own = cast(_State, state)
        own.source = own.source[sources]

    def logits(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """See ``Seq2SeqDecoder.logits``: here log probabilities."""
        state = self.start(states, mask, 1)
        out, _ = self._run(ids, state.cell)
        return self._mixed(out, state)

    def step(self, ids: Tensor, state: AttentionState) -> Tensor:
        """See ``Seq2SeqDecoder.step``: log probabilities."""
        out, state.cell = self._run(ids.reshape(-1, 1), state.cell)
        return self._mixed(out.view(*ids.shape, -1), cast(_State, state))

    def _mixed(self, out: Tensor, state: _State) -> Tensor:
        weights, attended = self._attention(out, state)
        generated = (self._join(out, attended) @ self.words.weight.T).float().softmax(-1)
        share = self._share(out, attended)
        places = state.source.unsqueeze(1).expand(weights.shape)
        mixed = (share * generated).scatter_add(2, places, (1 - share) * weights.float())
        return mixed.clamp(min=_MIN).log()

    def _share(self, out: Tensor, attended: Tensor) -> Tensor:
        """Probability of generating, ``(n, target tokens, 1)``, float32."""
        share: Tensor = self.generates(torch.cat([attended, out], dim=-1)).float().sigmoid()
        return share

    def loss(
        self,
        states: Tensor,
        mask: Tensor,
        ids: Tensor,
        targets: Tensor,
        is_target: Tensor,
        smoothing: float,  # noqa: ARG002
    ) -> Tensor:
        """See ``Seq2SeqDecoder.loss``; labels are not smoothed, as the copied part has no logits."""
        state = self.start(states, mask, 1)
        out, _ = self._run(ids, state.cell)
        weights, attended = self._attention(out, state)
        share = self._share(out, attended)[is_target][:, 0]
        logits = (self._join(out, attended)[is_target] @ self.words.weight.T).float()
        generated = logits.log_softmax(-1).gather(1, targets.unsqueeze(1))[:, 0].exp()
        source = state.source.unsqueeze(1).expand(weights.shape)[is_target]
        copied = (weights.float()[is_target] * (source == targets.unsqueeze(1))).sum(1)
        return -(share * generated + (1 - share) * copied).clamp(min=_MIN).log().mean()
