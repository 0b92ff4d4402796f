"""Causal language modelling: next-token prediction. New models are Llama-style.

The first token of a row and of a document has no context and is not a target.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from torch import Tensor, nn

from goldilocks.pretrain.objective import (
    Batch,
    Documents,
    TokenizerSpec,
    attention,
    attention_kind,
    dtype_of,
    mean_loss,
    read_model,
    tensors,
)
from goldilocks.pretrain.packing import Unit, places_in, unit, units_in
from goldilocks.pretrain.settings import PretrainSettings, Size
from goldilocks.pretrain.tokenizer import Vocabulary

if TYPE_CHECKING:
    from goldilocks.pretrain.packing import Rows

FORM = TokenizerSpec(
    tokenizer="bpe",
    specials={"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"},
    template=("<s> $A", "<s> $A $B"),
    needs=("eos",),
)
_KINDS = ("llama", "mistral", "qwen2", "qwen3", "gemma3_text", "gpt2")


class CausalLMObjective:
    """Next-token prediction; see the module."""

    again: int | None = None

    def __init__(self, vocabulary: Vocabulary, settings: PretrainSettings) -> None:
        """``vocabulary`` has the roles in ``FORM.needs``."""
        self.vocabulary, self.settings = vocabulary, settings

    def row_length(self, length: int) -> int:
        """See ``Objective``."""
        return length

    def units(self, documents: Documents, seed: int) -> Iterator[Unit]:  # noqa: ARG002
        """See ``Objective``."""
        bos, eos = self.vocabulary.find("bos"), self.vocabulary.id("eos")
        for ids, words in documents:
            yield unit(ids, words, head=None if bos == eos else bos, tail=eos)

    def fresh(self, size: Size) -> nn.Module:
        """See ``Objective``."""
        from transformers import LlamaConfig, LlamaForCausalLM

        config = LlamaConfig(
            vocab_size=self.vocabulary.size,
            hidden_size=size.width,
            num_hidden_layers=size.depth,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            intermediate_size=-(-8 * size.width // 3 // 64) * 64,  # 8/3 of the width, to the next 64 (Llama's rule)
            max_position_embeddings=max(512, self.settings.length),
            attention_dropout=self.settings.dropout,
            tie_word_embeddings=True,
            pad_token_id=self.vocabulary.id("pad"),
            bos_token_id=self.vocabulary.id("bos"),
            eos_token_id=self.vocabulary.id("eos"),
            attn_implementation=attention_kind(),
        )
        return cast(nn.Module, LlamaForCausalLM(config))

    def read(self, folder: Path) -> nn.Module:
        """See ``Objective``."""
        from transformers import AutoModelForCausalLM

        dropout, length = self.settings.dropout, self.settings.length
        model = read_model(folder, AutoModelForCausalLM, _KINDS, dropout=dropout, length=length)
        return cast(nn.Module, model)

    def batch(self, rows: Rows, draws: Sequence[np.random.Generator]) -> Batch:  # noqa: ARG002
        """See ``Objective``."""
        ids, units = rows["ids"].astype(np.int64), units_in(rows["flags"])
        across = self.settings.across
        is_target = np.zeros(ids.shape, dtype=bool)
        is_target[:, :-1] = across | (units[:, 1:] == units[:, :-1])
        return tensors(
            {
                "ids": ids,
                "units": None if across else units,
                "position_ids": None if across else places_in(units),
                "target_positions": np.flatnonzero(is_target),
                "targets": np.roll(ids, -1, axis=1)[is_target],
            }
        )

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """See ``Objective``."""
        network = cast(Any, model)
        inputs: dict[str, Any] = {"input_ids": batch["ids"], "use_cache": False}
        if "units" in batch:
            inputs["attention_mask"] = attention(batch["units"], dtype_of(model), causal=True)
            inputs["position_ids"] = batch["position_ids"]
        hidden = network.base_model(**inputs).last_hidden_state.flatten(0, 1)
        return mean_loss(
            network.get_output_embeddings()(hidden.index_select(0, batch["target_positions"])), batch["targets"]
        )
