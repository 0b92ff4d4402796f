"""Text written by a network token by token, and how likely it finds given continuations.

Prompts that begin alike share what was read of it: the instruction and the demonstrations are read once, and every
prompt goes on from there. Prompts are taken in batches of like length; a row that is done leaves its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.generation.sampling import Draft, Sampling, Scores, Source, Written, onward, seeded
from goldilocks.nets.tokenization.batching import by_length

if TYPE_CHECKING:
    from tokenizers import Tokenizer
from goldilocks.nets.backbones.cached_context import CachedContext

_WORTH_SHARING = 32
"""Tokens that need not be read again, from which on what prompts begin with is read by itself."""
_LOGIT_ROWS = 64
"""Places whose scores over the vocabulary are held at a time (256 k tokens: 67 MB)."""


def _begun(
    speaker: CausalLM, prefix: Sequence[int] | CachedContext, prompts: Sequence[Sequence[int]]
) -> tuple[CachedContext, list[Sequence[int]]]:
    """A row that has read what all prompts begin with, and the rest of each prompt: one token at least."""
    # All begin as the first and the last in order do; a token of each is left, to go on from.
    first, last = min(prompts, key=list), max(prompts, key=list)
    most = min(map(len, prompts)) - 1
    shared = next((place for place in range(most) if first[place] != last[place]), most)
    if shared * (len(prompts) - 1) < _WORTH_SHARING:
        shared = 0
    rests = [one[shared:] for one in prompts]
    if not isinstance(prefix, CachedContext):
        return CachedContext.begin(speaker, [*prefix, *first[:shared]]), rests
    if shared:
        prefix = prefix.spread(1)  # what was handed in stays as it is
        prefix.read([first[:shared]])
    return prefix, rests


# ------------------------------------------------------------------------------------------------------------- writing


def write(
    speaker: CausalLM,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    prefix: Sequence[int] | CachedContext = (),
    ends: Sequence[int] = (),
) -> list[Written]:
    """Go on from each prompt. The same text comes out alone and in a batch, sampled ones included.

    In bfloat16 two tokens may be so close that rounding decides between them, which can differ with the batch.

    Args:
        speaker: The network.
        tokenizer: Turns tokens into text; its special tokens are left out.
        prompts: Tokens of each, at least one.
        sampling: How tokens are chosen, and when to stop.
        prefix: Tokens before each prompt, or a row that has read them; read once, as is what else all begin with.
        ends: Tokens that end a text.
    """
    found: list[Written | None] = [None] * len(prompts)
    if not prompts:
        return []
    decode = partial(tokenizer.decode, skip_special_tokens=True)
    with torch.inference_mode():
        begun, rests = _begun(speaker, prefix, prompts)
        for chosen in by_length([len(one) for one in rests], rows=sampling.rows, tokens=sampling.tokens):
            seeds = [seeded(sampling.seed, prompts[place]) for place in chosen]
            rows = [Draft(place, sampling.max_tokens, rng) for place, rng in zip(chosen, seeds, strict=True)]
            source = _Spoken(begun.spread(len(rows)), [rests[place] for place in chosen])
            for row in onward(source, rows, sampling, decode, frozenset(ends)):
                text = row.text(decode, sampling.stops)
                found[row.place] = Written(text, len(row.ids), row.ended, row.first_seconds)
    return [one for one in found if one is not None]


class _Spoken(Source):
    """Rows that a speaker goes on with."""

    def __init__(self, reading: CachedContext, prompts: Sequence[Sequence[int]]) -> None:
        self.reading = reading
        self.hidden = reading.read(prompts)

    def scores(self) -> Scores:
        found: Scores = self.reading.speaker.logits(self.hidden).float().cpu().numpy()
        return found

    def likeliest(self) -> list[int]:
        found: list[int] = self.reading.speaker.likeliest(self.hidden).tolist()
        return found

    def keep(self, rows: Sequence[int]) -> None:
        self.reading.keep(torch.tensor(rows))

    def step(self, ids: Sequence[int]) -> None:
        self.hidden = self.reading.step(torch.tensor(ids))


# ------------------------------------------------------------------------------------------------------------- judging


class Tree:
    """Continuations as a tree: what begins alike is read once, and last tokens are not read at all."""

    def __init__(self, endings: Sequence[Sequence[int]]) -> None:
        """Endings have at least one token each."""
        nodes: dict[tuple[int, ...], int] = {(): 0}
        for ending in endings:
            for length in range(1, len(ending)):
                nodes.setdefault(tuple(ending[:length]), len(nodes))
        paths = list(nodes)[1:]
        self.ids = torch.tensor([path[-1] for path in paths], dtype=torch.long)
        self.depth = torch.tensor([len(path) - 1 for path in paths], dtype=torch.long)
        self.looks = torch.zeros((len(paths), len(paths)), dtype=torch.bool)
        for path in paths:
            for length in range(1, len(path) + 1):
                self.looks[nodes[path] - 1, nodes[path[:length]] - 1] = True
        # Of every token of every ending: the node it follows (0: the prompt), the token, the ending it belongs to.
        steps = [
            (nodes[tuple(ending[:length])], ending[length], number)
            for number, ending in enumerate(endings)
            for length in range(len(ending))
        ]
        self.after, self.token, self.ending = (torch.tensor(one, dtype=torch.long) for one in zip(*steps, strict=True))
        self.lengths = torch.tensor([len(one) for one in endings])


def judge(
    speaker: CausalLM,
    prompts: Sequence[Sequence[int]],
    tree: Tree,
    *,
    prefix: Sequence[int] | CachedContext = (),
    tokens: int = 8192,
) -> Tensor:
    """Logarithm of the probability of each ending after each prompt, ``(n_prompts, n_endings)``, float32.

    Args:
        speaker: The network.
        prompts: Tokens of each, at least one.
        tree: The endings.
        prefix: Tokens before each prompt, or a row that has read them; read once, as is what else all begin with.
        tokens: Most tokens in a batch, padding and endings included.
    """
    found = torch.empty((len(prompts), len(tree.lengths)))
    if not prompts:
        return found
    with torch.inference_mode():
        begun, rests = _begun(speaker, prefix, prompts)
        for chosen in by_length([len(one) + len(tree.ids) for one in rests], rows=32, tokens=tokens):
            reading = begun.spread(len(chosen))
            states = reading.read([rests[place] for place in chosen])[:, None]
            if len(tree.ids):
                states = torch.cat((states, reading.branch(tree.ids, tree.depth, tree.looks)), 1)
            found[chosen] = _along(speaker, states, tree)
    return found


def _along(speaker: CausalLM, states: Tensor, tree: Tree) -> Tensor:
    """Sums of log-probabilities along the endings, from states ``(n_rows, 1 + n_nodes, width)``."""
    rows, nodes, width = states.shape
    flat = states.reshape(rows * nodes, width)
    parts = torch.split(flat, _LOGIT_ROWS)
    total = torch.cat([speaker.logits(part).float().logsumexp(-1) for part in parts])
    total = total.view(rows, nodes)
    wanted, column = torch.unique(tree.token, return_inverse=True)
    scores = speaker.scores(states, wanted)[:, tree.after, column]  # (n_rows, n_steps)
    sums = torch.zeros((rows, len(tree.lengths)))
    return sums.index_add(1, tree.ending, scores - total[:, tree.after])


def likelihood(
    speaker: CausalLM, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], *, tokens: int = 4096
) -> Tensor:
    """Logarithm of the probability of each target (a token at least) after its prompt, ``(n_rows,)``, float32."""
    found = torch.empty(len(prompts))
    lengths = [len(one) + len(other) for one, other in zip(prompts, targets, strict=True)]
    with torch.inference_mode():
        for chosen in by_length(lengths, rows=32, tokens=tokens):
            rows = [[*prompts[place], *targets[place]] for place in chosen]
            states = CachedContext.begin(speaker).spread(len(rows)).read_all([one[:-1] for one in rows])
            for number, place in enumerate(chosen):
                first, wanted = len(prompts[place]) - 1, torch.as_tensor(targets[place])
                own = states[number, first : first + len(wanted)]
                parts = zip(torch.split(own, _LOGIT_ROWS), torch.split(wanted, _LOGIT_ROWS), strict=True)
                sums = [speaker.logits(one).float().log_softmax(-1).gather(1, ids[:, None]).sum() for one, ids in parts]
                found[place] = torch.stack(sums).sum()
    return found
