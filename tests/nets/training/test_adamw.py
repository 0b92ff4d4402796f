from __future__ import annotations

import torch
from torch import nn

from goldilocks.nets.training.adamw import MasterAdamW
from goldilocks.nets.training.slots import Slot


def slot(weight: nn.Parameter, *, low: bool = False, decay: float = 0.01) -> Slot:
    if not low:
        return Slot("weight", weight, weight, peak=1e-2, decay=decay)
    working = nn.Parameter(weight.detach().bfloat16())
    return Slot("weight", weight.detach(), working, peak=1e-2, decay=decay)


def test_steps_are_those_of_torch_with_clipping() -> None:
    torch.manual_seed(0)
    start = [torch.randn(6, 4), torch.randn(5)]
    ours, theirs = ([nn.Parameter(entry.clone()) for entry in start] for _ in range(2))
    optimizer = MasterAdamW([slot(ours[0], decay=0.01), slot(ours[1], decay=0.0)], clip_norm=1.0)
    reference = torch.optim.AdamW(
        [{"params": theirs[:1], "weight_decay": 0.01}, {"params": theirs[1:], "weight_decay": 0.0}], lr=1e-2
    )
    for number in range(5):
        for our, other in zip(ours, theirs, strict=True):
            our.grad = torch.randn(our.shape, generator=torch.Generator().manual_seed(number))
            other.grad = our.grad.clone()
        torch.nn.utils.clip_grad_norm_(theirs, 1.0)
        for group in reference.param_groups:
            group["lr"] = 1e-2 * (1 - number / 5)
        reference.step()
        optimizer.step(1 - number / 5)
    for our, other in zip(ours, theirs, strict=True):
        assert torch.allclose(our, other, atol=1e-6)


def test_small_steps_add_up_in_the_master() -> None:
    # A step of 1e-4 is lost on a bfloat16 weight of 1 (its next neighbour is 0.0078 away); 100 of them are not.
    master = nn.Parameter(torch.ones(3))
    bf16_slot = Slot("weight", master.detach(), nn.Parameter(torch.ones(3).bfloat16()), peak=1e-4, decay=0.0)
    optimizer = MasterAdamW([bf16_slot], clip_norm=0.0)
    for _ in range(100):
        bf16_slot.working.grad = torch.ones(3).bfloat16()
        optimizer.step(1.0)
    assert torch.allclose(bf16_slot.master, torch.full((3,), 0.99), atol=1e-4)
    assert torch.equal(bf16_slot.working.detach(), bf16_slot.master.bfloat16())


def test_a_step_that_is_not_finite_is_left_out() -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = MasterAdamW([slot(weight)], clip_norm=1.0)
    weight.grad = torch.tensor([1.0, float("nan")])
    optimizer.step(1.0)
    assert torch.equal(weight.detach(), torch.ones(2))
    assert optimizer.updates == 0
    assert weight.grad is None


def test_large_weights_get_buckets_of_their_own(monkeypatch: object) -> None:
    sizes = (600_000, 600_000, 10)
    slots = [slot(nn.Parameter(torch.zeros(size))) for size in sizes]
    buckets = MasterAdamW(slots, clip_norm=1.0)._buckets
    assert [[entry.master.numel() for entry in bucket] for bucket in buckets] == [[600_000], [600_000, 10]]
