"""R-Drop: two predictions of an item with different dropout masks are pulled towards each other.

Source: Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", equations 2 to 4: the mean cross entropy
of both, plus alpha times the mean of both Kullback-Leibler divergences. As in the authors' code the cross entropies are
averaged where equation 4 sums them, so that the same learning rates fit with and without it.
"""

from __future__ import annotations

from torch import Tensor


def symmetric_divergence(first: Tensor, second: Tensor) -> Tensor:
    """(KL(p‖q) + KL(q‖p)) / 2 of each item, ``(n_items,)``, from log probabilities ``(n_items, n_labels)``.

    Example:
        >>> import torch
        >>> p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]])
        >>> symmetric_divergence(p.log(), q.log()).round(decimals=4)  # (0.4 * ln 1.8 + 0.4 * ln 5) / 2
        tensor([0.4394])
    """
    return ((first.exp() - second.exp()) * (first - second)).sum(-1) / 2
