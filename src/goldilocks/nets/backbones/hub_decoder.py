"""Hub decoders that are not Llama-style (GPT-2, OPT, NeoX, …), run by transformers, whose import takes 5 s.

Whether such a model can be run as ``nets/backbones/kv_cache.py`` needs it (with our attention masks and positions, LM
head apart) is tested when it is loaded: a model whose logits would come out wrong is refused.
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


class _TransformersCache:
    """transformers' cache as a ``KVCache``; its layers append to it themselves."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """See ``KVCache``."""
        all_of_layer: tuple[Tensor, Tensor] = self.cache.update(key, value, layer)
        return all_of_layer

    def advance(self, tokens: int) -> None:
        """The cache counts its tokens itself."""

    def repeat(self, rows: int) -> _TransformersCache:
        """See ``KVCache``."""
        copied = copy.deepcopy(self.cache)
        copied.batch_repeat_interleave(rows)
        return _TransformersCache(copied)

    def select(self, rows: Tensor) -> None:
        """See ``KVCache``."""
        self.cache.batch_select_indices(rows)

    def drop_last(self, tokens: int) -> None:
        """See ``KVCache``."""
        self.cache.crop(-tokens)


class HubCausalLM(HubEncoderBackbone, CausalLM):
    """A transformers decoder as backbone and causal LM."""

    is_causal = True

    def __init__(self, causal: Any) -> None:
        """``causal``: a transformers model for causal language modelling; its LM head is kept separately."""
        super().__init__(causal.base_model)
        last = causal.get_output_embeddings()
        table = causal.get_input_embeddings()
        bias = getattr(last, "bias", None)
        self.last: nn.Module | None = None if last.weight is table.weight and bias is None else last
        config = causal.config
        window = getattr(config, "sliding_window", None) or 0
        positions = getattr(config, "max_position_embeddings", None) or 2048
        # Our masks have no sliding window: such a model is limited to its window.
        self.max_positions = int(min(positions, window or positions))
        self._cap = float(getattr(config, "final_logit_softcapping", None) or 0.0)
        self._factor = float(getattr(config, "logit_scale", None) or 1.0)
        self._factor /= float(getattr(config, "logits_scaling", None) or 1.0)

    @property
    def device(self) -> torch.device:
        """See ``CausalLM.device``."""
        return next(self.parameters()).device

    def new_cache(self) -> KVCache:
        """See ``CausalLM.new_cache``."""
        from transformers import DynamicCache

        return _TransformersCache(DynamicCache())

    def forward_cached(self, ids: Tensor, context: AttentionContext, cache: KVCache) -> Tensor:
        """See ``CausalLM.forward_cached``."""
        assert isinstance(cache, _TransformersCache)
        mask, allowed = None, context.attention_mask
        if allowed is not None:  # transformers adds the mask to the attention scores
            dtype = next(self.parameters()).dtype
            mask = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device)
            mask = mask.masked_fill(~allowed, torch.finfo(dtype).min)
        outputs = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=context.positions,
            past_key_values=cache.cache,
            use_cache=True,
        )
        states: Tensor = outputs.last_hidden_state
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
    """The decoder in a Hub folder, in the precision of its weights.

    Raises:
        InputError: transformers cannot load it, or it cannot be run with our masks and positions.
    """
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            causal = AutoModelForCausalLM.from_pretrained(
                folder, dtype="auto", local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{folder}: transformers cannot load this decoder ({first}); name another.") from error
    causal.eval()
    backbone = HubCausalLM(causal)
    _check_logits(backbone, causal, folder)
    return backbone


def _check_logits(backbone: HubCausalLM, causal: Any, folder: Path) -> None:
    """Encode two rows of different length in two steps, and compare with the model as transformers runs it."""
    table = causal.get_input_embeddings().num_embeddings
    rows = [[1 % table, 2 % table, 3 % table, 4 % table], [5 % table, 6 % table]]
    next_ids = [7 % table, 8 % table]
    problem = "its logits differ in batches"
    try:
        with torch.inference_mode():
            context = CachedContext.encode(backbone).repeat(2)
            context.extend(rows)
            ours = backbone.logits(context.step(next_ids)).float()
            theirs = [
                causal(input_ids=torch.tensor([[*row, token]])).logits[0, -1]
                for row, token in zip(rows, next_ids, strict=True)
            ]
        near = 1e-4 if next(backbone.parameters()).dtype == torch.float32 else 5e-2
        if torch.allclose(ours, torch.stack(theirs).float(), rtol=near, atol=near):
            return
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
    kind = causal.config.model_type
    raise InputError(f"{folder}: decoders of type {kind!r} cannot be run here ({problem}); name another model.")


def hub_causal_from(config: Mapping[str, Any]) -> HubCausalLM:
    """A decoder without weights from its configuration, for ``Network.load_weights`` to fill."""
    from transformers import AutoConfig, AutoModelForCausalLM

    fields = {name: value for name, value in config.items() if name != "model_type"}
    causal = AutoModelForCausalLM.from_config(AutoConfig.for_model(config["model_type"], **fields), dtype=torch.float32)
    return HubCausalLM(causal.eval())
