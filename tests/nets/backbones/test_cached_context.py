from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from goldilocks.nets.backbones.cached_context import CachedContext
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.kv_cache import AttentionContext, KVCache
from goldilocks.nets.backbones.llama import LlamaBackbone, read_backbone
from goldilocks.nets.backbones.llama_options import read_options
from goldilocks.testing import tiny

ROWS = [[5, 6, 7], [8, 9]]


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LlamaBackbone:
    folder = tiny.decoder_folder(tmp_path_factory.mktemp("lm") / "decoder", kind="llama")
    options = read_options(json.loads((folder / "config.json").read_text()))
    assert options is not None
    return read_backbone(folder, options).float().eval()


def _alone(lm: LlamaBackbone, ids: list[int]) -> Tensor:
    """Hidden states of one row without cache or padding, ``(n_tokens, width)``."""
    context = AttentionContext.uncached(1, len(ids), torch.device("cpu"))
    return lm.forward_cached(torch.tensor([ids]), context, lm.new_cache())[0]


def test_rows_of_different_length_have_the_states_they_have_alone(lm: LlamaBackbone) -> None:
    with torch.inference_mode():
        context = CachedContext.encode(lm, [3, 4]).repeat(2)
        last = context.extend(ROWS)
        after = context.step([10, 11])
        for row, ids in enumerate(ROWS):
            states = _alone(lm, [3, 4, *ids, 10 + row])
            assert torch.allclose(last[row], states[-2], atol=1e-5)
            assert torch.allclose(after[row], states[-1], atol=1e-5)


def test_all_states_are_those_of_each_token(lm: LlamaBackbone) -> None:
    with torch.inference_mode():
        states = CachedContext.encode(lm).repeat(2).extend_all(ROWS)
        for row, ids in enumerate(ROWS):
            assert torch.allclose(states[row, : len(ids)], _alone(lm, ids), atol=1e-5)


def test_tree_has_the_states_of_its_paths_and_leaves_the_rows_as_they_were(lm: LlamaBackbone) -> None:
    # 20 with the children 21 and 22
    ids, depth = torch.tensor([20, 21, 22]), torch.tensor([0, 1, 1])
    mask = torch.tensor([[True, False, False], [True, True, False], [True, False, True]])
    with torch.inference_mode():
        context = CachedContext.encode(lm).repeat(2)
        context.extend(ROWS)
        states = context.extend_tree(ids, depth, mask)
        after = context.step([10, 10])
        for row, own in enumerate(ROWS):
            assert torch.allclose(states[row, 1], _alone(lm, [*own, 20, 21])[-1], atol=1e-5)
            assert torch.allclose(states[row, 2], _alone(lm, [*own, 20, 22])[-1], atol=1e-5)
            assert torch.allclose(after[row], _alone(lm, [*own, 10])[-1], atol=1e-5)


def test_selected_rows_continue_as_themselves(lm: LlamaBackbone) -> None:
    with torch.inference_mode():
        context = CachedContext.encode(lm).repeat(2)
        context.extend(ROWS)
        context.select([1])
        assert torch.allclose(context.step([10])[0], _alone(lm, [*ROWS[1], 10])[-1], atol=1e-5)


class _Recorder(CausalLM):
    """A model on the meta device that notes where everything it is given is."""

    max_positions = 100
    device = torch.device("meta")

    def __init__(self) -> None:
        self.devices: set[str] = set()

    def forward_cached(self, ids: Tensor, context: AttentionContext, cache: KVCache) -> Tensor:
        tensors = (ids, context.positions, context.attention_mask, context.key_positions)
        given: list[Any] = [*tensors, context.unpadded, context.outputs]
        self.devices |= {tensor.device.type for tensor in given if tensor is not None}
        keys = torch.zeros((*ids.shape, 4), device=ids.device)[:, None]
        cache.append(0, keys, keys)
        cache.advance(ids.shape[1])
        return keys[:, 0]


def test_token_ids_positions_and_masks_are_on_the_models_device() -> None:
    lm = _Recorder()
    context = CachedContext.encode(lm, [3, 4]).repeat(2)
    states = [context.extend(ROWS), context.extend_all(ROWS), context.step([10, 11])]
    depth = torch.tensor([0])
    states.append(context.extend_tree(torch.tensor([20]), depth, torch.ones((1, 1), dtype=torch.bool)))
    context.select([1])
    states.append(context.step([12]))
    assert lm.devices == {"meta"}
    assert [tuple(state.shape) for state in states] == [(2, 4), (2, 3, 4), (2, 4), (2, 1, 4), (1, 4)]
    assert {state.device.type for state in states} == {"meta"}


def test_padding_is_counted_where_asking_does_not_wait_for_the_device() -> None:
    context = CachedContext.encode(_Recorder(), [3, 4]).repeat(2)
    context.extend(ROWS)
    assert context.valid.tolist() == [[True] * 5, [True] * 4 + [False]]
    assert context.positions.tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]


def test_decoder_says_where_it_is(lm: LlamaBackbone, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, GPT2Config

    from goldilocks.nets.backbones.hub_decoder import HubCausalLM

    made = AutoModelForCausalLM.from_config(GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2))
    assert lm.device == HubCausalLM(made).device == torch.device("cpu")
    assert HubCausalLM(made.to("meta")).device == torch.device("meta")
