"""A backbone that ONNX Runtime runs, for inference: token ids -> hidden states, as the exported network gave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.graph_sessions import GraphSession
from goldilocks.nets.tokenization.batching import Batch

if TYPE_CHECKING:
    from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings
    from goldilocks.nets.backbones.entity_marker_embeddings import EntityMarkerEmbeddings, EntityPositionEmbeddings

Ints = npt.NDArray[np.int64]
IDS, MASK, STATES = "ids", "mask", "states"
"""Inputs and output of the graph; channels of the batch (``types``, ``shapes``) are inputs under their own names."""


class OnnxBackbone(Backbone):
    """Hidden states of the top layer from an ONNX graph. Its weights cannot be trained."""

    depth = 1
    resumable = False
    casing_channels = ("shapes",)
    channel_width = 0

    def __init__(self, session: GraphSession, *, width: int, row_by_row: bool, file: Path | None = None) -> None:
        """Run the graph of a session.

        Args:
            session: The graph.
            width: Width of the hidden states.
            row_by_row: Run each row of a batch alone: dynamic quantisation derives the scale of an activation from all
                rows of a batch, so that an item's answer would depend on its neighbours.
            file: Where the graph was read from; an export copies it.
        """
        super().__init__()
        self.width = width
        self.row_by_row = row_by_row
        self.file = file
        self._session = session
        self.channel_embeddings = None

    @property
    def channels(self) -> list[str]:
        """Inputs of the graph beside ids and mask."""
        return [name for name in self._session.inputs if name not in (IDS, MASK)]

    @property
    def is_quantised(self) -> bool:
        """Whether the graph computes with int8."""
        import onnx

        if self.file is None:
            return False
        return any("QuantizeLinear" in node.op_type for node in onnx.load(self.file).graph.node)

    def runs_on(self, session: type[GraphSession]) -> bool:
        """Whether the graph is run by sessions of this class."""
        return type(self._session) is session

    def add_channel_embeddings(
        self, tables: CasingEmbeddings | EntityMarkerEmbeddings | EntityPositionEmbeddings
    ) -> None:
        """Nothing: the tables are in the graph."""

    def forward(self, batch: Batch, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """See ``Backbone.forward``; always from the ids to the top."""
        assert (start, hidden) == (0, None)
        assert stop in (None, self.depth)
        channels = {name: channel.numpy() for name, channel in batch.channels.items()}
        return torch.from_numpy(self.states(batch.ids.numpy(), batch.mask.numpy(), channels))

    def states(self, ids: Ints, mask: Ints, channels: Mapping[str, Ints]) -> npt.NDArray[np.float32]:
        """Hidden states of the top layer, ``(rows, tokens, width)``, of a padded batch, ``(rows, tokens)`` each."""
        empty = np.zeros_like(ids)  # a text that is not a pair has no token types: all are 0
        tables = {IDS: ids, MASK: mask, **channels}
        feeds = {name: tables.get(name, empty) for name in self._session.inputs}
        if not self.row_by_row or len(ids) == 1:
            return self._session.run(feeds)
        states = np.zeros((*ids.shape, self.width), dtype=np.float32)
        for row, length in enumerate(mask.sum(1).tolist()):
            alone = {name: table[row : row + 1, :length] for name, table in feeds.items()}
            states[row, :length] = self._session.run(alone)[0]
        return states

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``: the graph has no seam, so these are the states of the top layer too."""
        return self.forward(batch)

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """See ``Backbone.block``."""
        return hidden

    def groups(self) -> dict[str, list[str]]:
        """None: no weight is a parameter of PyTorch. See ``Backbone.groups``."""
        return {}
