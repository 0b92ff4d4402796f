"""How probable a causal language model finds each token of a given text (teacher forcing)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from goldilocks.nets.backbones.causal_lm import CausalLM
    from goldilocks.records import Generation, Text

_ROWS = 64
"""Places whose scores over the vocabulary are held at a time."""


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """The tokens of a text, and the token that would follow it."""

    text: str
    """The text of the tokens, without special ones."""
    tokens: tuple[str, ...]
    logprobs: tuple[float | None, ...]
    """Natural logarithm of the probability of each after those before it; ``None`` for the first."""
    best: tuple[str, ...]
    """The most probable token at each place."""
    best_logprobs: tuple[float | None, ...]
    offsets: tuple[int, ...]
    """Where each token begins in ``text``, in characters."""
    following: str = ""
    """The most probable token after the text."""
    following_logprob: float = 0.0


@runtime_checkable
class SupportsTokenLogprobs(Protocol):
    """A model that is a causal language model of whole texts."""

    models_text: bool
    """Whether it is one: a network for something else may be of the same class."""

    def token_logprobs(self, item: Text) -> TokenLogprobs:
        """Log-probabilities of the tokens of a text, or of token ids (a tuple of decimal numbers)."""

    def continued(self, texts: Sequence[Text], generation: Generation) -> list[str]:
        """What follows each text (or its token ids), without any instruction around it."""


def token_logprobs(lm: CausalLM, tokenizer: Tokenizer, ids: Sequence[int]) -> TokenLogprobs:
    """The log-probability of each token after those before it.

    Args:
        lm: The language model.
        tokenizer: Turns ids into text.
        ids: The tokens, at least one and no more than the model holds.
    """
    import torch

    from goldilocks.nets.backbones.cached_context import CachedContext

    with torch.inference_mode():
        states = CachedContext.encode(lm).repeat(1).extend_all([list(ids)])[0]
        wanted = torch.tensor([*ids[1:], 0], device=states.device)
        own, best, best_ids = [], [], []
        for part, targets in zip(torch.split(states, _ROWS), torch.split(wanted, _ROWS), strict=True):
            scores = lm.logits(part).float().log_softmax(-1)
            top = scores.max(-1)
            own += scores.gather(1, targets[:, None])[:, 0].tolist()
            best += top.values.tolist()
            best_ids += top.indices.tolist()
    names = [_piece(tokenizer, identifier) for identifier in ids]
    best_names = [_piece(tokenizer, best_identifier) for best_identifier in best_ids]
    text = tokenizer.decode(list(ids), skip_special_tokens=True)
    return TokenLogprobs(
        text=text,
        tokens=tuple(names),
        logprobs=(None, *own[:-1]),
        best=("", *best_names[:-1]),
        best_logprobs=(None, *best[:-1]),
        offsets=tuple(len(tokenizer.decode(list(ids[:place]), skip_special_tokens=True)) for place in range(len(ids))),
        following=best_names[-1],
        following_logprob=best[-1],
    )


def _piece(tokenizer: Tokenizer, token: int) -> str:
    text = tokenizer.decode([token], skip_special_tokens=False)
    return text or tokenizer.id_to_token(token) or ""
