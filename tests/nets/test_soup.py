from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.soup import averaged, mixable
from goldilocks.testing import tiny


def networks(folder: Path, *methods: str) -> list[Any]:
    family = plugins.load("families", "encoder")
    checkpoint = tiny.encoder_folder(folder / "checkpoint")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    made = []
    for number, method in enumerate(methods):
        network: Any = family.create(info, checkpoint, tiny.part(), tiny.GOAL, seed=number)
        plugin = plugins.load("methods", method)
        plugin.prepare(network, plugin.Options())
        network.save(folder / str(number))
        made.append(network)
    return made


def test_weights_are_the_mean(tmp_path: Path) -> None:
    first, second = networks(tmp_path, "full", "full")
    assert mixable(tmp_path / "0", tmp_path / "1")
    soup = first.twin()
    averaged(soup, [tmp_path / "0", tmp_path / "1"])
    assert not torch.equal(first.head.weight, second.head.weight)
    assert soup.head.weight.detach().numpy() == pytest.approx(
        ((first.head.weight + second.head.weight) / 2).detach().numpy(), abs=1e-6
    )
    assert torch.equal(soup.backbone.words.weight, first.backbone.words.weight)


def test_networks_with_additions_cannot_be_mixed(tmp_path: Path) -> None:
    networks(tmp_path, "full", "adapter")
    assert not mixable(tmp_path / "0", tmp_path / "1")
    assert not mixable(tmp_path / "1", tmp_path / "1")
    assert not mixable(tmp_path, tmp_path)
