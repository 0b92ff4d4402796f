"""The backbone contract: from a batch of token ids to hidden states, and pooling over tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from goldilocks.nets.tokenization.batching import Batch

if TYPE_CHECKING:
    from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings
    from goldilocks.nets.backbones.entity_marker_embeddings import EntityMarkerEmbeddings


class Backbone(nn.Module):
    """Token ids -> hidden states. A subclass gives ``embed`` and ``block``; the blocks are numbered from 0."""

    depth: int
    """Number of blocks above the embeddings."""
    width: int
    """Width of the hidden states that come out at the top (and, for encoders, at every layer)."""
    word_embedding: str | None = None
    """Name of the ``nn.Embedding`` whose rows the ids pick; training leaves out rows whose token does not occur."""
    bf16: bool = False
    """Whether its products may run in bfloat16 where the machine does that in hardware."""
    is_causal: bool = False
    """Whether a token sees nothing of what stands behind it."""
    resumable: bool = True
    """Whether ``block`` needs nothing but the hidden states below it, so that these can be kept."""
    by_token: bool = True
    """Whether it gives a state for each token of the batch, so that those of a frozen backbone can be kept."""
    spelling: tuple[str, ...] = ()
    """Channels of ``nets/backbones/casing_embeddings`` it can be shown of words whose tokenizer hides how they are
    written."""
    mark_width: int = 0
    """Width of their vectors."""
    marks: CasingEmbeddings | EntityMarkerEmbeddings | None
    """Their tables, where there are any; set by ``__init__`` of backbones with ``spelling``."""

    def embed(self, batch: Batch) -> Tensor:
        """Hidden states ``(n_rows, n_tokens, width)`` below block 0."""
        raise NotImplementedError

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:
        """Hidden states above block ``number``. ``mask`` is 1 at tokens, 0 at padding."""
        raise NotImplementedError

    def forward(self, batch: Batch, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """Run blocks ``start`` up to (not including) ``stop``; ``hidden`` is what came out below ``start``."""
        if hidden is None:
            hidden = self.embed(batch)
        for number in range(start, self.depth if stop is None else stop):
            hidden = self.block(number, hidden, batch.mask)
        return hidden

    def groups(self) -> dict[str, list[str]]:
        """Role (embeddings, attention, mlp, norm) -> names of this backbone's parameters."""
        raise NotImplementedError

    def block_of(self, parameter: str) -> int:
        """The block a parameter of this backbone belongs to; -1: the embeddings."""
        raise NotImplementedError


def pool(hidden: Tensor, mask: Tensor, how: str) -> Tensor:
    """A float32 vector per text, ``(n, t, w)`` -> ``(n, w)``: ``mean`` or ``max`` of tokens, ``first``, ``last``."""
    if how == "last":
        return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1) - 1].float()
    hidden = hidden.float()
    if how == "first":
        return hidden[:, 0]
    keep = mask.unsqueeze(-1).to(hidden.dtype)
    if how == "max":
        return hidden.masked_fill(keep == 0, float("-inf")).amax(1).nan_to_num(neginf=0.0)
    return (hidden * keep).sum(1) / keep.sum(1).clamp(min=1e-9)
