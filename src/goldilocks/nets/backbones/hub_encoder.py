"""Encoders that are not BERT-shaped, run by transformers (whose import takes 5 s, so only when one is used).

What a layer needs (masks, positions) differs from model to model, so the model is run as a whole: its blocks cannot be
started from cached hidden states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.hub.quiet_transformers import quiet
from goldilocks.nets.tokenization.batching import Batch


class HubEncoderBackbone(Backbone):
    """A transformers encoder as a backbone: ``embed`` runs all of it, ``block`` returns the states of each layer."""

    resumable = False
    casing_channels = ("shapes",)

    def __init__(self, model: nn.Module) -> None:
        """Find the stack of layers: the longest list of modules in the model."""
        super().__init__()
        self.model = model
        stacks = {name: module for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
        self._stack = max(stacks, key=lambda name: len(stacks[name]), default="")
        self.width = int(model.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.depth = int(model.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
        self._layers: tuple[Tensor, ...] = ()
        self.channel_width = int(model.get_input_embeddings().weight.shape[1])  # type: ignore[operator]
        self.channel_embeddings = None
        positions = getattr(model.config, "max_position_embeddings", None)
        padding = getattr(model.config, "pad_token_id", None)
        # RoBERTa's positions start after the padding id; two tokens less are safe for all models.
        self.position_limit = int(positions) - (2 if padding else 0) if positions else None

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``."""
        with self._edited(batch.mask):
            layers = self.model(**self._inputs(batch), output_hidden_states=True).hidden_states
        self._layers = tuple(self._of_text(states) for states in layers)
        return self._layers[0]

    @property
    def virtual_width(self) -> int:
        """See ``Backbone.virtual_width``."""
        return self.channel_width

    def embedded(self, ids: Tensor) -> Tensor:
        """See ``Backbone.embedded``: the vectors of the word table, as positions are added inside the model."""
        table = self.model.get_input_embeddings()  # type: ignore[operator]
        vectors: Tensor = table.weight[ids].detach().clone()
        return vectors

    def _of_text(self, states: Tensor) -> Tensor:
        """States without those of virtual tokens."""
        return states if self.virtual_tokens is None else states[:, self.virtual_tokens.count :]

    def add_edits(self, edits: Sequence[nn.Module]) -> None:
        """See ``Backbone.add_edits``."""
        count = len(self._blocks())
        if count != self.depth:
            kind = self.model.config.model_type  # type: ignore[union-attr]
            raise InputError(
                f"reft: models of type {kind!r} share {count} layers between {self.depth} blocks, whose states cannot "
                "be edited apart; use `lora`."
            )
        super().add_edits(edits)

    def _blocks(self) -> Sequence[nn.Module]:
        return list(self.model.get_submodule(self._stack).children()) if self._stack else []

    @contextmanager
    def _edited(self, mask: Tensor) -> Iterator[None]:
        """Inside, the model's layers give edited states. Hooks are not kept: copies of this module would share them."""
        edits = list(self.edits) if self.edits is not None else []
        handles = [
            layer.register_forward_hook(partial(_edited_output, edit, mask))
            for layer, edit in zip(self._blocks(), edits, strict=False)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _inputs(self, batch: Batch) -> dict[str, Tensor]:
        types = batch.channels.get("types") if getattr(self.model.config, "type_vocab_size", 0) > 1 else None
        inputs = {"attention_mask": batch.mask}
        virtual = self.virtual_tokens
        if self.channel_embeddings is None and virtual is None:
            return {**inputs, "input_ids": batch.ids, **({} if types is None else {"token_type_ids": types})}
        words = self.model.get_input_embeddings()(batch.ids)  # type: ignore[operator]
        if self.channel_embeddings is not None:
            words = self.channel_embeddings(words, batch.channels)
        if virtual is not None:
            words = virtual.before(words)
            inputs["attention_mask"] = virtual.before_mask(batch.mask)
            if types is not None:
                types = torch.cat((types.new_zeros(len(types), virtual.count), types), 1)
        return {**inputs, "inputs_embeds": words, **({} if types is None else {"token_type_ids": types})}

    def checkpoint_activations(self) -> None:
        """See ``Backbone.checkpoint_activations``."""
        self.model.gradient_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]

    @property
    def input_embedding(self) -> nn.Module | None:
        """See ``Backbone.input_embedding``."""
        return cast(nn.Module, self.model.get_input_embeddings())  # type: ignore[operator]

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """See ``Backbone.block``; ``hidden`` must come from the last ``embed`` and the blocks below."""
        return self._layers[number + 1]

    def forward(self, batch: Batch, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """See ``Backbone.forward``."""
        if hidden is None and stop in (None, self.depth):
            with self._edited(batch.mask):
                states: Tensor = self.model(**self._inputs(batch)).last_hidden_state
            return self._of_text(states)
        # The states between blocks come from the model, edited already.
        hidden = self.embed(batch) if hidden is None else hidden
        for number in range(start, self.depth if stop is None else stop):
            hidden = self.block(number, hidden, batch.mask)
        return hidden

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``; by the type of a module, and inside a layer by its name."""
        names: dict[str, list[str]] = {"embeddings": [], "attention": [], "mlp": [], "norm": []}
        for owner, module in self.named_modules():
            for name, _ in module.named_parameters(recurse=False):
                full = f"{owner}.{name}" if owner else name
                names[self._role(full, module)].append(full)
        return names

    def _role(self, name: str, module: nn.Module) -> str:
        if "norm" in type(module).__name__.lower():
            return "norm"
        if self.block_of(name) < 0:
            return "embeddings"
        return "attention" if "att" in name.rsplit(f"{self._stack}.", 1)[-1] else "mlp"

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``. What is above the stack (a final norm) belongs to its top block."""
        stack = f"model.{self._stack}."
        if self._stack and parameter.startswith(stack):
            number = int(parameter.removeprefix(stack).split(".")[0])
            return min(number, self.depth - 1)  # ALBERT shares one layer between all blocks
        return self.depth - 1 if "final" in parameter else -1


def _edited_output(edit: nn.Module, mask: Tensor, layer: nn.Module, inputs: Any, output: Any) -> Any:  # noqa: ARG001
    """A forward hook: the first output of a layer is its hidden states."""
    if isinstance(output, tuple):
        return (edit(output[0], mask), *output[1:])
    return edit(output, mask)


def read_hub_backbone(folder: Path) -> HubEncoderBackbone:
    """The encoder in a Hub folder (float32, eager attention where it has no other)."""
    from transformers import AutoModel

    with quiet():
        model = AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)
    return HubEncoderBackbone(model)


def hub_backbone_from(config: Mapping[str, Any]) -> HubEncoderBackbone:
    """An encoder without weights from its configuration, for ``Network.load_weights`` to fill."""
    from transformers import AutoConfig, AutoModel

    fields = {name: value for name, value in config.items() if name != "model_type"}
    # The configuration may name the precision of the checkpoint; it was tuned in float32.
    model = AutoModel.from_config(AutoConfig.for_model(config["model_type"], **fields), dtype=torch.float32)
    return HubEncoderBackbone(model)
