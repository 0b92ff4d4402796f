"""Decoders that are not of Llama's shape (GPT-2, OPT, NeoX, …), run by transformers, whose import takes 5 s.

Whether such a model can be read on the way ``nets/backbones/kv_cache.py`` asks for (a mask and positions of our own,
states before the last matrix) is tried out when it is loaded: a model that would answer wrongly is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from goldilocks.errors import InputError
from goldilocks.nets.backbones.cached_context import CachedContext
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.hub_encoder import HubEncoderBackbone
from goldilocks.nets.backbones.kv_cache import AttentionContext, KVCache
from goldilocks.nets.hub.quiet_transformers import quiet


class _Kept:
    """transformers' own cache as a ``KVCache``; its layers add to it themselves."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache

    def add(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """See ``KVCache``."""
        found: tuple[Tensor, Tensor] = self.cache.update(key, value, layer)
        return found

    def advance(self, tokens: int) -> None:
        """The cache counts for itself."""

    def spread(self, rows: int) -> _Kept:
        """See ``KVCache``."""
        other = copy.deepcopy(self.cache)
        other.batch_repeat_interleave(rows)
        return _Kept(other)

    def keep(self, rows: Tensor) -> None:
        """See ``KVCache``."""
        self.cache.batch_select_indices(rows)

    def forget(self, tokens: int) -> None:
        """See ``KVCache``."""
        self.cache.crop(-tokens)


class HubCausalLM(HubEncoderBackbone, CausalLM):
    """A transformers decoder as backbone and speaker."""

    is_causal = True

    def __init__(self, causal: Any) -> None:
        """Take the decoder and its last matrix apart."""
        super().__init__(causal.base_model)
        last = causal.get_output_embeddings()
        table = causal.get_input_embeddings()
        bias = getattr(last, "bias", None)
        self.last: nn.Module | None = None if last.weight is table.weight and bias is None else last
        config = causal.config
        window = getattr(config, "sliding_window", None) or 0
        positions = getattr(config, "max_position_embeddings", None) or 2048
        # A mask of our own knows no window: such a model reads no further than its window.
        self.reach = int(min(positions, window or positions))
        self._cap = float(getattr(config, "final_logit_softcapping", None) or 0.0)
        self._factor = float(getattr(config, "logit_scale", None) or 1.0)
        self._factor /= float(getattr(config, "logits_scaling", None) or 1.0)

    def remember(self) -> KVCache:
        """See ``CausalLM.remember``."""
        from transformers import DynamicCache

        return _Kept(DynamicCache())

    def read(self, ids: Tensor, place: AttentionContext, memory: KVCache) -> Tensor:
        """See ``CausalLM.read``."""
        assert isinstance(memory, _Kept)
        mask = None
        if place.looks is not None:
            dtype = next(self.parameters()).dtype
            mask = torch.zeros(place.looks.shape, dtype=dtype, device=ids.device)
            mask = mask.masked_fill(~place.looks, torch.finfo(dtype).min)
        given = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=place.positions,
            past_key_values=memory.cache,
            use_cache=True,
        )
        states: Tensor = given.last_hidden_state
        return states

    def logits(self, hidden: Tensor) -> Tensor:
        """See ``CausalLM.logits``."""
        if self.last is not None:
            scores: Tensor = self.last(hidden)
        else:
            scores = nn.functional.linear(hidden, self.model.get_input_embeddings().weight)  # type: ignore[operator]
        scores = scores * self._factor if self._factor != 1 else scores
        return self._cap * torch.tanh(scores / self._cap) if self._cap else scores


def read_hub_causal(folder: Path) -> HubCausalLM:
    """The decoder in a Hub folder, in the precision it is kept in.

    Raises:
        InputError: transformers cannot read it, or it cannot be run on our way.
    """
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            causal = AutoModelForCausalLM.from_pretrained(
                folder, dtype="auto", local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{folder}: transformers cannot read this decoder ({first}); name another.") from error
    causal.eval()
    backbone = HubCausalLM(causal)
    _try_out(backbone, causal, folder)
    return backbone


def _try_out(backbone: HubCausalLM, causal: Any, folder: Path) -> None:
    """Read two rows of different length in two goes, and compare with the model as its makers run it."""
    table = causal.get_input_embeddings().num_embeddings
    rows = [[1 % table, 2 % table, 3 % table, 4 % table], [5 % table, 6 % table]]
    more = torch.tensor([7 % table, 8 % table])
    problem = "its scores come out differently in batches"
    try:
        with torch.inference_mode():
            reading = CachedContext.begin(backbone).spread(2)
            reading.read(rows)
            ours = backbone.logits(reading.step(more)).float()
            theirs = [
                causal(input_ids=torch.tensor([[*row, int(one)]])).logits[0, -1]
                for row, one in zip(rows, more, strict=True)
            ]
        near = 1e-4 if next(backbone.parameters()).dtype == torch.float32 else 5e-2
        if torch.allclose(ours, torch.stack(theirs).float(), rtol=near, atol=near):
            return
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
    kind = causal.config.model_type
    raise InputError(f"{folder}: decoders of the kind {kind!r} cannot be run here ({problem}); name another model.")


def hub_causal_from(config: Mapping[str, Any]) -> HubCausalLM:
    """An unfilled decoder from its configuration, for ``Network.load_weights`` to fill."""
    from transformers import AutoConfig, AutoModelForCausalLM

    given = {name: value for name, value in config.items() if name != "model_type"}
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(config["model_type"], **given), dtype=torch.float32)
    return HubCausalLM(made.eval())
