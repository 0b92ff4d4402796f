"""Recurrent backbone: an RNN, LSTM or GRU, in one or both directions, over word embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.tokenization.batching import Batch

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RnnBackbone(EmbeddingBackbone):
    """One recurrent layer over the words, unidirectional or bidirectional."""

    depth = 1

    def __init__(
        self,
        vocabulary: int,
        width: int,
        cell: str,
        state: int,
        *,
        both_ways: bool,
        dropout: float,
        hidden_words: float,
    ) -> None:
        """Initialise a ``cell`` of ``CELLS`` with a recurrent state of width ``state`` per direction."""
        super().__init__(vocabulary, width, dropout=dropout, hidden_words=hidden_words)
        self.width = state * (2 if both_ways else 1)
        self.forth = recurrent_cell(cell, width, state)
        self.back = recurrent_cell(cell, width, state) if both_ways else None

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """See ``Backbone.block``."""
        if self.back is not None:
            return bidirectional(self.forth, self.back, hidden, mask)
        forth: Tensor = self.forth(hidden)[0]
        return forth

    def continue_from(self, hidden: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """``block`` continued from a recurrent state: outputs, and the state after them; unidirectional only."""
        outputs, state = self.forth(hidden, state)
        return outputs, state

    def final_state(self, batch: Batch) -> tuple[Tensor, Any]:
        """The output at the last token of each row, ``(n_rows, width)``, and the state there; unidirectional only."""
        lengths = batch.mask.sum(1).cpu()
        packed = pack_padded_sequence(self.embed(batch), lengths, batch_first=True, enforce_sorted=False)
        _, state = self.forth(packed)
        return (state[0] if isinstance(state, tuple) else state)[0], state


def bidirectional(forth: nn.RNNBase, back: nn.RNNBase, hidden: Tensor, mask: Tensor) -> Tensor:
    """Outputs of a forward and a backward recurrent layer over ``(n_rows, n_tokens, width)``, concatenated.

    The backward layer runs over texts reversed within their own length, not over packed sequences: torch has a fast
    LSTM for plain batches only.
    """
    order = _reversal(mask).unsqueeze(-1)
    reverse = back(hidden.gather(1, order.expand_as(hidden)))[0]
    return torch.cat([forth(hidden)[0], reverse.gather(1, order.expand_as(reverse))], dim=-1)


def recurrent_cell(kind: str, width: int, state: int) -> nn.RNNBase:
    """A recurrent layer of ``CELLS`` with orthogonal recurrent weights; batch first."""
    cell: nn.RNNBase = CELLS[kind](width, state, batch_first=True)
    for name, weight in cell.named_parameters():
        if name.startswith("weight_hh"):  # gate by gate: gradients neither vanish nor explode at the start
            for gate in torch.split(weight.detach(), state):
                nn.init.orthogonal_(gate)
        elif name.startswith("bias"):
            nn.init.zeros_(weight)
            if kind == "lstm":  # both biases add up: the forget gate starts open (Jozefowicz et al. 2015)
                nn.init.constant_(weight[state : 2 * state], 0.5)
    return cell


def _reversal(mask: Tensor) -> Tensor:
    """Index that reverses every text within its length, ``(n, t)``; its own inverse."""
    positions = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    return torch.where(mask.bool(), mask.sum(1, keepdim=True) - 1 - positions, positions)
