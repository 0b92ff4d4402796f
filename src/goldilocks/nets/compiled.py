"""Blocks of an encoder compiled by ``torch.compile`` for inference on this processor."""

from __future__ import annotations

import os
import warnings
from typing import cast

import torch

from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone
from goldilocks.nets.hub.conversion_cache import cache_folder
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch

_WARM_UP = ((1, 8, 8), (1, 90, 90), (2, 8, 6), (2, 90, 80))
"""Rows, tokens, and tokens of the last row: with and without padding, few and many tokens."""


BACKEND = "inductor"
"""Backend of ``torch.compile``."""


def not_compilable(model: Network) -> str | None:
    """Why a network is not compiled, for the user; ``None``: it can be."""
    backbone = _inner(model.backbone)
    if isinstance(backbone, BertBackbone):
        return None
    return f"only BERT-shaped encoders are compiled, this backbone is a {type(backbone).__name__}"


def _inner(backbone: Backbone) -> Backbone:
    return backbone.inner if isinstance(backbone, BiEncoderBackbone) else backbone


def compile_blocks(model: Network) -> None:
    """Compile the blocks for batches of any size, now; their weights must not change any more.

    Raises:
        InputError: they cannot be compiled on this machine.
    """
    cache = os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "inductor"))
    backbone = cast(BertBackbone, _inner(model.backbone))
    model.module.eval()
    try:
        _compile(backbone)
    except RuntimeError as error:  # of Dynamo and Inductor; the message holds the whole compiler output
        name = type(error.__cause__ or error).__name__
        raise InputError(
            f"torch.compile failed on this machine ({name}); use another engine, or remove {cache} where an earlier "
            "process was ended while it compiled."
        ) from error


def _compile(backbone: BertBackbone) -> None:
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Inductor warns about torch's own parts
        for block in backbone.blocks:
            block.compile(dynamic=True, backend=BACKEND)
        longest = backbone.options.positions - backbone.options.first_position
        for rows, tokens, last in _WARM_UP:
            mask = torch.ones((rows, min(tokens, longest)), dtype=torch.int64)
            mask[-1, last:] = 0
            backbone(Batch(torch.zeros_like(mask), mask, {}, ()))
