"""Mean pooling and a linear head as weights of a BERT layer and a sequence-classification head.

The sequence classifiers of transformers take the state of the first token through a dense layer with an activation,
where our head takes the mean over all tokens. Both differences can be expressed in weights, so that a checkpoint needs
no code of its own:

- One more layer whose queries and keys are 0 attends to all tokens alike: its output is the mean of the values, and
  the values are the head's scores of each token. Layer norm keeps them up to a factor, since two further dimensions
  hold ``+A`` and ``-A``, far above the scores and the residual connection, and so fix mean and variance. A third holds
  0: what it has after layer norm is the rounding of the mean, which is subtracted.
- tanh is linear near 0, GELU (and ReLU) far above 0: the dense layer scales the scores down, or shifts them up, and the
  classifier undoes it.

In float32 the scores agree to about 1e-5 relative to the largest; half precision (which ends at 65,504) cannot hold
the weights of the layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_SIGNAL = 1e7
"""Factor on the scores: the residual connection adds a state of about 1 to them, which then does not matter."""
_DOMINANCE = 1e3
"""``A`` as a multiple of the scaled scores' largest norm: the variance then changes by less than 1e-6."""
_RESERVED = 3
"""Additional dimensions next to the scores: 0, ``+A`` and ``-A``."""
_LINEAR = 1e-3
"""Inputs up to this are linear to tanh, to 1e-6."""
_ABOVE_GELU = 10.0
"""From here on GELU is the identity in float32."""


@dataclass(frozen=True, slots=True)
class Head:
    """A linear head ``(n_labels, width)``, ``(n_labels,)`` and a bound on the norm of the states below it."""

    weight: Tensor
    bias: Tensor
    longest_state: float

    @property
    def largest_score(self) -> float:
        """Bound on the absolute value of each score without its bias."""
        return float(self.weight.norm(dim=1).max()) * self.longest_state


def longest_state(norm_weight: Tensor, norm_bias: Tensor) -> float:
    """Bound on the norm of what a layer norm gives, and so of a mean of it."""
    return float(norm_weight.abs().max()) * math.sqrt(len(norm_weight)) + float(norm_bias.norm())


def fits(n_labels: int, width: int) -> bool:
    """Whether ``pooling_layer`` has a dimension for each score."""
    return n_labels + _RESERVED <= width


def pooling_layer(head: Head, inner: int, epsilon: float) -> tuple[dict[str, Tensor], Head]:
    """Weights of a BERT layer whose output holds the mean of the scores, and the head that gets them from any token.

    Args:
        head: The head on the mean of the states; ``fits`` holds.
        inner: Width of the layer's MLP, which does nothing.
        epsilon: Epsilon of its layer norms.

    Returns:
        Weights by their name inside of a layer in transformers' BERT, and the head on the new layer's states.
    """
    n_labels, width = head.weight.shape
    zero = torch.zeros(width, width)
    values, scaled = zero.clone(), zero.clone()
    values[:n_labels] = head.weight
    places = torch.arange(n_labels)
    scaled[places, places] = _SIGNAL
    norm_of_scores = float(torch.linalg.matrix_norm(head.weight, 2)) * head.longest_state
    dominant = _DOMINANCE * _SIGNAL * max(norm_of_scores, 1e-3)
    fixed = torch.zeros(width)
    fixed[-2:] = torch.tensor([dominant, -dominant])
    none, ones = torch.zeros(width), torch.ones(width)
    weights = {
        "attention.self.query.weight": zero,
        "attention.self.query.bias": none,
        "attention.self.key.weight": zero,
        "attention.self.key.bias": none,
        "attention.self.value.weight": values,
        "attention.self.value.bias": none,
        "attention.output.dense.weight": scaled,
        "attention.output.dense.bias": fixed,
        "attention.output.LayerNorm.weight": ones,
        "attention.output.LayerNorm.bias": none,
        "intermediate.dense.weight": torch.zeros(inner, width),
        "intermediate.dense.bias": torch.zeros(inner),
        "output.dense.weight": torch.zeros(width, inner),
        "output.dense.bias": none,
        # The variance is 1 here: undo what its epsilon does.
        "output.LayerNorm.weight": ones * math.sqrt(1 + epsilon),
        "output.LayerNorm.bias": none,
    }
    back = dominant * math.sqrt(2 / width) / _SIGNAL  # what layer norm has divided the scores by
    selected = torch.zeros(n_labels, width)
    selected[places, places] = back
    selected[:, -_RESERVED] = -back
    return weights, Head(selected, head.bias, head.largest_score / back)


def through_tanh(head: Head) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weight and bias of a dense layer, and of the classifier above its tanh, that give the head's scores."""
    width = head.weight.shape[1]
    shrink = _LINEAR / max(head.longest_state, 1e-9)
    return torch.eye(width) * shrink, torch.zeros(width), head.weight / shrink, head.bias


def through_gelu(head: Head) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for GELU."""
    n_labels, width = head.weight.shape
    shift = head.largest_score + _ABOVE_GELU
    dense, selected = torch.zeros(width, width), torch.zeros(n_labels, width)
    dense[:n_labels] = head.weight
    places = torch.arange(n_labels)
    selected[places, places] = 1.0
    return dense, torch.full((width,), shift), selected, head.bias - shift
