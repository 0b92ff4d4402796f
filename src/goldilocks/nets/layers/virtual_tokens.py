"""Virtual tokens: trained vectors before the tokens of every text, as they are or from a small prompt encoder.

Source: Lester et al. 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning"; the prompt encoder: Liu et al.
2021, "GPT Understands, Too" (P-tuning).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Encoder = Literal["none", "mlp", "lstm"]


class VirtualTokens(nn.Module):
    """Vectors ``(count, width)`` for the place before a text."""

    def __init__(self, width: int, *, count: int, encoder: Encoder = "none") -> None:
        """Start at zero; whoever adds them initialises ``table``.

        Args:
            width: Width of a vector.
            count: How many.
            encoder: What computes the vectors from the table: nothing, an MLP, or a bidirectional LSTM and an MLP.
        """
        super().__init__()
        self.table = nn.Parameter(torch.zeros(count, width))
        lstm = encoder == "lstm"
        self.lstm = nn.LSTM(width, width, num_layers=2, bidirectional=True, batch_first=True) if lstm else None
        inner = 2 * width if lstm else width  # the LSTM gives both directions
        layers: list[nn.Module] = [nn.Linear(inner, inner), nn.ReLU()]
        if not lstm:
            layers += [nn.Linear(inner, inner), nn.ReLU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(inner, width)) if encoder != "none" else None

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return len(self.table)

    def forward(self) -> Tensor:
        """The vectors, ``(count, width)``."""
        vectors: Tensor = self.table
        if self.lstm is not None:
            vectors = self.lstm(vectors[None])[0][0]
        return vectors if self.mlp is None else self.mlp(vectors)

    def folded(self) -> VirtualTokens:
        """The same vectors without an encoder."""
        plain = VirtualTokens(self.table.shape[1], count=self.count)
        plain.table.data = self().detach().clone()
        return plain

    def before(self, hidden: Tensor) -> Tensor:
        """``(n_rows, n_tokens, width)`` -> ``(n_rows, count + n_tokens, width)``."""
        vectors = self().to(hidden.dtype)
        return torch.cat((vectors.expand(len(hidden), -1, -1), hidden), 1)

    def before_mask(self, mask: Tensor) -> Tensor:
        """The mask of what ``before`` gives."""
        return torch.cat((mask.new_ones(len(mask), self.count), mask), 1)
