"""The contract of a causal language model that generates token by token with a KV cache."""

from __future__ import annotations

import torch
from torch import Tensor

from goldilocks.nets.backbones.kv_cache import AttentionContext, GrowingKVCache, KVCache


class CausalLM:
    """A decoder with its LM head: hidden states of new tokens given a KV cache, and next-token logits."""

    max_positions: int
    """Maximum number of tokens of a sequence, prompt and continuation together."""

    @property
    def device(self) -> torch.device:
        """Where its weights are; token ids and masks must be there too."""
        raise NotImplementedError

    def prepare_for_inference(self, *, incremental: bool = True) -> None:
        """Precompute what depends on the weights alone; they must not change after this.

        Args:
            incremental: Whether texts will be generated token by token, which a slower preparation pays for.
        """

    def new_cache(self) -> KVCache:
        """An empty KV cache."""
        return GrowingKVCache()

    def forward_cached(self, ids: Tensor, context: AttentionContext, cache: KVCache) -> Tensor:
        """Hidden states ``(n_rows, n_new, width)`` of new tokens ``(n_rows, n_new)``, which are appended to ``cache``.

        Args:
            ids: The new tokens of each row.
            context: Their positions and attention mask.
            cache: Keys and values of the tokens before them.
        """
        raise NotImplementedError

    def logits(self, hidden: Tensor) -> Tensor:
        """The LM head: scores ``(..., vocabulary)`` before softmax of hidden states ``(..., width)``."""
        raise NotImplementedError

    def greedy(self, hidden: Tensor) -> Tensor:
        """The token with the highest logit for each of ``(n_rows, width)``."""
        return self.logits(hidden).max(-1).indices  # argmax is slow in bfloat16

    def logits_of(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Logits of some tokens only, float32, ``(..., n_tokens)``; a model may give more digits than bfloat16 has."""
        return self.logits(hidden)[..., tokens].float()
