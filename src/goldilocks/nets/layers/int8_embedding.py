"""A table of embeddings in int8 with a scale for each row: a quarter of the memory, dequantised as it is looked up.

Symmetric absmax quantisation of each row: scale = max |weight| / 127, the largest error half a step. A row is one
token's vector, so that a token with large values costs the others no precision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_STEPS = 127


class Int8Embedding(nn.Module):
    """``nn.Embedding`` for inference, with int8 weights."""

    weight: Tensor
    scale: Tensor

    def __init__(self, rows: int, width: int) -> None:
        """A table of zeros."""
        super().__init__()
        self.num_embeddings, self.embedding_dim = rows, width
        self.register_buffer("weight", torch.zeros((rows, width), dtype=torch.int8))
        self.register_buffer("scale", torch.ones(rows))

    def forward(self, ids: Tensor) -> Tensor:
        """Ids of any shape -> float32 vectors, one dimension more."""
        return self.weight[ids].float() * self.scale[ids].unsqueeze(-1)


def quantised(table: Tensor) -> Int8Embedding:
    """The int8 form of a table ``(n_tokens, width)``."""
    embedding = Int8Embedding(*table.shape)
    scale = table.detach().float().abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / _STEPS
    embedding.weight.copy_((table.detach().float() / scale.unsqueeze(1)).round().clamp(-_STEPS, _STEPS))
    embedding.scale.copy_(scale)
    return embedding


def quantise_table(module: nn.Module, name: str) -> None:
    """Replace an ``nn.Embedding`` inside a module by its int8 form."""
    module.set_submodule(name, quantised(module.get_parameter(f"{name}.weight")))


def empty_table(module: nn.Module, name: str) -> None:
    """Replace an ``nn.Embedding`` inside a module by an int8 table of its shape, for ``load_weights`` to fill."""
    module.set_submodule(name, Int8Embedding(*module.get_parameter(f"{name}.weight").shape))
