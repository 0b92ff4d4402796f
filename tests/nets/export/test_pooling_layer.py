from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.export.pooling_layer import (
    Head,
    fits,
    longest_state,
    pooling_layer,
    through_gelu,
    through_tanh,
)

WIDTH, HEADS, INNER, EPSILON = 16, 4, 8, 1e-12


def states(tokens: int, seed: int = 0) -> tuple[Tensor, float]:
    """What a layer norm gives, ``(tokens, width)``, and the bound on its norm."""
    generator = torch.Generator().manual_seed(seed)
    weight, bias = torch.rand(WIDTH, generator=generator) + 0.5, torch.randn(WIDTH, generator=generator)
    hidden = F.layer_norm(torch.randn(tokens, WIDTH, generator=generator), (WIDTH,), weight, bias)
    return hidden, longest_state(weight, bias)


def head(n_labels: int, bound: float, size: float = 1.0) -> Head:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(n_labels, WIDTH, generator=generator) * size
    return Head(weight, torch.randn(n_labels, generator=generator), bound)


def bert_layer(hidden: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """A layer of transformers' BERT, written out, on ``(tokens, width)``."""

    def linear(name: str, inputs: Tensor) -> Tensor:
        return F.linear(inputs, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str, inputs: Tensor) -> Tensor:
        return F.layer_norm(inputs, (WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"], EPSILON)

    parts = (linear(f"attention.self.{name}", hidden) for name in ("query", "key", "value"))
    query, key, value = (part.view(len(hidden), HEADS, -1).transpose(0, 1) for part in parts)
    shares = (query @ key.transpose(1, 2) / math.sqrt(WIDTH // HEADS)).softmax(-1)
    attended = (shares @ value).transpose(0, 1).reshape(hidden.shape)
    hidden = norm("attention.output.LayerNorm", linear("attention.output.dense", attended) + hidden)
    return norm("output.LayerNorm", linear("output.dense", F.gelu(linear("intermediate.dense", hidden))) + hidden)


@pytest.mark.parametrize("n_labels", [1, 3, WIDTH - 3])
@pytest.mark.parametrize("tokens", [1, 2, 40])
@pytest.mark.parametrize("size", [0.02, 10.0])
def test_every_token_above_the_layer_holds_the_scores_of_the_mean(n_labels: int, tokens: int, size: float) -> None:
    hidden, bound = states(tokens)
    own = head(n_labels, bound, size)
    wanted = F.linear(hidden.mean(0), own.weight, own.bias)

    weights, above = pooling_layer(own, INNER, EPSILON)

    got = F.linear(bert_layer(hidden, weights), above.weight, above.bias)
    largest = max(1.0, own.largest_score)
    assert torch.allclose(got, wanted.expand(tokens, -1), atol=2e-5 * largest)
    assert float(got.abs().max()) < above.largest_score + float(own.bias.abs().max()) + 1e-3 * largest


def test_layer_has_the_shapes_of_its_neighbours() -> None:
    weights, above = pooling_layer(head(3, 5.0), INNER, EPSILON)
    assert weights["intermediate.dense.weight"].shape == (INNER, WIDTH)
    assert weights["output.dense.weight"].shape == (WIDTH, INNER)
    assert above.weight.shape == (3, WIDTH)
    assert all(bool(weight.isfinite().all()) for weight in weights.values())


def test_head_through_tanh_gives_the_same_scores() -> None:
    hidden, bound = states(20)
    own = head(3, bound)
    weight, bias, out, out_bias = through_tanh(own)
    got = F.linear(torch.tanh(F.linear(hidden, weight, bias)), out, out_bias)
    assert torch.allclose(got, F.linear(hidden, own.weight, own.bias), atol=1e-4)


def test_head_through_gelu_gives_the_same_scores() -> None:
    hidden, bound = states(20)
    own = head(3, bound)
    weight, bias, out, out_bias = through_gelu(own)
    got = F.linear(F.gelu(F.linear(hidden, weight, bias)), out, out_bias)
    assert torch.allclose(got, F.linear(hidden, own.weight, own.bias), atol=1e-4)


def test_bounds_hold() -> None:
    for seed in range(5):
        hidden, bound = states(200, seed)
        own = head(4, bound)
        assert float(hidden.norm(dim=1).max()) <= bound
        assert float(F.linear(hidden, own.weight).abs().max()) <= own.largest_score


def test_three_dimensions_are_needed_beside_the_scores() -> None:
    assert fits(13, 16)
    assert not fits(14, 16)
