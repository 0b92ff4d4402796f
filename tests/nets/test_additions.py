from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.additions import Addition, add, added_parameters, build, not_traceable
from goldilocks.nets.network import Network
from goldilocks.testing import tiny

PART = tiny.part(12)
LAYERS = ["backbone.blocks.0.down", "backbone.blocks.1.down"]
KINDS: dict[str, dict[str, Any]] = {
    "adapters": {"layers": LAYERS, "width": 8},
    "edits": {"rank": 2, "first": 1, "last": 0},
    "virtual_tokens": {"count": 3, "encoder": "none"},
    "prefixes": {"count": 2},
}
FAMILY = plugins.load("families", "encoder")


@pytest.fixture
def network(tmp_path: Path) -> Network:
    torch.manual_seed(0)
    return tiny.encoder(tmp_path / "checkpoint", PART)


def stirred(network: Network) -> list[str]:
    """Names of the added weights, which get values that matter."""
    added = added_parameters(network)
    with torch.no_grad():
        for name in added:
            torch.nn.init.normal_(network.module.get_parameter(name), std=0.5)
    return added


@pytest.mark.parametrize("kind", KINDS)
def test_added_weights_are_named_and_no_others(kind: str, network: Network) -> None:
    before = {name for name, _ in network.module.named_parameters()}
    add(network, Addition(kind, KINDS[kind]))
    after = [name for name, _ in network.module.named_parameters()]
    new = [name for name in after if name not in before and ".base." not in name]
    assert new
    assert added_parameters(network) == new
    assert network.config.additions == (Addition(kind, KINDS[kind]),)


def test_network_without_additions_has_none(network: Network) -> None:
    assert added_parameters(network) == []
    assert not_traceable(network.config) is None


@pytest.mark.parametrize("kind", KINDS)
def test_saved_network_has_its_additions_again(kind: str, network: Network, tmp_path: Path) -> None:
    plain = network.predict(PART.texts).probabilities
    add(network, Addition(kind, KINDS[kind]))
    stirred(network)
    wanted = network.predict(PART.texts).probabilities
    network.save(tmp_path / "saved")

    again = FAMILY.restore(tmp_path / "saved")

    assert isinstance(again, Network)
    assert np.abs(wanted - plain).max() > 1e-4  # it does something
    assert np.abs(again.predict(PART.texts).probabilities - wanted).max() < 1e-5
    assert [entry.kind for entry in again.config.additions] == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_do_not_depend_on_the_padding_of_their_batch(kind: str, network: Network) -> None:
    add(network, Addition(kind, KINDS[kind]))
    stirred(network)
    alone = network.predict(["soup bread"]).probabilities
    beside = network.predict(["soup bread", " ".join(["the bank loan"] * 12)]).probabilities
    assert np.abs(beside[:1] - alone).max() < 1e-5


def test_several_additions_are_built_in_their_order(network: Network, tmp_path: Path) -> None:
    for kind, options in KINDS.items():
        add(network, Addition(kind, options))
    stirred(network)
    network.save(tmp_path / "saved")
    again = FAMILY.restore(tmp_path / "saved")
    assert isinstance(again, Network)
    assert [entry.kind for entry in again.config.additions] == list(KINDS)
    wanted = network.predict(PART.texts).probabilities
    assert np.abs(again.predict(PART.texts).probabilities - wanted).max() < 1e-5


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("adapters", None),
        ("prefixes", None),
        ("edits", "its method added edits between the blocks, which are not exported"),
        ("virtual_tokens", "its method added virtual_tokens between the blocks, which are not exported"),
    ],
)
def test_blocks_alone_give_the_states_unless_something_is_between_them(
    kind: str, reason: str | None, network: Network
) -> None:
    add(network, Addition(kind, KINDS[kind]))
    assert not_traceable(network.config) == reason


def test_unknown_addition_is_refused_in_one_line(network: Network) -> None:
    with pytest.raises(InputError, match=r"network\.json: no addition is named 'wings'; the file is damaged") as caught:
        build(network, Addition("wings", {}))
    assert "\n" not in str(caught.value)
