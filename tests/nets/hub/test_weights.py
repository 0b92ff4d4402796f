from __future__ import annotations

from typing import Any

import pytest
import torch

from goldilocks.nets.hub.weights import inference_dtype
from goldilocks.support.machine import hardware


@pytest.mark.parametrize(
    ("kept", "multiplies", "wanted"),
    [
        (torch.bfloat16, True, torch.bfloat16),
        (torch.bfloat16, False, torch.float32),
        (torch.float32, True, torch.float32),
        (torch.float16, True, torch.float32),
    ],
)
def test_bfloat16_answers_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, kept: torch.dtype, multiplies: bool, wanted: torch.dtype
) -> None:
    this: Any = hardware.Machine(2, 1 << 30, "cpu", 50.0, multiplies, "a processor")
    monkeypatch.setattr(hardware, "machine", lambda: this)

    assert inference_dtype(kept) == wanted
