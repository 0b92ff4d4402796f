"""The backbone contract: a batch of token ids -> hidden states, and pooling over tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from goldilocks.errors import InputError
from goldilocks.nets.layers.key_value_prefix import KeyValuePrefix
from goldilocks.nets.layers.virtual_tokens import VirtualTokens
from goldilocks.nets.tokenization.batching import Batch

if TYPE_CHECKING:
    from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings
    from goldilocks.nets.backbones.entity_marker_embeddings import EntityMarkerEmbeddings, EntityPositionEmbeddings


class Backbone(nn.Module):
    """Token ids -> hidden states. A subclass gives ``embed`` and ``block``; blocks are numbered from 0."""

    depth: int
    """Number of blocks above the embeddings."""
    width: int
    """Width of the hidden states of the top layer (and, in encoders, of every layer)."""
    word_embedding: str | None = None
    """Name of the ``nn.Embedding`` that the ids index; training leaves out rows whose token does not occur."""
    bf16: bool = False
    """Whether it may be trained in bfloat16 where the machine has bfloat16 products in hardware."""
    is_causal: bool = False
    """Whether attention is causal: a token depends on those before it only."""
    resumable: bool = True
    """Whether ``block`` needs the hidden states below it only, so that these can be cached."""
    by_token: bool = True
    """Whether it gives a state for each token of the batch, so that those of a frozen backbone can be cached."""
    casing_channels: tuple[str, ...] = ()
    """Channels of ``nets/backbones/casing_embeddings`` that it supports, for tokenizers that lower-case."""
    span_channels: tuple[str, ...] = ()
    """Channels that a span extractor has to give: those of ``casing_channels``, and matches with the question."""
    channel_width: int = 0
    """Width of the embeddings that ``channel_embeddings`` are added to."""
    checkpoints_activations: bool = False
    """Whether the activations of each block are recomputed in the backward pass; set by training."""
    channel_embeddings: CasingEmbeddings | EntityMarkerEmbeddings | EntityPositionEmbeddings | None
    """Embeddings of the batch's channels, added to those of the tokens; ``None``: no channel is embedded."""

    edits: nn.ModuleList | None
    """Changes of the hidden states above each block (``layers/loreft``); ``None``: none."""

    virtual_tokens: VirtualTokens | None
    """Vectors before the tokens of every text; their states are cut off above the top block. ``None``: none."""
    position_limit: int | None = None
    """Maximum number of tokens per row, virtual ones included; ``None``: virtual tokens need no positions."""

    def __init__(self) -> None:
        """Nothing is added."""
        super().__init__()
        self.edits = None
        self.virtual_tokens = None

    @property
    def virtual_width(self) -> int:
        """Width of a virtual token."""
        return self.width

    def embedded(self, ids: Tensor) -> Tensor:
        """Vectors of tokens ``(n,)`` in the place of virtual tokens, ``(n, virtual_width)``, without gradients."""
        with torch.no_grad():
            return self.embed(Batch(ids[None], torch.ones_like(ids)[None], {}, ()))[0]

    def add_prefixes(self, count: int) -> None:  # noqa: ARG002
        """Let every layer attend to ``count`` more keys and values.

        Raises:
            InputError: its attention is not run here.
        """
        raise InputError(
            f"prefix: this model's attention ({type(self).__name__}) takes no further keys and values; use `prompt`."
        )

    def prefixes(self) -> Sequence[KeyValuePrefix]:
        """What ``add_prefixes`` added, a module for each layer."""
        return [module for module in self.modules() if isinstance(module, KeyValuePrefix)]

    def keys_values(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of a text of tokens ``(n,)`` in each layer, ``(heads, n, head_width)``, without gradients."""
        raise NotImplementedError

    @property
    def stack(self) -> Backbone:
        """The backbone that runs the blocks: itself, unless it wraps another."""
        return self

    def add_edits(self, edits: Sequence[nn.Module]) -> None:
        """Change the hidden states above each block; see ``edits``.

        Raises:
            InputError: the states between its blocks cannot be changed.
        """
        self.edits = nn.ModuleList(edits)

    def add_channel_embeddings(
        self, tables: CasingEmbeddings | EntityMarkerEmbeddings | EntityPositionEmbeddings
    ) -> None:
        """Add untrained casing or entity-marker embeddings; only backbones with a ``channel_width`` use them."""
        self.channel_embeddings = tables

    def embed(self, batch: Batch) -> Tensor:
        """Hidden states ``(n_rows, n_tokens, width)`` below block 0."""
        raise NotImplementedError

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:
        """Hidden states above block ``number``. ``mask`` is 1 at tokens, 0 at padding."""
        raise NotImplementedError

    def forward(self, batch: Batch, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """Run blocks ``start`` up to (not including) ``stop``; ``hidden``: the hidden states below ``start``."""
        mask, virtual = batch.mask, self.virtual_tokens
        if hidden is None:
            hidden = self.embed(batch)
            hidden = hidden if virtual is None else virtual.before(hidden)
        mask = mask if virtual is None else virtual.before_mask(mask)
        for number in range(start, self.depth if stop is None else stop):
            if self.checkpoints_activations and torch.is_grad_enabled():
                hidden = cast(Tensor, checkpoint(self.block, number, hidden, mask, use_reentrant=False))
            else:
                hidden = self.block(number, hidden, mask)
            if self.edits is not None:
                hidden = self.edits[number](hidden, mask)
        if virtual is not None and stop in (None, self.depth):
            return hidden[:, virtual.count :]
        return hidden

    def checkpoint_activations(self) -> None:
        """Recompute activations in the backward pass instead of keeping them."""
        self.checkpoints_activations = True

    @property
    def input_embedding(self) -> nn.Module | None:
        """The module that looks up the vectors of the token ids; ``None``: there is none to name."""
        return self.get_submodule(self.word_embedding) if self.word_embedding else None

    def groups(self) -> dict[str, list[str]]:
        """Role (embeddings, attention, mlp, norm) -> names of this backbone's parameters."""
        raise NotImplementedError

    def key_value_outputs(self, layer: str) -> slice:  # noqa: ARG002
        """Outputs of an attention projection that are keys and values; all, where a backbone does not know."""
        return slice(None)

    def block_of(self, parameter: str) -> int:
        """The block a parameter of this backbone belongs to; -1: the embeddings."""
        raise NotImplementedError


def pool(hidden: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Pooling, ``(n, t, w)`` -> ``(n, w)``, float32: ``mean`` or ``max`` over tokens, ``first`` or ``last`` token."""
    if pooling == "last":
        return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1) - 1].float()
    hidden = hidden.float()
    if pooling == "first":
        return hidden[:, 0]
    keep = mask.unsqueeze(-1).to(hidden.dtype)
    if pooling == "max":
        return hidden.masked_fill(keep == 0, float("-inf")).amax(1).nan_to_num(neginf=0.0)
    return (hidden * keep).sum(1) / keep.sum(1).clamp(min=1e-9)
