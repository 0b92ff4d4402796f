"""Greedy and sampled generation from a causal LM, and log-likelihoods of given continuations.

Prompts that share a prefix share its KV cache: instruction and few-shot examples are encoded once, and every prompt
continues from there. Prompts are taken in batches of similar length; a finished sequence leaves its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from goldilocks.nets.backbones.cached_context import CachedContext
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.generation.sampling import (
    GeneratedText,
    Logits,
    NextTokenModel,
    Sampling,
    TokenSequence,
    generate_sequences,
    generator_for,
)
from goldilocks.nets.tokenization.batching import by_length

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_WORTH_SHARING = 32
"""Tokens saved from which on a common prefix is encoded separately."""
_LOGIT_ROWS = 64
"""Positions whose logits over the vocabulary are held at a time (256 k tokens: 67 MB)."""

Prefix = Sequence[int] | CachedContext
"""Tokens before each prompt, or a context of one row that holds them."""


def _shared_prefix(
    lm: CausalLM, prefix: Prefix, prompts: Sequence[Sequence[int]]
) -> tuple[CachedContext, list[Sequence[int]]]:
    """A context with what all prompts start with, and the rest of each prompt: one token at least."""
    # All start as the first and the last in sorted order do; a token of each is left to continue from.
    first, last = min(prompts, key=list), max(prompts, key=list)
    longest = min(map(len, prompts)) - 1
    shared = next((number for number in range(longest) if first[number] != last[number]), longest)
    if shared * (len(prompts) - 1) < _WORTH_SHARING:
        shared = 0
    rests = [prompt[shared:] for prompt in prompts]
    if not isinstance(prefix, CachedContext):
        return CachedContext.encode(lm, [*prefix, *first[:shared]]), rests
    if shared:
        prefix = prefix.repeat(1)  # the caller's context stays as it is
        prefix.extend([first[:shared]])
    return prefix, rests


# ---------------------------------------------------------------------------------------------------------- generation


def generate(
    lm: CausalLM,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    prefix: Prefix = (),
    end_ids: Sequence[int] = (),
) -> list[GeneratedText]:
    """Continue each prompt. The same text comes out alone and in a batch, sampled ones included.

    In bfloat16 two tokens may be so close that rounding decides between them, which can differ with the batch.

    Args:
        lm: The network.
        tokenizer: Turns tokens into text; its special tokens are left out.
        prompts: Tokens of each, at least one.
        sampling: How tokens are chosen, and when to stop.
        prefix: What precedes each prompt; encoded once, as is any other prefix that all prompts share.
        end_ids: Tokens that end a text.
    """
    generated: list[GeneratedText | None] = [None] * len(prompts)
    if not prompts:
        return []
    decode = partial(tokenizer.decode, skip_special_tokens=True)
    with torch.inference_mode():
        context, rests = _shared_prefix(lm, prefix, prompts)
        for batch in by_length([len(rest) for rest in rests], rows=sampling.rows, tokens=sampling.tokens):
            rngs = [generator_for(sampling.seed, prompts[number]) for number in batch]
            sequences = [
                TokenSequence(number, sampling.max_tokens, rng) for number, rng in zip(batch, rngs, strict=True)
            ]
            model = _CausalLMRows(context.repeat(len(sequences)), [rests[number] for number in batch])
            for sequence in generate_sequences(model, sequences, sampling, decode, frozenset(end_ids)):
                text = sequence.text(decode, sampling.stops)
                generated[sequence.number] = GeneratedText(
                    text, len(sequence.ids), sequence.ended, sequence.first_seconds
                )
    return [text for text in generated if text is not None]


class _CausalLMRows(NextTokenModel):
    """Rows in a causal LM's KV cache."""

    def __init__(self, context: CachedContext, prompts: Sequence[Sequence[int]]) -> None:
        self.context = context
        self.hidden = context.extend(prompts)

    def logits(self) -> Logits:
        logits: Logits = self.context.lm.logits(self.hidden).float().cpu().numpy()
        return logits

    def greedy(self) -> list[int]:
        ids: list[int] = self.context.lm.greedy(self.hidden).tolist()
        return ids

    def select(self, rows: Sequence[int]) -> None:
        self.context.select(rows)

    def step(self, ids: Sequence[int]) -> None:
        self.hidden = self.context.step(ids)


# ---------------------------------------------------------------------------------------------------------- likelihood


