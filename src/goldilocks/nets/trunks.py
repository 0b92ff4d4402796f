"""Trunks over a table of word vectors: the table alone, convolutions above it, or a recurrent net above it.

None of them lets padding through: a text has the same hidden states alone and beside a longer one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import pack_padded_sequence

from goldilocks.nets.batches import Batch
from goldilocks.nets.network import Trunk
from goldilocks.nets.words import UNKNOWN_ID

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class TableTrunk(Trunk):
    """A table of vectors, one per token, and nothing above it."""

    word_embedding = "words"
    depth = 0
    spelling = ("shapes", "prefixes", "suffixes")

    def __init__(self, vocabulary: int, width: int, *, dropout: float = 0.0, hidden_words: float = 0.0) -> None:
        """Draw a table (normal, 0.1).

        Args:
            vocabulary: Tokens in the table.
            width: Width of a vector.
            dropout: Share of the vectors' numbers set to 0 in training.
            hidden_words: Share of the tokens replaced by the unknown word in training, so that no answer hangs on one
                word and the unknown word gets a vector of use.
        """
        super().__init__()
        self.width = width
        self.words = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.words.weight, std=0.1)
        self.dropout = nn.Dropout(dropout)
        self.hidden_words = hidden_words
        self.mark_width, self.marks = width, None

    def embed(self, batch: Batch) -> Tensor:
        """See ``Trunk.embed``."""
        ids = batch.ids
        if self.training and self.hidden_words:
            ids = ids.masked_fill(torch.rand(ids.shape, device=ids.device) < self.hidden_words, UNKNOWN_ID)
        vectors = self.words(ids)
        if self.marks is not None:
            vectors = self.marks(vectors, batch.channels)
        read: Tensor = self.dropout(vectors)
        return read

    def groups(self) -> dict[str, list[str]]:
        """See ``Trunk.groups``."""
        names = [name for name, _ in self.named_parameters()]
        above = [name for name in names if self.block_of(name) >= 0]
        return {"embeddings": [name for name in names if name not in above]} | ({"mlp": above} if above else {})

    def block_of(self, parameter: str) -> int:
        """See ``Trunk.block_of``."""
        return -1 if parameter.startswith(("words.", "marks.")) else 0


class ConvolutionTrunk(TableTrunk):
    """One layer of filters of several widths over the words, side by side (Kim 2014).

    A filter sees zeros beyond both ends of a text, so a text shorter than the filter works, and what stands beyond the
    end of a shorter text in a batch is the same zeros.
    """

    depth = 1
    bf16 = True

    def __init__(
        self, vocabulary: int, width: int, filters: int, spans: list[int], *, dropout: float, hidden_words: float
    ) -> None:
        """Draw the weights: ``filters`` for each of ``spans`` (words a filter sees)."""
        super().__init__(vocabulary, width, dropout=dropout, hidden_words=hidden_words)
        self.width = filters * len(spans)
        self.spans = spans
        self.filters = nn.ModuleList(nn.Linear(span * width, filters) for span in spans)

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """See ``Trunk.block``."""
        hidden = hidden * mask.unsqueeze(-1).to(hidden.dtype)
        before, after = (max(self.spans) - 1) // 2, max(self.spans) // 2
        # Windows as rows of one matrix product: on a CPU faster than a convolution over so few channels.
        windows = F.pad(hidden, (0, 0, before, after)).unfold(1, max(self.spans), 1).transpose(2, 3)
        found = []
        for span, filters in zip(self.spans, self.filters, strict=True):
            first = before - (span - 1) // 2  # every window is centred on its word
            found.append(filters(windows[:, :, first : first + span].flatten(2)))
        return F.relu(torch.cat(found, dim=-1))


class RecurrentTrunk(TableTrunk):
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
        """See ``Trunk.block``."""
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
