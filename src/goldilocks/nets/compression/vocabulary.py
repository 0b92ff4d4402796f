"""Networks with a smaller vocabulary: tokenizer and word table without the tokens that texts do not need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.pruned_vocabulary import MODELS, model_of, with_vocabulary
from goldilocks.records import Text

_LOOKUP_HEADS = (
    "classifier",
    "pair_classifier",
    "relation_classifier",
    "token_classifier",
    "span_extractor",
    "pair_scorer",
)
"""Heads of networks that only look vectors up in the table."""


def not_prunable(model: object) -> str | None:
    """Why a network's vocabulary cannot be pruned, for the user; ``None``: it can."""
    if not isinstance(model, Network) or model.backbone.word_embedding is None:
        return "it has no table of word embeddings"
    table = model.backbone.get_submodule(model.backbone.word_embedding)
    if not isinstance(table, nn.Embedding) or "vocabulary" not in model.config.options:
        return "its word embeddings are not a table of their own"
    if model.config.head.KIND not in _LOOKUP_HEADS or model.backbone.is_causal:
        return "its word embeddings may be the output matrix too"
    kind = model_of(model.tokenizer)
    return (
        None if kind in MODELS else f"its vocabulary is made of whole words ({kind}), which come from its training rows"
    )


def prune_vocabulary(network: Network, texts: Sequence[Text]) -> None:
    """Keep the tokens that occur in texts, and those that spell all others; the network is then ready to be saved.

    Args:
        network: One for which ``not_prunable`` returns ``None``. It is changed in place; save and load it before use.
        texts: Whose tokenization stays as it is.
    """
    name = str(network.backbone.word_embedding)
    table = network.backbone.get_submodule(name)
    assert isinstance(table, nn.Embedding)
    used = np.unique(np.concatenate([np.asarray([network.config.pad_id]), *(row.ids for row in network.rows(texts))]))
    tokenizer, kept = with_vocabulary(network.tokenizer, [int(number) for number in used])
    kept = [old for old in kept if old < table.num_embeddings]
    weights = table.weight.detach()[torch.tensor(kept)].clone()
    network.backbone.set_submodule(name, nn.Embedding(len(kept), weights.shape[1], _weight=weights))
    if isinstance(network.backbone, BertBackbone):
        network.backbone.options = replace(network.backbone.options, vocabulary=len(kept))
    options = {**network.config.options, "vocabulary": len(kept)}
    network.config = replace(network.config, options=options, pad_id=kept.index(network.config.pad_id))
    network.tokenizer = tokenizer
