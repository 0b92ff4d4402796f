"""Embeddings: the pooled vectors that a bundle's network computes before its head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from goldilocks.errors import InputError
from goldilocks.records import Text


@runtime_checkable
class SupportsPooling(Protocol):
    """A network whose head sees one vector for each item."""

    pools: bool
    """Whether it does so; others see a vector for each token."""

    def pooled(self, texts: Sequence[Text]) -> Any:
        """The vectors, ``(n_items, width)``, a torch tensor."""


def gives_embeddings(model: object) -> bool:
    """Whether a bundle's model has embeddings."""
    return isinstance(model, SupportsPooling) and model.pools is True


def embed(model: object, items: Sequence[Text]) -> list[tuple[float, ...]]:
    """The embedding of each item.

    Raises:
        InputError: the model has none.
    """
    if not isinstance(model, SupportsPooling) or model.pools is not True:
        raise InputError("this model has no embeddings; use one whose network pools, such as an encoder.")
    return [tuple(row) for row in model.pooled(items).float().cpu().tolist()]
