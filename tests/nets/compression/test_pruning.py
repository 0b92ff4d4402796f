"""Structured pruning against masks, single rows and full ranks; the network is tiny and its weights are random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.backbones.bert import MATRICES, BertBackbone, backbone_from
from goldilocks.nets.compression.pruning import (
    block_order,
    drawn_gold,
    factorised,
    kept_places,
    low_rank,
    mask_importance,
    narrowed,
    second_moments,
    with_blocks,
)
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import padded
from goldilocks.testing import tiny

TEXTS = tiny.part(24).texts


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return tiny.encoder(tmp_path / "checkpoint", tiny.part(24), depth=3)


def bert(network: Network) -> BertBackbone:
    assert isinstance(network.backbone, BertBackbone)
    return network.backbone


def probabilities(network: Network) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(network.predict(TEXTS).probabilities)


def everything(network: Network) -> tuple[list[list[int]], list[list[int]]]:
    return [list(range(4))] * 3, [list(range(64))] * 3


def test_network_with_all_heads_and_neurons_is_the_same(network: Network) -> None:
    np.testing.assert_allclose(
        probabilities(narrowed(network, *everything(network))), probabilities(network), atol=1e-6
    )


def test_narrow_network_answers_as_the_wide_one_with_zeroed_heads_and_neurons(network: Network) -> None:
    heads, inner = everything(network)
    heads[1], inner[2] = [0, 2], [3, 5, 8, 60]
    small = narrowed(network, heads, inner)

    with torch.no_grad():  # a head or neuron whose way out is zero contributes nothing
        gone = [head for head in range(4) if head not in heads[1]]
        bert(network).get_parameter("blocks.1.out.weight").view(32, 4, 8)[:, gone] = 0
        bert(network).get_parameter("blocks.2.down.weight")[
            :, [place for place in range(64) if place not in inner[2]]
        ] = 0

    np.testing.assert_allclose(probabilities(small), probabilities(network), atol=1e-6)
    assert bert(small).options.block_heads == (4, 2, 4)
    assert bert(small).options.block_inner == (64, 64, 4)
    assert small.size_bytes() < network.size_bytes()


def test_shapes_of_a_pruned_network_survive_saving(network: Network, tmp_path: Path) -> None:
    small = narrowed(with_blocks(network, [0, 2]), [[0, 1], [3]], [list(range(16)), list(range(32))])
    small.save(tmp_path / "small")

    again = plugins.load("families", "encoder").restore(tmp_path / "small")

    np.testing.assert_allclose(again.predict(TEXTS).probabilities, probabilities(small), atol=1e-6)


def test_network_without_a_block_computes_the_others_in_order(network: Network) -> None:
    small = with_blocks(network, [0, 2])

    batch = padded(network.rows(TEXTS), 0)
    with torch.no_grad():
        hidden = network.backbone.block(0, network.backbone.embed(batch), batch.mask)
        hidden = network.backbone.block(2, hidden, batch.mask)
        torch.testing.assert_close(small.backbone(batch), hidden)


def test_block_that_changes_nothing_is_removed_first(network: Network) -> None:
    with torch.no_grad():  # nothing is added to the residual stream, which is normalised already
        for name in ("out.weight", "out.bias", "down.weight", "down.bias"):
            bert(network).get_parameter(f"blocks.1.{name}").zero_()

    assert block_order(network, TEXTS, 2)[0] == 1
    assert len(bert(network).blocks) == network.backbone.depth == 3  # the network itself is as it was


def test_importance_is_the_squared_gradient_of_each_text(network: Network) -> None:
    heads, inner = mask_importance(network, TEXTS, seed=3)
    gold = drawn_gold(network, TEXTS, seed=3)

    by_hand = np.zeros(4)
    out = bert(network).get_submodule("blocks.1.out")
    for text, answer in zip(TEXTS, gold, strict=True):
        batch = padded(network.rows([text]), 0)
        mask = torch.ones(4, requires_grad=True)
        hook = out.register_forward_pre_hook(lambda _, given, mask=mask: (given[0] * mask.repeat_interleave(8),))
        targets = [network.labels.index(str(answer))]
        (gradient,) = torch.autograd.grad(network.loss(network.backbone(batch), batch, targets), mask)
        hook.remove()
        by_hand += gradient.numpy() ** 2

    np.testing.assert_allclose(heads[1], by_hand, rtol=1e-3)
    assert [len(own) for own in inner] == [64, 64, 64]


def test_share_of_heads_and_neurons_is_kept_and_every_block_has_some(network: Network) -> None:
    heads, inner = kept_places(network, TEXTS, 0.5)

    assert sum(map(len, heads)) == 6
    assert all(own for own in heads)
    assert all(len(own) % 16 == 0 and own for own in inner)


def test_full_rank_is_the_same_network(network: Network) -> None:
    full = factorised(network, second_moments(network, TEXTS), 2.0)  # twice the weights: no rank is cut

    np.testing.assert_allclose(probabilities(full), probabilities(network), atol=1e-4)


def test_low_rank_product_is_better_than_the_plain_svd_on_its_inputs() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(20, 12, generator=generator)
    inputs = torch.randn(500, 12, generator=generator) * torch.logspace(0, -2, 12)  # some directions hardly occur
    moment = (inputs.double().T @ inputs.double()) / 500

    first, second = low_rank(matrix, moment, 4)

    left, sizes, right = torch.linalg.svd(matrix)
    plain = (left[:, :4] * sizes[:4]) @ right[:4]
    error, plain_error = ((inputs @ (matrix - product).T).square().mean() for product in (second @ first, plain))
    assert float(error) < 0.5 * float(plain_error)


def test_second_moments_leave_padding_out(network: Network) -> None:
    alone = second_moments(network, ["soup"])
    beside = second_moments(network, ["soup", "soup the a we saw today about with very again"])

    assert set(alone) == {f"{block}.{matrix}" for block in range(3) for matrix in MATRICES}
    states = bert(network).embed(padded(network.rows(["soup"]), 0))[0].detach().double()
    torch.testing.assert_close(alone["0.qkv"], states.T @ states / len(states), rtol=1e-5, atol=1e-8)
    long = bert(network).embed(padded(network.rows(["soup the a we saw today about with very again"]), 0))[0]
    every = torch.cat([states, long.detach().double()])
    torch.testing.assert_close(beside["0.qkv"], every.T @ every / len(every), rtol=1e-5, atol=1e-8)


def test_options_of_earlier_versions_build_the_same_network(network: Network) -> None:
    old = {name: value for name, value in network.config.options.items() if not name.startswith("block_")}

    assert [tuple(weight.shape) for weight in backbone_from(old).parameters()] == [
        tuple(weight.shape) for weight in network.backbone.parameters()
    ]
