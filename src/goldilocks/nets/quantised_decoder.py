"""Llama-style decoders with quantised matrices: made from a network, or empty for ``load_weights`` to fill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.llama import LlamaBackbone
from goldilocks.nets.layers.quantised_linear import GROUP, QuantisedEmbedding, QuantisedLinear, QuantisedMatrix
from goldilocks.nets.network import Network

TABLE_BITS = 8
"""Bits of word embeddings and LM head, also in a 4-bit model: errors there affect every token."""


def not_quantisable(model: object) -> str | None:
    """Why a model's matrices are not quantised, for the user; ``None``: they can be."""
    if not isinstance(model, Network):
        return "its network was built elsewhere"
    if not isinstance(model.backbone, LlamaBackbone):
        return f"only Llama-style decoders have 8- or 4-bit weights, this backbone is a {type(model.backbone).__name__}"
    if model.config.weight_bits:
        return f"its weights have {model.config.weight_bits} bits already"
    if model.config.head.KIND not in ("decoder_classifier", "decoder_generator"):
        return f"its head is a {model.config.head.KIND}, which computes in float32"
    if model.config.additions:
        return f"its method added {model.config.additions[0].kind} to the layers"
    odd = [name for name, layer in _matrices(model.backbone) if layer.weight.shape[1] % GROUP]
    return f"the rows of {odd[0]} are not a multiple of {GROUP}" if odd else None


def _matrices(backbone: LlamaBackbone) -> list[tuple[str, Any]]:
    kinds = (nn.Linear, nn.Embedding)
    return [(name, module) for name, module in backbone.named_modules() if isinstance(module, kinds)]


def quantise(model: Network, bits: int) -> None:
    """Quantise a network for which ``not_quantisable`` returns ``None``, in place, for inference only."""
    backbone = model.backbone
    assert isinstance(backbone, LlamaBackbone)
    originals = dict(_matrices(backbone))
    empty_quantised(backbone, bits)
    with torch.no_grad():
        for name, original in originals.items():
            module = backbone.get_submodule(name)
            assert isinstance(module, QuantisedMatrix)
            module.fill(original.weight)
            if isinstance(module, QuantisedLinear) and original.bias is not None:
                module.bias = original.bias.detach().float()
    backbone.forget_packed()
    model.config = replace(model.config, weight_bits=bits)


def empty_quantised(backbone: Backbone, bits: int) -> None:
    """Replace the matrices of a backbone by quantised ones of their shape, without weights."""
    assert isinstance(backbone, LlamaBackbone)
    for name, module in _matrices(backbone):
        quantised: QuantisedMatrix
        if isinstance(module, nn.Embedding):
            quantised = QuantisedEmbedding(module.num_embeddings, module.embedding_dim, TABLE_BITS)
        else:
            own_bits = TABLE_BITS if name == "last" else bits
            quantised = QuantisedLinear(module.out_features, module.in_features, own_bits, module.bias is not None)
        backbone.set_submodule(name, quantised)
