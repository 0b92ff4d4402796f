"""The decoder of an encoder-decoder: source states and the target tokens so far -> logits of the next token.

It is trained on whole targets at once (teacher forcing) and generates token by token with a state of its own (KV cache,
recurrent state). During generation every source has the same number of beams, kept side by side.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.tokenization.batching import Batch


class Seq2SeqDecoder(nn.Module):
    """Base class: a subclass gives ``logits``, ``start``, ``step``, ``reorder``, ``select`` and ``groups``."""

    max_positions: int | None = None
    """Maximum number of tokens of a target; ``None``: any number."""

    def source_of(self, batch: Batch) -> Tensor:
        """What the other methods take as ``mask``: 1 at source tokens, 0 at padding, ``(n, source tokens)``.

        A decoder that copies has the source's tokens in it; it too is 0 at padding only.
        """
        return batch.mask

    def logits(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """Logits of the token after each of ``ids`` (teacher forcing).

        Args:
            states: Hidden states of the source, ``(n, source tokens, width)``.
            mask: What ``source_of`` gives.
            ids: Targets after a start token, padded at the end, ``(n, target tokens)``.

        Returns:
            ``(n, target tokens, vocabulary)``.
        """
        raise NotImplementedError

    def loss(
        self, states: Tensor, mask: Tensor, ids: Tensor, targets: Tensor, is_target: Tensor, smoothing: float
    ) -> Tensor:
        """Mean cross-entropy over the target tokens.

        Args:
            states: As for ``logits``.
            mask: As for ``logits``.
            ids: As for ``logits``.
            targets: The next token at each position that is not padding, concatenated, ``(n_targets,)``.
            is_target: Where those positions are, ``(n, target tokens)``, bool.
            smoothing: Share of the target distribution spread over the vocabulary (label smoothing).
        """
        logits = self.logits(states, mask, ids)[is_target]
        return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)

    def start(self, states: Tensor, mask: Tensor, beams: int) -> Any:
        """The decoder state before the first token; ``step`` changes it in place."""
        raise NotImplementedError

    def step(self, ids: Tensor, state: Any) -> Tensor:
        """Logits of the token after ``ids`` ``(n, beams)``, which are the latest: ``(n, beams, vocabulary)``."""
        raise NotImplementedError

    def reorder(self, state: Any, origins: Tensor) -> None:
        """Let beam ``i`` continue what was beam ``origins[i]`` of the same source; ``(n * beams,)``, flat indices."""
        raise NotImplementedError

    def select(self, state: Any, sources: Tensor) -> None:
        """Keep these sources only, ``(n_kept,)``."""
        raise NotImplementedError

    def groups(self) -> dict[str, list[str]]:
        """Role -> names of this decoder's parameters."""
        raise NotImplementedError


class Seq2SeqBackbone(Backbone):
    """An encoder that comes with the decoder of its model."""

    def new_decoder(self) -> Seq2SeqDecoder:
        """The decoder that goes with it."""
        raise NotImplementedError


def beams_of(sources: Tensor, beams: int) -> Tensor:
    """Flat indices of all beams of some sources."""
    return (sources.unsqueeze(1) * beams + torch.arange(beams, device=sources.device)).flatten()
