"""Model soups: the mean of the weights of several runs of one network, which costs no more than one to run.

Source: Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from goldilocks.nets.network import Network
from goldilocks.nets.training.weight_names import read_weights


def mixable(first: Path, second: Path) -> bool:
    """Whether two saved networks differ in nothing but their weights."""
    configs = [_config(folder) for folder in (first, second)]
    return configs[0] is not None and configs[0] == configs[1]


def _config(folder: Path) -> dict[str, object] | None:
    path = folder / "network.json"
    if not path.exists() or (folder / "prompt.json").exists():
        return None
    config: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return None if config.get("additions") else config


def averaged(network: Network, folders: Sequence[Path]) -> None:
    """Give a network the mean weights of saved ones that are ``mixable``, in place."""
    names = dict(network.module.state_dict())
    sums: dict[str, torch.Tensor] = {}
    for folder in folders:
        for name, weight in read_weights(folder / "weights.safetensors").items():
            sums[name] = sums[name] + weight.float() if name in sums else weight.float()
    with torch.no_grad():
        for name, total in sums.items():
            names[name].copy_(total / len(folders))
