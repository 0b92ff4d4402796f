"""Names of saved weights: files written before version 0.2 call the backbone ``trunk``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_OLD = re.compile(r"(^|/)trunk\.")


def with_current_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the names that today's modules use.

    Example:
        >>> list(with_current_names({"weight/trunk.words.weight": None, "head.bias": None}))
        ['weight/backbone.words.weight', 'head.bias']
    """
    return {_OLD.sub(r"\1backbone.", name): tensor for name, tensor in tensors.items()}


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, under today's names."""
    from safetensors.torch import load_file

    return with_current_names(load_file(path))
