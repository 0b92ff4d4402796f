"""A static embedding made from an encoder: the table of what it makes of each token alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from goldilocks.nets.assemble import BackboneSpec, config_for, head_without_interactions, network
from goldilocks.nets.backbones.base import pool
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.network import Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Row, padded
from goldilocks.nets.tokenization.pruned_vocabulary import MODELS, model_of, with_vocabulary
from goldilocks.nets.tokenization.tokenizer import special_tokens
from goldilocks.records import Part, Text

_TOKENS = 256
"""Tokens encoded at a time."""


def no_token_vectors(model: object) -> str | None:
    """Why a network has no vectors of its tokens, for the user; ``None``: it has."""
    if not isinstance(model, Network) or not isinstance(model.backbone, BertBackbone):
        return "only BERT-shaped encoders that encode a text as a whole have token vectors"
    if model.config.head.KIND != "classifier":
        return f"its head ({model.config.head.KIND}) sees more than the mean of the tokens"
    kind = model_of(model.tokenizer)
    return None if kind in MODELS else f"its tokenizer ({kind}) has no subwords"


def static_student(teacher: Network, texts: Sequence[Text], *, kind: str, width: int) -> Network:
    """An untrained head on the mean of token vectors, over the tokens that occur in texts and those that spell others.

    Args:
        teacher: An encoder for which ``no_token_vectors`` returns ``None``.
        texts: Whose tokens are kept.
        kind: Name of the backbone in ``network.json``.
        width: Width of the vectors; less where the encoder's hidden states are narrower or there are fewer tokens.
    """
    used = np.unique(np.concatenate([row.ids for row in teacher.rows(texts)]))
    tokenizer, kept = with_vocabulary(teacher.tokenizer, [int(number) for number in used])
    table = principal_components(token_vectors(teacher, kept), width)
    content = json.loads(tokenizer.to_str())
    content["post_processor"] = None  # special tokens are the same in every text
    spec = BackboneSpec(kind, {"vocabulary": len(kept), "width": table.shape[1]}, _backbone)
    part = Part(tuple(texts[:1]), (), (1,))
    head = head_without_interactions(part, teacher.config.goal)
    config = config_for(teacher.config.goal, spec, head, pooling="mean", max_tokens=teacher.config.max_tokens)
    backbone = _backbone(config)
    backbone.words.weight.data.copy_(table)
    torch.manual_seed(0)
    return network(backbone, type(tokenizer).from_str(json.dumps(content, ensure_ascii=False)), config)


def _backbone(config: NetworkConfig) -> EmbeddingBackbone:
    return EmbeddingBackbone(**config.options)


def token_vectors(teacher: Network, ids: Sequence[int]) -> Tensor:
    """The mean hidden state of each token between the special tokens, ``(n_tokens, width)``."""
    before, after = special_tokens(teacher.tokenizer)
    rows = [Row(np.concatenate([before, [number], after]).astype(np.int32), place) for place, number in enumerate(ids)]
    teacher.module.eval()
    vectors = []
    with torch.no_grad():
        for start in range(0, len(rows), _TOKENS):
            batch = padded(rows[start : start + _TOKENS], teacher.config.pad_id).to(teacher.device)
            vectors.append(pool(teacher.backbone(batch), batch.mask, "mean").cpu())
    return torch.cat(vectors)


def principal_components(vectors: Tensor, width: int) -> Tensor:
    """Coordinates along the ``width`` directions of the largest variance, with a root mean square of 1."""
    centred = vectors - vectors.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    reduced: Tensor = centred @ directions[:width].T
    reduced /= reduced.square().mean().sqrt().clamp(min=1e-9)
    return reduced
