"""Encoder-decoder checkpoints in the Hub's format (T5, BART, Marian, …), run by transformers.

The encoder is the backbone; decoder and LM head score the next token. Generation uses our own beam search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.hub_encoder import HubEncoderBackbone
from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqBackbone, Seq2SeqDecoder, beams_of
from goldilocks.nets.hub.quiet_transformers import quiet


class HubSeq2SeqBackbone(HubEncoderBackbone, Seq2SeqBackbone):
    """The encoder of a transformers encoder-decoder."""

    def __init__(self, whole: nn.Module) -> None:
        """``whole``: a transformers model for conditional generation."""
        super().__init__(whole.get_encoder())  # type: ignore[operator]
        self._whole = [whole]  # in a list, so that torch does not count its weights as this module's

    def new_decoder(self) -> Seq2SeqDecoder:
        """See ``Seq2SeqBackbone.new_decoder``."""
        return HubSeq2SeqDecoder(self._whole[0])


@dataclass(slots=True)
class _State:
    states: Tensor
    """Hidden states of the sources, ``(n * beams, source tokens, width)``."""
    mask: Tensor
    beams: int
    cache: Any = None


class HubSeq2SeqDecoder(Seq2SeqDecoder):
    """Decoder and LM head of the model; its encoder is the backbone's."""

    def __init__(self, whole: nn.Module) -> None:
        """``whole``: a transformers model for conditional generation, run as a whole."""
        super().__init__()
        self._whole = [whole]
        self.decoder = whole.get_decoder()  # type: ignore[operator]
        self.output = whole.get_output_embeddings()  # type: ignore[operator]
        self.max_positions = _max_positions(cast(Any, whole).config)
        for name, buffer in whole.named_buffers(recurse=False):  # BART and Marian add a bias to the logits
            self.register_buffer(name, buffer)

    def logits(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """See ``Seq2SeqDecoder.logits``."""
        return cast(Tensor, self._run(states, mask, ids, None, use_cache=False).logits)

    def _run(self, states: Tensor, mask: Tensor, ids: Tensor, cache: Any, *, use_cache: bool) -> Any:
        whole = self._whole[0]
        for name, buffer in self.named_buffers(recurse=False):  # ours may have been moved or loaded since
            setattr(whole, name, buffer)
        return whole(
            encoder_outputs=(states,),
            attention_mask=mask,
            decoder_input_ids=ids,
            # All ones: padding is at the end, and the start token may have the id of padding.
            decoder_attention_mask=None if cache is not None else torch.ones_like(ids),
            past_key_values=cache,
            use_cache=use_cache,
        )

    def start(self, states: Tensor, mask: Tensor, beams: int) -> _State:
        """See ``Seq2SeqDecoder.start``."""
        return _State(states.repeat_interleave(beams, dim=0), mask.repeat_interleave(beams, dim=0), beams)

    def step(self, ids: Tensor, state: _State) -> Tensor:
        """See ``Seq2SeqDecoder.step``."""
        outputs = self._run(state.states, state.mask, ids.reshape(-1, 1), state.cache, use_cache=True)
        state.cache = outputs.past_key_values
        return cast(Tensor, outputs.logits[:, -1].reshape(*ids.shape, -1))

    def reorder(self, state: _State, origins: Tensor) -> None:
        """See ``Seq2SeqDecoder.reorder``; the cross-attention cache is the same for all beams of a source."""
        state.cache.self_attention_cache.batch_select_indices(origins)

    def select(self, state: _State, sources: Tensor) -> None:
        """See ``Seq2SeqDecoder.select``."""
        rows = beams_of(sources, state.beams)
        state.cache.batch_select_indices(rows)
        state.states, state.mask = state.states[rows], state.mask[rows]

    def groups(self) -> dict[str, list[str]]:
        """See ``Seq2SeqDecoder.groups``; by the names of the modules."""
        names: dict[str, list[str]] = {}
        for owner, module in self.named_modules():
            for name, _ in module.named_parameters(recurse=False):
                full = f"{owner}.{name}"
                names.setdefault(_role(full, module), []).append(full)
        return names


def _max_positions(config: Any) -> int | None:
    """Position embeddings of the decoder; T5 has relative positions, so any number."""
    names = ("max_decoder_position_embeddings", "max_position_embeddings")
    return next((int(positions) for name in names if (positions := getattr(config, name, None))), None)


def _role(name: str, module: nn.Module) -> str:
    if "norm" in type(module).__name__.lower():
        return "norm"
    if "att" in name.lower():
        return "attention"
    return "embeddings" if isinstance(module, nn.Embedding) or name.startswith("output.") else "mlp"


def read_hub_seq2seq(folder: Path) -> Backbone:
    """The model in a Hub folder (float32).

    Raises:
        InputError: configuration and weights do not belong together.
    """
    from transformers import AutoModelForSeq2SeqLM

    try:
        with quiet():
            model = AutoModelForSeq2SeqLM.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{folder}: transformers cannot load it ({reason}); download the checkpoint again.") from error
    return HubSeq2SeqBackbone(model)


def hub_seq2seq_from(config: Mapping[str, Any]) -> Backbone:
    """A model without weights from its configuration, for ``Network.load_weights`` to fill."""
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    fields = {name: value for name, value in config.items() if name != "model_type"}
    return HubSeq2SeqBackbone(AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(config["model_type"], **fields)))
