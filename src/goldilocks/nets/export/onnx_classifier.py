"""A sequence classifier whose backbone is an ONNX graph: pooling, linear head and softmax in NumPy.

Around the graph of a short text, PyTorch's many small operators take several times as long as NumPy's few. What is
computed here for an item does not depend on the other items of its batch, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from goldilocks.answers import Answers, of_labels
from goldilocks.nets.backbones.onnx_backbone import OnnxBackbone
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import padded_arrays
from goldilocks.records import Text

Floats = npt.NDArray[np.float32]


class OnnxClassifier(Network):
    """As ``Network``, for inference."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``."""
        backbone = self.backbone
        if not isinstance(backbone, OnnxBackbone) or not isinstance(self.head, nn.Linear):
            return super().predict(texts)
        if self.config.pooling not in ("mean", "first"):
            return super().predict(texts)
        pooled = np.empty((len(texts), backbone.width), dtype=np.float32)
        rows = self.rows(texts) if texts else []
        for chosen in self.groups_of([len(row) for row in rows]):
            ids, mask, channels = padded_arrays([rows[place] for place in chosen], self.config.pad_id)
            states = backbone.states(ids, mask, channels)
            pooled[chosen] = states[:, 0] if self.config.pooling == "first" else _mean(states, mask)
        # Not by BLAS, whose rounding depends on the number of rows.
        scores = np.einsum("nw,lw->nl", pooled, _array(self.head.weight)) + _array(self.head.bias)
        return of_labels(
            _sigmoid(scores) if self.config.several else _softmax(scores), self.labels, several=self.config.several
        )


def _array(weight: torch.Tensor) -> Floats:
    """The weight itself, which ``divide_logits`` changes in place."""
    array: Floats = weight.detach().numpy()
    return array


def _mean(states: Floats, mask: npt.NDArray[np.int64]) -> Floats:
    counts = mask.sum(1, keepdims=True)
    kept = states if counts.min() == mask.shape[1] else states * mask[..., None]
    means: Any = kept.sum(1, dtype=np.float32) / counts
    return np.asarray(means, dtype=np.float32)


def _softmax(scores: Floats) -> Floats:
    powers: Floats = np.exp(scores - scores.max(1, keepdims=True))
    shares: Floats = powers / powers.sum(1, keepdims=True)
    return shares


def _sigmoid(scores: Floats) -> Floats:
    shares: Floats = 0.5 * (1 + np.tanh(0.5 * scores))  # no overflow, whatever the score
    return shares
