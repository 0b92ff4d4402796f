"""IA3: keys, values and the MLP's inner activations are multiplied by trained vectors.

Source: Liu et al. 2022, "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from goldilocks.nets.layers.wrapped_linear import WrappedLinear


class Ia3Linear(WrappedLinear):
    """``base(x · factors)``, or ``base(x) · factors`` for some outputs. Starts as ``base``: the factors are 1."""

    def __init__(self, base: nn.Module, *, scaled: slice | None) -> None:
        """Wrap and freeze ``base``.

        Args:
            base: The layer.
            scaled: The outputs that are multiplied; ``None``: all of the inputs instead.
        """
        super().__init__(base)
        self.scaled = scaled
        count = self.inputs if scaled is None else len(range(*scaled.indices(self.outputs)))
        self.factors = nn.Parameter(torch.ones(count, dtype=self.weight.dtype, device=self.weight.device))

    def _of_outputs(self) -> Tensor:
        """A factor for each output; 1 for those that are not multiplied."""
        count = self.outputs
        assert self.scaled is not None
        if len(self.factors) == count:
            return self.factors
        start, stop, _ = self.scaled.indices(count)
        return torch.cat((self.factors.new_ones(start), self.factors, self.factors.new_ones(count - stop)))

    def forward(self, inputs: Tensor) -> Tensor:
        """``(..., in)`` -> ``(..., out)``."""
        outputs: Tensor = self.base(inputs * self.factors if self.scaled is None else inputs)
        return outputs if self.scaled is None else outputs * self._of_outputs()

    def merged(self) -> nn.Module:
        """See ``WrappedLinear.merged``."""
        with torch.no_grad():
            factors = self.factors if self.scaled is None else self._of_outputs()
            by_row = self.transposed == (self.scaled is None)  # rows of ``weight`` are inputs where it is transposed
            self.weight.mul_(factors[:, None] if by_row else factors[None, :])
            if self.scaled is not None and self.bias is not None:
                self.bias.mul_(factors)
        return self.base
