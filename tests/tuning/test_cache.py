from __future__ import annotations

import numpy as np
import pytest
import torch

from goldilocks.tuning import cache
from goldilocks.tuning.cache import FrozenStates

LENGTHS = np.array([2, 3])


@pytest.mark.parametrize(("room", "error"), [(5 * 4 * 4, 0.0), (5 * 4 * 4 - 1, 2**-8)])
def test_states_that_do_not_fit_are_kept_at_half_the_precision(
    room: int, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LIMIT_BYTES", room)
    states = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0)) + 1
    states[0, 2] = 0  # padding
    kept = FrozenStates(LENGTHS, 4, torch.float32, pooled=False)
    kept.put([0, 1], states)

    result = kept.take([0, 1])

    assert result.dtype is torch.float32
    assert float(((result - states).abs() / states.clamp(min=1)).max()) <= error
    assert torch.equal(result, states) == (error == 0)


@pytest.mark.parametrize(("room", "fits"), [(5 * 4 * 2, True), (5 * 4 * 2 - 1, False)])
def test_what_does_not_fit_at_half_the_precision_is_not_kept(
    room: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LIMIT_BYTES", room)

    assert FrozenStates.fits(LENGTHS, 4, pooled=False) is fits
    assert FrozenStates.fits(LENGTHS, 4, pooled=True)
