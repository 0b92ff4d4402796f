from __future__ import annotations

import pytest
import torch
from torch import Tensor

from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.kv_cache import AttentionContext, GrowingKVCache


class _Head(CausalLM):
    """An LM head alone: the hidden states are the logits."""

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden


def test_greedy_is_the_token_with_the_highest_logit() -> None:
    assert _Head().greedy(torch.tensor([[0.1, 3.0, -1.0], [2.0, 1.0, 0.0]])).tolist() == [1, 0]


def test_logits_of_some_tokens_are_float32() -> None:
    logits = _Head().logits_of(torch.tensor([[0.5, 3.0, -1.0]]).bfloat16(), torch.tensor([2, 0]))
    assert logits.dtype == torch.float32
    assert logits.tolist() == [[-1.0, 0.5]]


def test_cache_is_empty_at_first() -> None:
    cache = _Head().new_cache()
    assert isinstance(cache, GrowingKVCache)
    keys, _ = cache.append(0, torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    assert keys.shape == (1, 1, 1, 1)


def test_a_model_has_to_say_how_it_runs_and_where() -> None:
    class Nothing(CausalLM):
        pass

    lm = Nothing()
    lm.prepare_for_inference()  # nothing to prepare is fine
    with pytest.raises(NotImplementedError):
        lm.logits(torch.zeros(1))
    with pytest.raises(NotImplementedError):
        lm.forward_cached(torch.zeros(1), AttentionContext(torch.zeros(1, 1)), lm.new_cache())
    with pytest.raises(NotImplementedError):
        _ = lm.device
