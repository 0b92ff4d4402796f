"""What methods that fine-tune a pretrained network share: which models they fit, the layers they address, the head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.records import ModelInfo

if TYPE_CHECKING:
    from goldilocks.nets.network import Network

MATRICES = ("attention", "mlp")
"""Weight groups with the large matrices."""
_BLOCK = re.compile(r"^.*\.\d+(?=\.)")
"""A parameter's name up to its last number: the block it belongs to."""


def not_trainable(info: ModelInfo) -> str | None:
    """Why no method that trains weights fits; ``None``: one may."""
    return None if set(info.groups) - {"prompt"} else "not trained by gradient descent; use `scratch`"


def not_freezable(info: ModelInfo) -> str | None:
    """Why a method that trains only a part of the weights does not fit; ``None``: it may."""
    if info.pretrained:
        return not_trainable(info)
    return not_trainable(info) or "not pretrained, so frozen weights would stay random; use `scratch`"


def not_tunable(info: ModelInfo, groups: Sequence[str] = MATRICES) -> str | None:
    """Why a method that trains a few weights of a pretrained network does not fit; ``None``: it does.

    Args:
        info: The model.
        groups: Weight groups of which it must have at least one.
    """
    reason = not_freezable(info)
    if reason is None and not set(groups) & set(info.groups):
        return f"has no {' or '.join(groups)} weights to adapt, only {', '.join(info.groups)}; use `full`"
    return reason


def adapted_layers(network: Network, groups: Sequence[str]) -> list[str]:
    """Names of the submodules with a matrix in these weight groups; not all of them need be linear layers."""
    by_group = network.groups()
    names = [name for group in groups for name in by_group.get(group, [])]
    return [name.removesuffix(".weight") for name in names if name.endswith(".weight")]


def output_layers(network: Network, groups: Sequence[str]) -> list[str]:
    """Names of the last linear layer of each block and group: it writes into the residual stream."""
    from goldilocks.nets.layers.wrapped_linear import is_linear

    last: dict[tuple[str, str], str] = {}
    for group in groups:
        for name in adapted_layers(network, [group]):
            block = _BLOCK.match(name)
            if block is not None and is_linear(network.module.get_submodule(name)):
                last[group, block.group()] = name
    return list(last.values())


def freeze_all_but_head(network: Network) -> None:
    """Freeze the network; only its head (a pretrained decoder is not a head) stays trainable."""
    network.module.requires_grad_(False)
    for name in network.groups().get("head", []):
        network.module.get_parameter(name).requires_grad_(True)


def need_layers(count: int, method: str, groups: Sequence[str], network: Network) -> None:
    """Check that a method found a layer to adapt.

    Raises:
        InputError: it found none.
    """
    if not count:
        group_names = ", ".join(network.groups())
        raise InputError(f"{method}: no linear layer in the groups {', '.join(groups)}; there are {group_names}.")
