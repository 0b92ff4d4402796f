"""What the graph of an exported network takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from goldilocks.nets.backbones.onnx_backbone import MASK

Axes = tuple[str | int, ...]
"""Names of axes that are left open, and sizes of the others."""
PLACES, FEATURES = "places", "features"
"""Inputs of taggers: positions of the words, and their feature numbers. ``places`` of label words: of the masks."""
_EXAMPLE = {"rows": 2, "tokens": 3, "words": 2}
"""Few tokens: then attention is traced as plain products, which hold for any length."""


@dataclass(frozen=True, slots=True)
class GraphSignature:
    """Inputs and output of a graph: name -> its axes."""

    inputs: dict[str, Axes]
    """int64, all of them. The first axis is ``rows``, or 1 where the graph takes one row at a time, without padding:
    dynamic quantisation derives the scale of an activation from all rows of a batch, so that an item's answer would
    depend on its neighbours. Such a graph has no ``mask``."""
    output: str
    """``probabilities`` (rows, labels); ``scores`` of a cross-encoder (rows, 1), of a span extractor (rows, tokens,
    start and end), of a tagger (rows, words, tags); ``vectors`` of a bi-encoder (rows, width), normalised."""
    axes: Axes
    """Of the output."""

    @property
    def batches(self) -> bool:
        """Whether it takes several rows at a time."""
        return MASK in self.inputs

    def example(self) -> dict[str, Tensor]:
        """Small inputs to trace with."""
        return {
            name: torch.ones([_EXAMPLE.get(size, 1) if isinstance(size, str) else size for size in axes]).long()
            for name, axes in self.inputs.items()
        }

    def open_axes(self) -> dict[str, dict[int, str]]:
        """Name of an input or of the output -> axis -> name of its size, which is left open."""
        return {
            name: {place: size for place, size in enumerate(axes) if isinstance(size, str)}
            for name, axes in {**self.inputs, self.output: self.axes}.items()
        }
