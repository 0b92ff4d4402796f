from __future__ import annotations

import pytest
import torch

from goldilocks.nets.layers.fast_dropout import Dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_share_is_set_to_0_and_the_mean_is_kept(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    dropout = Dropout(0.25).train()
    thin = dropout(torch.ones(400, 251, dtype=dtype)).float()
    # 100,400 draws: the standard deviation of the share is .0014. Kept numbers are 1 / .75.
    assert float((thin == 0).float().mean()) == pytest.approx(0.25, abs=0.007)
    assert thin.unique().tolist() == pytest.approx([0.0, 4 / 3], abs=0.004)


def test_the_seed_of_torch_decides_the_mask() -> None:
    dropout, ones = Dropout(0.5), torch.ones(50)
    torch.manual_seed(1)
    first = dropout(ones)
    assert not torch.equal(dropout(ones), first)
    torch.manual_seed(1)
    assert torch.equal(dropout(ones), first)


def test_nothing_happens_outside_training() -> None:
    ones = torch.ones(50)
    assert Dropout(0.5).eval()(ones) is ones
    assert Dropout(0.0)(ones) is ones


def test_gradients_are_thinned_out_by_the_same_mask() -> None:
    given = torch.ones(1000, requires_grad=True)
    thin = Dropout(0.5)(given)
    thin.sum().backward()
    assert given.grad is not None
    assert torch.equal(given.grad, thin.detach())
