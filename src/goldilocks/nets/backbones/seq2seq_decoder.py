"""What stands above a backbone in networks that write: hidden states of a source and the tokens so far -> the next
token.

It is trained on whole targets at once (teacher forcing) and writes token by token, keeping what it needs of the tokens
before. While it writes, every source has the same number of beams: several beginnings of an answer that go on side by
side.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.base import Backbone


class Seq2SeqDecoder(nn.Module):
    """Base class: a subclass gives ``scores``, ``begin``, ``step``, ``reorder``, ``keep`` and ``groups``."""

    reach: int | None = None
    """Most tokens it can write; ``None``: any number."""

    def scores(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """Scores before softmax of the token after each of ``ids``.

        Args:
            states: What the backbone gave, ``(n, source tokens, width)``.
            mask: 1 at its tokens, 0 at padding, ``(n, source tokens)``.
            ids: Targets behind a start token, padded at the end, ``(n, target tokens)``.

        Returns:
            ``(n, target tokens, vocabulary)``.
        """
        raise NotImplementedError

    def loss(
        self, states: Tensor, mask: Tensor, ids: Tensor, wanted: Tensor, inside: Tensor, smoothing: float
    ) -> Tensor:
        """Mean cross entropy over the target tokens.

        Args:
            states: As for ``scores``.
            mask: As for ``scores``.
            ids: As for ``scores``.
            wanted: The next token at each place that is no padding, one after another, ``(n_wanted,)``.
            inside: Where those places are, ``(n, target tokens)``, bool.
            smoothing: Share of the target spread over the vocabulary.
        """
        scores = self.scores(states, mask, ids)[inside]
        return F.cross_entropy(scores.float(), wanted, label_smoothing=smoothing)

    def begin(self, states: Tensor, mask: Tensor, beams: int) -> Any:
        """What is remembered before the first token; ``step`` changes it in place."""
        raise NotImplementedError

    def step(self, ids: Tensor, memory: Any) -> Tensor:
        """Scores of the token after ``ids`` ``(n, beams)``, which are the latest: ``(n, beams, vocabulary)``."""
        raise NotImplementedError

    def reorder(self, memory: Any, places: Tensor) -> None:
        """Let beam ``i`` go on from what was beam ``places[i]`` of the same source; ``(n * beams,)``, numbered flat."""
        raise NotImplementedError

    def keep(self, memory: Any, sources: Tensor) -> None:
        """Go on with these sources only, ``(n_kept,)``."""
        raise NotImplementedError

    def groups(self) -> dict[str, list[str]]:
        """Role -> names of this decoder's parameters."""
        raise NotImplementedError


class Seq2SeqBackbone(Backbone):
    """A backbone that comes with a decoder of its own kind."""

    def new_decoder(self) -> Seq2SeqDecoder:
        """The decoder that goes with it."""
        raise NotImplementedError


def beams_of(places: Tensor, beams: int) -> Tensor:
    """Flat numbers of all beams of some sources."""
    return (places.unsqueeze(1) * beams + torch.arange(beams, device=places.device)).flatten()
