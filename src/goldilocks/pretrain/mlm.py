"""Masked language modelling (Devlin et al. 2019): 15 % of the tokens of each row are targets.

Of these, 80 % are replaced by the mask token, 10 % by a token drawn from the vocabulary, 10 % stay. They are redrawn
in each epoch (Liu et al. 2019). Scores are computed for them alone, not for the other 85 %. Positions are counted from
0 in each document, as when a text is read alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
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
from goldilocks.pretrain.packing import TokenFlag, Unit, places_in, unit, units_in
from goldilocks.pretrain.pairs import pairs
from goldilocks.pretrain.settings import PretrainSettings, Size
from goldilocks.pretrain.tokenizer import Vocabulary

if TYPE_CHECKING:
    from goldilocks.pretrain.packing import Rows

SHARE, MASKED, DRAWN = 0.15, 0.8, 0.1
"""Share of the tokens that are targets; of these, shares replaced by the mask token and by a random token."""
FORM = TokenizerSpec(
    tokenizer="wordpiece",
    specials={"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    template=("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    needs=("pad", "cls", "sep", "mask"),
)
_ROBERTA = ("roberta", "xlm-roberta", "camembert")
_KINDS = ("bert", *_ROBERTA)
_ENDS = (".", "!", "?", "。", "！", "？", "．")


class MaskedLMObjective:
    """Masked language modelling; see the module."""

    def __init__(self, vocabulary: Vocabulary, settings: PretrainSettings) -> None:
        """``vocabulary`` has the roles in ``FORM.needs``."""
        self.vocabulary, self.settings = vocabulary, settings
        self.again: int | None = vocabulary.id("cls")
        self._ordinary = vocabulary.ordinary()
        self._plain = np.zeros(max(vocabulary.size, int(self._ordinary.max(initial=0)) + 1), dtype=bool)
        self._plain[self._ordinary] = True

    def row_length(self, length: int) -> int:
        """See ``Objective``."""
        return length

    def units(self, documents: Documents, seed: int) -> Iterator[Unit]:
        """See ``Objective``."""
        cls, sep = self.vocabulary.id("cls"), self.vocabulary.id("sep")
        if self.settings.next_sentence:
            ids_of_ends = map(self.vocabulary.tokenizer.token_to_id, _ENDS)
            ends = [int(number) for number in ids_of_ends if number is not None]
            yield from pairs(documents, cls=cls, sep=sep, ends=ends, length=self.settings.length, seed=seed)
            return
        for ids, words in documents:
            yield unit(ids, words, head=cls, tail=sep)

    def fresh(self, size: Size) -> nn.Module:
        """See ``Objective``."""
        from transformers import BertConfig, BertForMaskedLM, BertForPreTraining

        config = BertConfig(
            vocab_size=self.vocabulary.size,
            hidden_size=size.width,
            num_hidden_layers=size.depth,
            num_attention_heads=size.heads,
            intermediate_size=4 * size.width,
            max_position_embeddings=max(512, self.settings.length),
            hidden_dropout_prob=self.settings.dropout,
            attention_probs_dropout_prob=self.settings.dropout,
            pad_token_id=self.vocabulary.id("pad"),
            attn_implementation=attention_kind(),
        )
        kind = BertForPreTraining if self.settings.next_sentence else BertForMaskedLM
        return cast(nn.Module, kind(config))

    def read(self, folder: Path) -> nn.Module:
        """See ``Objective``."""
        from transformers import AutoModelForMaskedLM, BertForPreTraining

        loader, kinds = (
            (BertForPreTraining, ("bert",)) if self.settings.next_sentence else (AutoModelForMaskedLM, _KINDS)
        )
        model = read_model(folder, loader, kinds, dropout=self.settings.dropout, length=self.settings.length)
        return cast(nn.Module, model)

    def batch(self, rows: Rows, draws: Sequence[np.random.Generator]) -> Batch:
        """See ``Objective``."""
        ids, flags = rows["ids"].astype(np.int64), rows["flags"]
        shown, chosen = ids.copy(), np.zeros(ids.shape, dtype=bool)
        for row, rng in enumerate(draws):
            places = self._choose(ids[row], flags[row], rng)
            chosen[row, places] = True
            shown[row, places] = self._shown(ids[row, places], rng)
        units = units_in(flags)
        pairs_at, not_next = _asked(flags, units) if self.settings.next_sentence else (None, None)
        return tensors(
            {
                "ids": shown,
                "units": None if self.settings.across else units,
                "position_ids": None if self.settings.across else places_in(units),
                "types": (flags & TokenFlag.SECOND) != 0 if self.settings.next_sentence else None,
                "target_positions": np.flatnonzero(chosen),
                "targets": ids[chosen],
                "pairs": pairs_at,
                "not_next": not_next,
            }
        )

    def _choose(
        self, ids: npt.NDArray[np.int64], flags: npt.NDArray[np.uint8], rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Target positions: ``SHARE`` of the row's text, to the nearest token or (whole words) word."""
        text = np.flatnonzero(self._plain[ids] & ((flags & TokenFlag.ADDED) == 0))
        if not len(text):
            return text
        count = max(1, round(SHARE * len(text)))
        if not self.settings.whole_words:
            return rng.choice(text, count, replace=False)
        # A word split by the start of the row, and the first word of a unit, have no WORD mark.
        begins = (flags & (TokenFlag.WORD | TokenFlag.UNIT | TokenFlag.ADDED)) != 0
        _, word, sizes = np.unique(np.cumsum(begins)[text], return_inverse=True, return_counts=True)
        order = rng.permutation(len(sizes))
        taken = order[np.cumsum(sizes[order]) - sizes[order] / 2 <= count]
        return text[np.isin(word, taken if len(taken) else order[:1])]

    def _shown(self, ids: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The input tokens at the target positions."""
        draw, others = rng.random(len(ids)), rng.choice(self._ordinary, len(ids))
        hidden = np.where(draw < MASKED + DRAWN, others, ids)
        return np.where(draw < MASKED, self.vocabulary.id("mask"), hidden)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """See ``Objective``; with pairs, the sum of both mean losses."""
        network = cast(Any, model)
        inputs: dict[str, Tensor | None] = {"input_ids": batch["ids"]}
        if "units" in batch:
            inputs["attention_mask"] = attention(batch["units"], dtype_of(model))
            shifted = network.config.model_type in _ROBERTA
            inputs["position_ids"] = batch["position_ids"] + (network.config.pad_token_id + 1 if shifted else 0)
        if "types" in batch:
            inputs["token_type_ids"] = batch["types"]
        hidden = network.base_model(**inputs).last_hidden_state.flatten(0, 1)
        head = network.cls.predictions if hasattr(network, "cls") else network.lm_head
        loss = mean_loss(head(hidden.index_select(0, batch["target_positions"])), batch["targets"])
        if "pairs" in batch:
            pooled = torch.tanh(network.base_model.pooler.dense(hidden.index_select(0, batch["pairs"])))
            loss = loss + mean_loss(network.cls.seq_relationship(pooled), batch["not_next"])
        return loss


def _asked(
    flags: npt.NDArray[np.uint8], units: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Flat positions of pairs whose second segment is in the same row, and whether it is from another document."""
    length = flags.shape[1]
    visible = np.zeros((len(flags), length + 1), dtype=bool)
    row, place = np.nonzero((flags & (TokenFlag.SECOND | TokenFlag.ADDED)) == TokenFlag.SECOND)
    visible[row, units[row, place]] = True
    row, place = np.nonzero(flags & TokenFlag.PAIR)
    kept = visible[row, units[row, place]]
    row, place = row[kept], place[kept]
    return row * length + place, (flags[row, place] & TokenFlag.NEGATIVE) != 0
