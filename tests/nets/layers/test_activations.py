"""Activation functions by name."""

import math

import pytest
import torch

from goldilocks.nets.layers.activations import ACTIVATIONS

X = torch.linspace(-3, 3, 13)
TANH = 0.5 * X * (1 + torch.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("silu", X * torch.sigmoid(X)),
        ("relu", X.clamp(min=0)),
        ("gelu", 0.5 * X * (1 + torch.erf(X / math.sqrt(2)))),
        ("gelu_new", TANH),
        ("gelu_pytorch_tanh", TANH),
    ],
)
def test_functions_are_those_of_their_papers(name: str, expected: torch.Tensor) -> None:
    torch.testing.assert_close(ACTIVATIONS[name](X), expected)
