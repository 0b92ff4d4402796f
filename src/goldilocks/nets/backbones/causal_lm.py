"""The contract of a causal language model that generates token by token."""

from __future__ import annotations

from torch import Tensor

from goldilocks.nets.backbones.kv_cache import AttentionContext, GrowingKVCache, KVCache


class CausalLM:
    """A network that reads on and says what comes next."""

    reach: int
    """Most tokens it can read."""

    def settle(self, *, steps: bool = True) -> None:
        """Get ready to answer: the weights do not change any more. ``steps``: texts will be written token by token."""

    def remember(self) -> KVCache:
        """An empty memory."""
        return GrowingKVCache()

    def read(self, ids: Tensor, place: AttentionContext, memory: KVCache) -> Tensor:
        """Hidden states ``(n_rows, n_new, width)`` of new tokens ``(n_rows, n_new)``, which are added to ``memory``."""
        raise NotImplementedError

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores ``(..., vocabulary)`` before softmax of hidden states ``(..., width)``."""
        raise NotImplementedError

    def likeliest(self, hidden: Tensor) -> Tensor:
        """The token with the highest score for each of ``(n_rows, width)``."""
        return self.logits(hidden).max(-1).indices  # argmax is slow in bfloat16

    def scores(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Scores of a few tokens only, float32, ``(..., n_tokens)``: finer than bfloat16 where it can be."""
        return self.logits(hidden)[..., tokens].float()
