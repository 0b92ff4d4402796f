"""Encoder-decoder checkpoints in the Hub's format (T5, BART, Marian and their kin), run by transformers.

Its encoder is the backbone; the rest of the model scores the next token. Answers are looked for by our own beam search.
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
    """The encoder of such a model."""

    def __init__(self, whole: nn.Module) -> None:
        """``whole``: a transformers model for conditional generation."""
        super().__init__(whole.get_encoder())  # type: ignore[operator]
        self._whole = [whole]  # in a list: its weights are not this module's

    def new_decoder(self) -> Seq2SeqDecoder:
        """See ``Seq2SeqBackbone.new_decoder``."""
        return HubSeq2SeqDecoder(self._whole[0])


@dataclass(slots=True)
class _Memory:
    states: Tensor
    """``(n * beams, source tokens, width)``."""
    mask: Tensor
    beams: int
    cache: Any = None


class HubSeq2SeqDecoder(Seq2SeqDecoder):
    """The model above its encoder, which is the backbone's."""

    def __init__(self, whole: nn.Module) -> None:
        """``whole``: a transformers model for conditional generation. It is run as a whole; what is ours is listed."""
        super().__init__()
        self._whole = [whole]
        self.decoder = whole.get_decoder()  # type: ignore[operator]
        self.output = whole.get_output_embeddings()  # type: ignore[operator]
        self.reach = _most_written(cast(Any, whole).config)
        for name, one in whole.named_buffers(recurse=False):  # what BART and Marian add to the scores
            self.register_buffer(name, one)

    def scores(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """See ``Seq2SeqDecoder.scores``."""
        return cast(Tensor, self._run(states, mask, ids, None, keep=False).logits)

    def _run(self, states: Tensor, mask: Tensor, ids: Tensor, cache: Any, *, keep: bool) -> Any:
        whole = self._whole[0]
        for name, one in self.named_buffers(recurse=False):  # ours may have moved or been filled anew
            setattr(whole, name, one)
        return whole(
            encoder_outputs=(states,),
            attention_mask=mask,
            decoder_input_ids=ids,
            # All ones: what is padded stands behind everything that counts, and a start token may be the padding.
            decoder_attention_mask=None if cache is not None else torch.ones_like(ids),
            past_key_values=cache,
            use_cache=keep,
        )

    def begin(self, states: Tensor, mask: Tensor, beams: int) -> _Memory:
        """See ``Seq2SeqDecoder.begin``."""
        return _Memory(states.repeat_interleave(beams, dim=0), mask.repeat_interleave(beams, dim=0), beams)

    def step(self, ids: Tensor, memory: _Memory) -> Tensor:
        """See ``Seq2SeqDecoder.step``."""
        found = self._run(memory.states, memory.mask, ids.reshape(-1, 1), memory.cache, keep=True)
        memory.cache = found.past_key_values
        return cast(Tensor, found.logits[:, -1].reshape(*ids.shape, -1))

    def reorder(self, memory: _Memory, places: Tensor) -> None:
        """See ``Seq2SeqDecoder.reorder``: beams of one source share what is known of it."""
        memory.cache.self_attention_cache.batch_select_indices(places)

    def keep(self, memory: _Memory, sources: Tensor) -> None:
        """See ``Seq2SeqDecoder.keep``."""
        places = beams_of(sources, memory.beams)
        memory.cache.batch_select_indices(places)
        memory.states, memory.mask = memory.states[places], memory.mask[places]

    def groups(self) -> dict[str, list[str]]:
        """See ``Seq2SeqDecoder.groups``; told by what a part is called."""
        found: dict[str, list[str]] = {}
        for owner, module in self.named_modules():
            for name, _ in module.named_parameters(recurse=False):
                full = f"{owner}.{name}"
                found.setdefault(_role(full, module), []).append(full)
        return found


def _most_written(config: Any) -> int | None:
    """Positions there are for what is written; T5 counts none, so it writes any number."""
    names = ("max_decoder_position_embeddings", "max_position_embeddings")
    return next((int(found) for name in names if (found := getattr(config, name, None))), None)


def _role(name: str, module: nn.Module) -> str:
    if "norm" in type(module).__name__.lower():
        return "norm"
    if "att" in name.lower():
        return "attention"
    return "embeddings" if isinstance(module, nn.Embedding) or name.startswith("output.") else "mlp"


def read_hub_writer(folder: Path) -> Backbone:
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
        raise InputError(f"{folder}: transformers cannot read it ({reason}); download the checkpoint again.") from error
    return HubSeq2SeqBackbone(model)


def hub_writer_from(config: Mapping[str, Any]) -> Backbone:
    """An unfilled model from its configuration, for ``Network.load_weights`` to fill."""
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    given = {name: value for name, value in config.items() if name != "model_type"}
    return HubSeq2SeqBackbone(AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(config["model_type"], **given)))
