"""Tags of a sentence decided together: what may follow what, the best sequence, and a linear-chain CRF over the words.

Source: Lafferty et al. 2001, "Conditional Random Fields"; the best sequence by Viterbi's algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from goldilocks.support.text.iob2 import spells_entities

NEVER = -1e4
"""Added to the score of a step that must not be taken."""


def rules(labels: Sequence[str]) -> tuple[Tensor, Tensor] | None:
    """What keeps sequences of IOB2 tags well formed: I-X only behind B-X or I-X. ``None``: these are no such tags.

    An I-X whose B-X is not among the labels is left free, since it could never be given otherwise.

    Returns:
        0 where a step is allowed, ``NEVER`` elsewhere: ``(n_labels, n_labels)`` from row to column, and ``(n_labels,)``
        for the first word.
    """
    if not spells_entities(labels):
        return None
    moves, first = torch.zeros(len(labels), len(labels)), torch.zeros(len(labels))
    for column, tag in enumerate(labels):
        if tag.startswith("I-") and f"B-{tag[2:]}" in labels:
            first[column] = NEVER
            for row, before in enumerate(labels):
                if before not in (tag, f"B-{tag[2:]}"):
                    moves[row, column] = NEVER
    return moves, first


def best_paths(scores: Tensor, mask: Tensor, moves: Tensor, first: Tensor) -> Tensor:
    """The tags whose scores and steps sum up highest.

    Args:
        scores: Of each tag for each word, ``(n, words, n_labels)``.
        mask: ``(n, words)``: whether there is such a word.
        moves: Score of a step from row to column, ``(n_labels, n_labels)``.
        first: Score of each tag for the first word, ``(n_labels,)``.

    Returns:
        Numbers of tags, ``(n, words)``; what stands beyond the end of a sentence means nothing.
    """
    best = scores[:, 0] + first
    stay = torch.arange(scores.shape[2], device=scores.device).expand_as(best)
    backs = []
    for word in range(1, scores.shape[1]):
        reached, back = (best.unsqueeze(2) + moves).max(1)
        there = mask[:, word, None]
        best = torch.where(there, reached + scores[:, word], best)
        backs.append(torch.where(there, back, stay))
    path = [best.argmax(1, keepdim=True)]
    for back in reversed(backs):
        path.append(back.gather(1, path[-1]))
    return torch.cat(path[::-1], dim=1)


class LinearChainCrf(nn.Module):
    """Scores of steps between tags, beside the scores that the network gives each word."""

    def __init__(self, n_labels: int) -> None:
        """Every step is as good as any other."""
        super().__init__()
        self.moves = nn.Parameter(torch.zeros(n_labels, n_labels))
        self.first = nn.Parameter(torch.zeros(n_labels))

    def log_probability(self, scores: Tensor, mask: Tensor, tags: Tensor) -> Tensor:
        """Logarithm of the probability of a sequence of tags.

        Args:
            scores: ``(n, words, n_labels)``.
            mask: ``(n, words)``, bool.
            tags: ``(n, words)``, any label beyond the end.

        Returns:
            ``(n,)``.
        """
        return self._sum(scores, mask, tags) - self._log_norm(scores, mask)

    def _sum(self, scores: Tensor, mask: Tensor, tags: Tensor) -> Tensor:
        keep = mask.to(scores.dtype)
        words = (scores.gather(2, tags.unsqueeze(2)).squeeze(2) * keep).sum(1)
        steps = (self.moves[tags[:, :-1], tags[:, 1:]] * keep[:, 1:]).sum(1)
        return words + steps + self.first[tags[:, 0]] * keep[:, 0]

    def _log_norm(self, scores: Tensor, mask: Tensor) -> Tensor:
        ahead = scores[:, 0] + self.first
        for word in range(1, scores.shape[1]):
            reached = torch.logsumexp(ahead.unsqueeze(2) + self.moves, dim=1) + scores[:, word]
            ahead = torch.where(mask[:, word, None], reached, ahead)
        return torch.logsumexp(ahead, dim=1)
