"""Names of saved weights: parameters that were renamed since a file was written are found under today's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# In this order; names may follow "weight/", "first/" or "second/" in the checkpoint of a run.
_RENAMED = (
    (re.compile(r"(^|/)trunk\."), r"\1backbone."),
    (re.compile(r"(^|/)backbone\.((?:inner\.)*)marks\."), r"\1backbone.\2channel_embeddings."),
    (re.compile(r"(^|/)head\.((?:\d+\.)?(?:chain|crf))\.moves$"), r"\1head.\2.transitions"),
    (re.compile(r"(^|/)head\.((?:\d+\.)?(?:chain|crf))\.first$"), r"\1head.\2.start_transitions"),
)


def current_name(name: str) -> str:
    """Today's name of a parameter.

    Example:
        >>> current_name("weight/trunk.words.weight"), current_name("backbone.marks.shapes.weight")
        ('weight/backbone.words.weight', 'backbone.channel_embeddings.shapes.weight')
    """
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name


def with_current_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the names that today's modules use."""
    return {current_name(name): tensor for name, tensor in tensors.items()}


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, under today's names."""
    from safetensors.torch import load_file

    return with_current_names(load_file(path))