class ContinuationTree:
    """Continuations as a prefix tree (trie): common beginnings are encoded once, last tokens are only scored."""

    def __init__(self, continuations: Sequence[Sequence[int]]) -> None:
        """Continuations have at least one token each."""
        nodes: dict[tuple[int, ...], int] = {(): 0}
        for continuation in continuations:
            for length in range(1, len(continuation)):
                nodes.setdefault(tuple(continuation[:length]), len(nodes))
        paths = list(nodes)[1:]
        self.ids = torch.tensor([path[-1] for path in paths], dtype=torch.long)
        self.depth = torch.tensor([len(path) - 1 for path in paths], dtype=torch.long)
        self.attention_mask = torch.zeros((len(paths), len(paths)), dtype=torch.bool)
        for path in paths:
            for length in range(1, len(path) + 1):
                self.attention_mask[nodes[path] - 1, nodes[path[:length]] - 1] = True
        # Of every token of every continuation: the node it follows (0: the prompt), the token, its continuation.
        steps = [
            (nodes[tuple(continuation[:length])], continuation[length], number)
            for number, continuation in enumerate(continuations)
            for length in range(len(continuation))
        ]
        self.parents, self.tokens, self.owners = (
            torch.tensor(column, dtype=torch.long) for column in zip(*steps, strict=True)
        )
        self.count = len(continuations)


def score_continuations(
    lm: CausalLM,
    prompts: Sequence[Sequence[int]],
    tree: ContinuationTree,
    *,
    prefix: Prefix = (),
    tokens: int = 8192,
) -> Tensor:
    """Log-likelihood of each continuation given each prompt, ``(n_prompts, n_continuations)``, float32, on the CPU.

    Args:
        lm: The network.
        prompts: Tokens of each, at least one.
        tree: The continuations.
        prefix: What precedes each prompt; encoded once, as is any other prefix that all prompts share.
        tokens: Maximum number of tokens in a batch, padding and continuations included.
    """
    scores = torch.empty((len(prompts), tree.count))
    if not prompts:
        return scores
    with torch.inference_mode():
        shared, rests = _shared_prefix(lm, prefix, prompts)
        for batch in by_length([len(rest) + len(tree.ids) for rest in rests], rows=32, tokens=tokens):
            context = shared.repeat(len(batch))
            states = context.extend([rests[number] for number in batch])[:, None]
            if len(tree.ids):
                states = torch.cat((states, context.extend_tree(tree.ids, tree.depth, tree.attention_mask)), 1)
            scores[batch] = _path_scores(lm, states, tree).cpu()
    return scores


def _path_scores(lm: CausalLM, states: Tensor, tree: ContinuationTree) -> Tensor:
    """Sums of log probabilities along the continuations, from states ``(n_rows, 1 + n_nodes, width)``."""
    rows, nodes, width = states.shape
    parents, owners, tokens = (array.to(states.device) for array in (tree.parents, tree.owners, tree.tokens))
    parts = torch.split(states.reshape(rows * nodes, width), _LOGIT_ROWS)
    log_norm = torch.cat([lm.logits(part).float().logsumexp(-1) for part in parts]).view(rows, nodes)
    distinct, column = torch.unique(tokens, return_inverse=True)
    logits = lm.logits_of(states, distinct)[:, parents, column]  # (n_rows, n_steps)
    sums = torch.zeros((rows, tree.count), device=states.device)
    return sums.index_add(1, owners, logits - log_norm[:, parents])


def log_likelihood(
    lm: CausalLM, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], *, tokens: int = 4096
) -> Tensor:
    """Log-likelihood of each target (one token at least) after its prompt, ``(n_rows,)``, float32, on the CPU."""
    sums = torch.empty(len(prompts))
    lengths = [len(prompt) + len(target) for prompt, target in zip(prompts, targets, strict=True)]
    with torch.inference_mode():
        for batch in by_length(lengths, rows=32, tokens=tokens):
            rows = [[*prompts[number], *targets[number]] for number in batch]
            states = CachedContext.encode(lm).repeat(len(rows)).extend_all([row[:-1] for row in rows])
            for row, number in zip(states, batch, strict=True):
                first, ids = len(prompts[number]) - 1, torch.as_tensor(targets[number], device=states.device)
                sums[number] = _log_likelihood(lm, row[first : first + len(ids)], ids).cpu()
    return sums


def _log_likelihood(lm: CausalLM, states: Tensor, ids: Tensor) -> Tensor:
    """Summed log probability of each of ``ids`` at its state ``(n, width)``."""
    parts = zip(torch.split(states, _LOGIT_ROWS), torch.split(ids, _LOGIT_ROWS), strict=True)
    logs = [lm.logits(part).float().log_softmax(-1).gather(1, own[:, None]).sum() for part, own in parts]
    return torch.stack(logs).sum()
