"""Int8 tables: the weights of n-gram models, and the word embeddings of static embeddings and other networks.

Symmetric absmax quantisation, without calibration: of n-gram models with a scale for each label, of embeddings with one
for each token. Weights of an n-gram model under softmax are first centred over the labels, which changes no probability
and makes the numbers of naive Bayes (logarithms of small probabilities) several times smaller. Memory shrinks as the
file does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from goldilocks.classical.ngram_linear import NgramLinear
from goldilocks.protocols import Calibration, Model

KIND = "quantise"
ENGINE = "native"
LEVELS = (1.0,)
SOURCE = "Absmax quantisation as in Dettmers et al. 2022, LLM.int8(), section 2.1, by row or column of a table."
_STEPS = 127
_LOOKUP_HEADS = ("classifier", "relation_classifier", "token_classifier", "span_extractor", "pair_scorer")
"""Heads of networks that only look vectors up in the table."""


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if isinstance(model, NgramLinear):
        weights = model.solution.weights
        return None if weights.dtype == np.float32 else f"its weights are {weights.dtype} already"
    if not hasattr(model, "module"):
        return "it has no table of weights"
    from torch import float32, nn

    from goldilocks.nets.network import Network

    if not isinstance(model, Network) or model.backbone.word_embedding is None:
        return "it has no table of word embeddings"
    table = model.backbone.get_submodule(model.backbone.word_embedding)
    if not isinstance(table, nn.Embedding) or table.weight.dtype != float32:
        return "its word embeddings are not float32 table"
    if model.config.head.KIND not in _LOOKUP_HEADS or model.backbone.is_causal:
        return "its word embeddings may be the output matrix too, which needs float32"
    return None


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    if isinstance(model, NgramLinear):
        _quantise(model)
    else:
        from goldilocks.nets.layers.int8_embedding import quantise_table
        from goldilocks.nets.network import Network

        assert isinstance(model, Network)
        quantise_table(model.backbone, str(model.backbone.word_embedding))
        model.config = replace(model.config, int8_embeddings=True)
    model.save(folder)


def _quantise(model: NgramLinear) -> None:
    weights, bias = model.solution.dense(), model.solution.bias
    if not model.several:
        weights = weights - weights.mean(1, keepdims=True)
    scale = np.maximum(np.abs(weights).max(0, initial=0.0), np.finfo(np.float32).tiny) / _STEPS
    steps = np.clip(np.rint(weights / scale), -_STEPS, _STEPS).astype(np.int8)
    model.solution = replace(model.solution, weights=steps, bias=bias, scale=scale.astype(np.float32))
