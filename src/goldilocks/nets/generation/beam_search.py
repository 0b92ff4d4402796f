"""Beam search over an encoder-decoder: the most probable answer (length-normalised) among a few parallel hypotheses.

One beam is greedy search. A source's answer does not depend on what else is in the batch, except for rounding: limits
hold source by source, and a finished source leaves the batch.

Source: Graves 2012; scores are divided by ``length ** penalty`` (Wu et al. 2016 with their β = 0 use a close relative).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqDecoder

Hypothesis = tuple[list[int], float]
"""Tokens without start and end token, and the mean log probability of a token (the end token among them)."""


@dataclass(frozen=True, slots=True)
class BeamSearch:
    """Settings of a beam search."""

    start: int
    """Token before every answer."""
    end: int
    never: tuple[int, ...] = ()
    """Tokens that are not generated."""
    beams: int = 5
    penalty: float = 1.0
    """Exponent of the length: 0 prefers short answers; 1 ranks by the mean over tokens; above prefers long ones."""


def beam_search(
    decoder: Seq2SeqDecoder, states: Tensor, mask: Tensor, limits: Sequence[int], settings: BeamSearch
) -> list[Hypothesis]:
    """The best hypothesis for each source.

    Args:
        decoder: Scores the next token.
        states: Hidden states of the sources, ``(n, tokens, width)``.
        mask: 1 at tokens, 0 at padding.
        limits: Maximum number of tokens of each answer, at least 1. An answer that reaches its limit is cut.
        settings: Beams, length penalty, special tokens.
    """
    beams, device = settings.beams, states.device
    best: list[Hypothesis] = [([], float("-inf"))] * len(limits)
    best_scores = torch.full((len(limits),), float("-inf"), device=device)
    n_finished = torch.zeros(len(limits), device=device)
    state = decoder.start(states, mask, beams)
    active = torch.arange(len(limits), device=device)  # which source each row of the tables below belongs to
    max_tokens = torch.tensor(limits, device=device)
    latest = torch.full((len(limits), beams), settings.start, device=device)
    tokens = latest.new_zeros((len(limits), beams, 0))
    sums = torch.full((len(limits), beams), float("-inf"), device=device)
    sums[:, 0] = 0.0  # all beams start alike: only one of them counts
    while len(active):
        length = tokens.shape[2] + 1
        sums, beam, latest, ended = _expansions(decoder.step(latest, state), sums, settings)
        rows = torch.arange(len(active), device=device).unsqueeze(1)
        tokens = torch.cat([tokens[rows, beam], latest.unsqueeze(2)], dim=2)
        scores = sums / length**settings.penalty
        # An ended expansion is an answer if it is among the best ``beams``; at its limit so is one that was cut.
        at_limit = max_tokens[active] <= length
        finished = ended & (torch.arange(2 * beams, device=device) < beams) | at_limit.unsqueeze(1)
        top_scores, top = scores.masked_fill(~finished, float("-inf")).max(1)
        better = top_scores > best_scores[active]
        for row in better.nonzero().flatten().tolist():
            source, chosen = int(active[row]), int(top[row])
            ids = tokens[row, chosen].tolist()
            best[source] = ids[:-1] if ended[row, chosen] else ids, float(sums[row, chosen]) / length
        best_scores[active] = torch.maximum(best_scores[active], top_scores)
        n_finished[active] += finished.sum(1)
        # The best expansions that have not ended continue. A source is done once as many answers as beams are finished
        # and no hypothesis scores above the best of them.
        sums, order = sums.masked_fill(ended, float("-inf")).topk(beams, dim=1)
        latest, tokens, beam = latest[rows, order], tokens[rows, order], beam[rows, order]
        behind = sums[:, 0] / length**settings.penalty <= best_scores[active]
        done = at_limit | behind & (n_finished[active] >= beams)
        decoder.reorder(state, (rows * beams + beam).flatten())
        if bool(done.any()):
            unfinished = (~done).nonzero().flatten()
            decoder.select(state, unfinished)
            active, sums, latest, tokens = active[unfinished], sums[unfinished], latest[unfinished], tokens[unfinished]
    return best


def _expansions(logits: Tensor, sums: Tensor, settings: BeamSearch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Top 2×beams expansions: log probability, beam, token, whether it is the end token; ``(n, 2 * beams)`` each.

    Each beam has one expansion that ends, so at least ``beams`` of them are left to continue.
    """
    beams, vocabulary = logits.shape[1:]
    logs = logits.float().log_softmax(-1)
    if settings.never:
        logs[:, :, list(settings.never)] = float("-inf")
    top_sums, index = (sums.unsqueeze(2) + logs).flatten(1).topk(2 * beams, dim=1)
    beam, token = index // vocabulary, index % vocabulary
    return top_sums, beam, token, token == settings.end
