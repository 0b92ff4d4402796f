"""Dropout with masks that are cheap to draw on a CPU.

torch draws a CPU's masks number by number on one core, which for small networks is a good part of a training step. Here
eight mask entries come from each random number, without a branch.

Kept because of ``benchmarks/dropout_speed.py``: a training step of a small Transformer encoder-decoder with
``torch.nn.Dropout`` takes 1.11 times the processor time in float32 and 1.39 times in bfloat16 (medians of 5 rounds, one
thread, rate 0.3; the layer alone 4.2 and 5.4 times). The machine was busy, so wall-clock times say less.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Dropout(nn.Module):
    """Sets a share ``p`` of the inputs to 0 in training (rounded to 1/256) and scales the others up.

    The masks come from torch's generator, so that the same torch seed gives the same masks.
    """

    def __init__(self, p: float) -> None:
        """``p`` from 0 to below 1."""
        super().__init__()
        self.p = p

    def forward(self, inputs: Tensor) -> Tensor:
        """``inputs`` with dropout; in evaluation mode ``inputs`` themselves."""
        cuts = round(256 * self.p)
        if not self.training or not cuts:
            return inputs
        if inputs.device.type != "cpu" or inputs.dtype not in (torch.bfloat16, torch.float32):
            return F.dropout(inputs, self.p)
        return inputs * _mask(inputs.shape, cuts, inputs.dtype)


def _mask(shape: torch.Size, cuts: int, dtype: torch.dtype) -> Tensor:
    """0 with probability ``cuts / 256``, else ``256 / (256 - cuts)``."""
    count = shape.numel()
    seed = int(torch.randint(2**62, ()))
    draws = np.random.SFC64(seed).random_raw(-(-count // 8)).view(np.uint8)[:count]
    kept = (draws >= cuts).view(np.uint8)
    scale = torch.tensor(256 / (256 - cuts), dtype=dtype)
    if dtype == torch.float32:
        return torch.from_numpy(kept * np.float32(scale.item())).view(shape)
    # numpy has no bfloat16: 0 or 1 times the 16 bits of the number are the bits of 0 or of the number.
    bits = kept.astype(np.int16)
    bits *= np.int16(scale.view(torch.int16).item())
    return torch.from_numpy(bits).view(torch.bfloat16).view(shape)
