"""Beam search: the answer of highest probability per token, as far as a few beginnings kept side by side find it.

One beam is greedy search. A source's answer does not depend on what else is in the batch, but for rounding: limits hold
source by source, and a source that is done leaves the batch.

Source: Graves 2012; scores are divided by ``length ** penalty`` (Wu et al. 2016 with their β = 0 use a close relative).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqDecoder

Written = tuple[list[int], float]
"""Tokens without the start and end, and the mean log probability of a token (the end among them)."""


@dataclass(frozen=True, slots=True)
class Search:
    """How an answer is looked for."""

    start: int
    """Token that stands before every answer."""
    end: int
    never: tuple[int, ...] = ()
    """Tokens that are not written."""
    beams: int = 5
    penalty: float = 1.0
    """0: the most probable answer (short ones are); 1: by the mean over its tokens; above: long answers."""


def write(
    decoder: Seq2SeqDecoder, states: Tensor, mask: Tensor, limits: Sequence[int], search: Search
) -> list[Written]:
    """The answer to each source.

    Args:
        decoder: What scores the next token.
        states: What the backbone gave, ``(n, tokens, width)``.
        mask: 1 at tokens, 0 at padding.
        limits: Most tokens of each answer, at least 1. An answer that reaches its limit is cut.
        search: How.
    """
    beams, device = search.beams, states.device
    best: list[Written] = [([], float("-inf"))] * len(limits)
    best_scores = torch.full((len(limits),), float("-inf"), device=device)
    counts = torch.zeros(len(limits), device=device)  # answers found
    memory = decoder.begin(states, mask, beams)
    going = torch.arange(len(limits), device=device)  # which source each row of the tables below is of
    most = torch.tensor(limits, device=device)
    latest = torch.full((len(limits), beams), search.start, device=device)
    tokens = latest.new_zeros((len(limits), beams, 0))
    sums = torch.full((len(limits), beams), float("-inf"), device=device)
    sums[:, 0] = 0.0  # all beams begin alike: only one of them counts
    while len(going):
        length = tokens.shape[2] + 1
        sums, beam, latest, ended = _best(decoder.step(latest, memory), sums, search)
        rows = torch.arange(len(going), device=device).unsqueeze(1)
        tokens = torch.cat([tokens[rows, beam], latest.unsqueeze(2)], dim=2)
        means = sums / length**search.penalty
        # An ended beginning is an answer if it stands among the best; at its limit so is one that was cut.
        at_limit = most[going] <= length
        answers = ended & (torch.arange(2 * beams, device=device) < beams) | at_limit.unsqueeze(1)
        found, place = means.masked_fill(~answers, float("-inf")).max(1)
        better = found > best_scores[going]
        for row in better.nonzero().flatten().tolist():
            source, chosen = int(going[row]), int(place[row])
            ids = tokens[row, chosen].tolist()
            best[source] = ids[:-1] if ended[row, chosen] else ids, float(sums[row, chosen]) / length
        best_scores[going] = torch.maximum(best_scores[going], found)
        counts[going] += answers.sum(1)
        # Those that go on: the best that have not ended. As many answers as beams are looked at, and more while a
        # beginning has a better score than the best of them.
        sums, order = sums.masked_fill(ended, float("-inf")).topk(beams, dim=1)
        latest, tokens, beam = latest[rows, order], tokens[rows, order], beam[rows, order]
        behind = sums[:, 0] / length**search.penalty <= best_scores[going]
        done = at_limit | behind & (counts[going] >= beams)
        decoder.reorder(memory, (rows * beams + beam).flatten())
        if bool(done.any()):
            left = (~done).nonzero().flatten()
            decoder.keep(memory, left)
            going, sums, latest, tokens = going[left], sums[left], latest[left], tokens[left]
    return best


def _best(scores: Tensor, sums: Tensor, search: Search) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The best twice as many ways on as there are beams: log probability, beam, token, whether it ends; each (n, 2b).

    Twice as many, so that enough are left to go on when every other one ends.
    """
    beams, vocabulary = scores.shape[1:]
    logs = scores.float().log_softmax(-1)
    if search.never:
        logs[:, :, list(search.never)] = float("-inf")
    every = (sums.unsqueeze(2) + logs).flatten(1)
    found, place = every.topk(2 * beams, dim=1)
    beam, token = place // vocabulary, place % vocabulary
    return found, beam, token, token == search.end
