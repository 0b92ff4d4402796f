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
    """One layer that reads the words one after another, in one direction or both."""

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
        """Draw the weights: a ``cell`` of ``CELLS`` with ``state`` numbers of memory per direction."""
        super().__init__(vocabulary, width, dropout=dropout, hidden_words=hidden_words)
        self.width = state * (2 if both_ways else 1)
        self.forth = recurrent_cell(cell, width, state)
        self.back = recurrent_cell(cell, width, state) if both_ways else None

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """See ``Backbone.block``."""
        if self.back is not None:
            return both_ways(self.forth, self.back, hidden, mask)
        forth: Tensor = self.forth(hidden)[0]
        return forth

    def onward(self, hidden: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """``block`` one way, going on from ``memory``: the states, and the memory behind them."""
        states, memory = self.forth(hidden, memory)
        return states, memory

    def behind(self, batch: Batch) -> tuple[Tensor, Any]:
        """The state behind the last token of each row, ``(n_rows, width)``, and the memory there; one way only."""
        lengths = batch.mask.sum(1).cpu()
        packed = pack_padded_sequence(self.embed(batch), lengths, batch_first=True, enforce_sorted=False)
        _, memory = self.forth(packed)
        return (memory[0] if isinstance(memory, tuple) else memory)[0], memory


def both_ways(forth: nn.RNNBase, back: nn.RNNBase, hidden: Tensor, mask: Tensor) -> Tensor:
    """What two layers of equal width say of ``(n_rows, n_tokens, width)``, read from either end, side by side.

    The way back runs over texts that are reversed within their own length, not over packed sequences: torch has a fast
    LSTM for plain batches only.
    """
    turn = _reversal(mask).unsqueeze(-1)
    behind = back(hidden.gather(1, turn.expand_as(hidden)))[0]
    return torch.cat([forth(hidden)[0], behind.gather(1, turn.expand_as(behind))], dim=-1)


def recurrent_cell(kind: str, width: int, state: int) -> nn.RNNBase:
    """A layer of ``CELLS`` drawn so that it learns well from the start; batches come first."""
    cell: nn.RNNBase = CELLS[kind](width, state, batch_first=True)
    for name, weight in cell.named_parameters():
        if name.startswith("weight_hh"):  # orthogonal, gate by gate: gradients neither vanish nor explode at the start
            for gate in torch.split(weight.detach(), state):
                nn.init.orthogonal_(gate)
        elif name.startswith("bias"):
            nn.init.zeros_(weight)
            if kind == "lstm":  # both biases add up: the forget gate starts open (Jozefowicz et al. 2015)
                nn.init.constant_(weight[state : 2 * state], 0.5)
    return cell


def _reversal(mask: Tensor) -> Tensor:
    """Where each token comes from when every text is turned round within its length, ``(n, t)``; its own inverse."""
    places = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    return torch.where(mask.bool(), mask.sum(1, keepdim=True) - 1 - places, places)
