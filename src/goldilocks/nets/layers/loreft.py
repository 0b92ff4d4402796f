"""LoReFT: low-rank edits of hidden states between frozen blocks.

h + Rᵀ(W h + b - R h), where the rows of R are orthonormal: inside a subspace of ``rank`` dimensions the state is
replaced by what a linear layer computes from it.

Source: Wu et al. 2024, "ReFT: Representation Finetuning for Language Models".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class LoReft(nn.Module):
    """The edit of one layer's hidden states at the first and last tokens of each row, or at all of them."""

    def __init__(self, width: int, *, rank: int, first: int, last: int) -> None:
        """Start without an effect: W is R and b is zero.

        Args:
            width: Width of the hidden states.
            rank: Dimensions of the edited subspace, at most ``width``.
            first: Tokens at the beginning of a row that are edited.
            last: Tokens at its end that are edited; both 0: all tokens.
        """
        super().__init__()
        self.first, self.last = first, last
        basis = torch.linalg.qr(torch.randn(width, rank)).Q.T.contiguous()
        self.basis = nn.Parameter(basis.clone())
        """R before its rows are made orthonormal, ``(rank, width)``."""
        self.source = nn.Linear(width, rank)
        with torch.no_grad():
            self.source.weight.copy_(self.rotation())
            self.source.bias.zero_()

    def rotation(self) -> Tensor:
        """R, ``(rank, width)``, float32: orthonormal rows."""
        factors = torch.linalg.qr(self.basis.float().T)
        # QR leaves the sign of each direction open; this makes R continuous in ``basis``.
        rotation: Tensor = (factors.Q * factors.R.diagonal().sign()).T
        return rotation

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """``(n_rows, n_tokens, width)`` -> the same; ``mask`` is 1 at tokens, 0 at padding."""
        rotation = self.rotation().to(hidden.dtype)
        edit = F.linear(self.source(hidden) - F.linear(hidden, rotation), rotation.T)
        if self.first or self.last:
            places = mask.cumsum(1)  # from 1
            chosen = (places <= self.first) | (places > mask.sum(1, keepdim=True) - self.last)
            edit = edit * (chosen & mask.bool()).unsqueeze(-1).to(edit.dtype)
        return hidden + edit
