"""Prefix tuning: trained keys and values that every token of a layer attends to, in addition to those of the text.

Source: Li & Liang 2021, "Prefix-Tuning: Optimizing Continuous Prompts for Generation". Keys and values are trained
themselves, without the MLP that the paper computes them with, as in Liu et al. 2022, "P-Tuning v2".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class KeyValuePrefix(nn.Module):
    """Keys and values of ``count`` virtual tokens in one layer."""

    def __init__(self, heads: int, head_width: int, *, count: int) -> None:
        """Start at zero; whoever adds them initialises them. ``heads``: those of keys and values."""
        super().__init__()
        self.key = nn.Parameter(torch.zeros(heads, count, head_width))
        self.value = nn.Parameter(torch.zeros(heads, count, head_width))

    @property
    def count(self) -> int:
        """How many virtual tokens there are."""
        return self.key.shape[1]

    def before(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values ``(n_rows, heads, n_tokens, head_width)`` with the virtual ones before them."""
        rows = key.shape[0]
        keys = self.key.to(key.dtype).expand(rows, -1, -1, -1)
        values = self.value.to(value.dtype).expand(rows, -1, -1, -1)
        return torch.cat((keys, key), 2), torch.cat((values, value), 2)

    def before_mask(self, allowed: Tensor) -> Tensor:
        """The mask ``(…, n_keys)``, true where a query attends, for the keys that ``before`` gives."""
        return torch.cat((allowed.new_ones(*allowed.shape[:-1], self.count), allowed), -1)
