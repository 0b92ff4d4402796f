from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from goldilocks.families import decoder
from goldilocks.nets.backbones.cached_context import CachedContext
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.kv_cache import AttentionContext, KVCache
from goldilocks.records import Goal
from goldilocks.testing import tiny


class Recorder(CausalLM):
    """A model on a device without memory: it notes where its inputs were made."""

    device = torch.device("meta")
    reach = 64

    def __init__(self) -> None:
        self.devices: set[torch.device] = set()

    def read(self, ids: Tensor, place: AttentionContext, memory: KVCache) -> Tensor:
        inputs = [ids, place.positions, place.looks, place.keys, place.real, place.wanted]
        self.devices |= {tensor.device for tensor in inputs if tensor is not None}
        return torch.zeros((*ids.shape, 8), device=self.device)


def test_token_ids_positions_and_masks_are_made_on_the_device_of_the_model() -> None:
    model = Recorder()

    context = CachedContext.begin(model, [1, 2, 3]).spread(2)
    context.read_all([[4, 5], [6, 7]])

    assert model.devices == {torch.device("meta")}


def test_continued_prefix_has_the_states_of_the_whole_text(tmp_path: Path) -> None:
    folder = tiny.decoder_folder(tmp_path)
    info = decoder.describe(folder, str(folder))
    assert info is not None
    model = decoder.create(info, folder, tiny.part(3), Goal(labels=("a",)), seed=0).backbone
    assert isinstance(model, CausalLM)
    with torch.inference_mode():
        whole = CachedContext.begin(model).read_all([[3, 4, 5, 6, 7]])[0, -1]
        context = CachedContext.begin(model, [3, 4, 5])
        # Rows of different length: the shorter one is padded, and its padding is masked.
        states = context.spread(2).read([[6, 7], [9]])
        stepped = CachedContext.begin(model, [3, 4, 5, 6]).step(torch.tensor([7]))[0]

    assert torch.allclose(states[0], whole, atol=1e-5)
    assert torch.allclose(stepped, whole, atol=1e-5)
