from __future__ import annotations

import torch
from torch import nn

from goldilocks.nets.layers.loreft import LoReft


def edit(first: int = 0, last: int = 0) -> LoReft:
    torch.manual_seed(0)
    made = LoReft(8, rank=3, first=first, last=last)
    nn.init.normal_(made.basis)
    nn.init.normal_(made.source.weight)
    nn.init.normal_(made.source.bias)
    return made


def test_rows_of_the_rotation_are_orthonormal_and_an_orthonormal_basis_is_kept() -> None:
    rotation = edit().rotation()
    assert torch.allclose(rotation @ rotation.T, torch.eye(3), atol=1e-5)
    fresh = LoReft(8, rank=3, first=0, last=0)
    assert torch.allclose(fresh.rotation(), fresh.basis, atol=1e-5)


def test_fresh_edit_changes_nothing() -> None:
    hidden = torch.randn(2, 5, 8)
    made = LoReft(8, rank=3, first=0, last=0)
    assert torch.allclose(made(hidden, torch.ones(2, 5, dtype=torch.long)), hidden, atol=1e-5)


def test_edit_is_the_formula_of_the_paper() -> None:
    made, h = edit(), torch.randn(8)
    r, w, b = made.rotation(), made.source.weight, made.source.bias
    wanted = h + r.T @ (w @ h + b - r @ h)
    assert torch.allclose(made(h[None, None], torch.ones(1, 1, dtype=torch.long))[0, 0], wanted, atol=1e-5)


def test_only_first_and_last_tokens_of_each_row_are_edited() -> None:
    made, hidden = edit(first=1, last=2), torch.randn(2, 6, 8)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    changed = (made(hidden, mask) - hidden).abs().amax(-1) > 1e-6
    assert changed.tolist() == [[True, False, False, False, True, True], [True, False, True, True, False, False]]
