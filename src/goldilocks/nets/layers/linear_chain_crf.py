"""Linear-chain CRF layer, Viterbi decoding, and the transition constraints of IOB2 tags.

Source: Lafferty et al. 2001, "Conditional Random Fields"; Viterbi 1967 for the best sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from goldilocks.support.text.iob2 import spells_entities

FORBIDDEN = -1e4
"""Score of a transition that must not be taken."""


def iob2_constraints(labels: Sequence[str]) -> tuple[Tensor, Tensor] | None:
    """Transition scores that keep IOB2 tag sequences well formed: I-X only after B-X or I-X. ``None``: no IOB2 tags.

    An I-X whose B-X is not among the labels is not constrained, since it could never be predicted otherwise.

    Returns:
        0 where a transition is allowed, ``FORBIDDEN`` elsewhere: ``(n_labels, n_labels)`` from row to column, and
        ``(n_labels,)`` for the first word.
    """
    if not spells_entities(labels):
        return None
    transitions, start = torch.zeros(len(labels), len(labels)), torch.zeros(len(labels))
    for column, tag in enumerate(labels):
        if tag.startswith("I-") and f"B-{tag[2:]}" in labels:
            start[column] = FORBIDDEN
            for row, before in enumerate(labels):
                if before not in (tag, f"B-{tag[2:]}"):
                    transitions[row, column] = FORBIDDEN
    return transitions, start


def viterbi(emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor) -> Tensor:
    """Viterbi decoding: the tag sequences with the highest sum of emission and transition scores.

    Args:
        emissions: Score of each tag for each word, ``(n, words, n_labels)``.
        mask: ``(n, words)``, bool: whether there is such a word.
        transitions: Score of a transition from row to column, ``(n_labels, n_labels)``.
        start: Score of each tag for the first word, ``(n_labels,)``.

    Returns:
        Indices of tags, ``(n, words)``; undefined beyond the end of a sentence.
    """
    best = emissions[:, 0] + start
    stay = torch.arange(emissions.shape[2], device=emissions.device).expand_as(best)
    backpointers = []
    for word in range(1, emissions.shape[1]):
        reached, back = (best.unsqueeze(2) + transitions).max(1)
        inside = mask[:, word, None]
        best = torch.where(inside, reached + emissions[:, word], best)
        backpointers.append(torch.where(inside, back, stay))
    path = [best.argmax(1, keepdim=True)]
    for back in reversed(backpointers):
        path.append(back.gather(1, path[-1]))
    return torch.cat(path[::-1], dim=1)


class LinearChainCrf(nn.Module):
    """Transition scores between tags, added to the emission scores that the network gives each word."""

    def __init__(self, n_labels: int) -> None:
        """All transitions score 0."""
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(n_labels, n_labels))
        self.start_transitions = nn.Parameter(torch.zeros(n_labels))

    def log_probability(self, emissions: Tensor, mask: Tensor, tags: Tensor) -> Tensor:
        """Log probability of a tag sequence.

        Args:
            emissions: ``(n, words, n_labels)``.
            mask: ``(n, words)``, bool.
            tags: ``(n, words)``, any label beyond the end.

        Returns:
            ``(n,)``.
        """
        return self._path_score(emissions, mask, tags) - self._log_partition(emissions, mask)

    def _path_score(self, emissions: Tensor, mask: Tensor, tags: Tensor) -> Tensor:
        keep = mask.to(emissions.dtype)
        words = (emissions.gather(2, tags.unsqueeze(2)).squeeze(2) * keep).sum(1)
        steps = (self.transitions[tags[:, :-1], tags[:, 1:]] * keep[:, 1:]).sum(1)
        return words + steps + self.start_transitions[tags[:, 0]] * keep[:, 0]

    def _log_partition(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """The forward algorithm."""
        forward = emissions[:, 0] + self.start_transitions
        for word in range(1, emissions.shape[1]):
            reached = torch.logsumexp(forward.unsqueeze(2) + self.transitions, dim=1) + emissions[:, word]
            forward = torch.where(mask[:, word, None], reached, forward)
        return torch.logsumexp(forward, dim=1)
