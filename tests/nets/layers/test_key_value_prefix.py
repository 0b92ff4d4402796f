from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers.key_value_prefix import KeyValuePrefix

ROWS, HEADS, TOKENS, WIDTH, COUNT = 2, 3, 5, 4, 2


def prefix() -> KeyValuePrefix:
    torch.manual_seed(0)
    made = KeyValuePrefix(HEADS, WIDTH, count=COUNT)
    torch.nn.init.normal_(made.key)
    torch.nn.init.normal_(made.value)
    return made


def projections(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    query, key, value = torch.randn(3, ROWS, HEADS, TOKENS, WIDTH, generator=torch.Generator().manual_seed(1))
    return query.to(dtype), key.to(dtype), value.to(dtype)


def test_it_starts_at_zero() -> None:
    made = KeyValuePrefix(HEADS, WIDTH, count=COUNT)
    assert made.count == COUNT
    assert not made.key.any()
    assert not made.value.any()


def test_every_row_attends_to_the_prefix_and_to_its_own_tokens_only() -> None:
    made, (query, key, value) = prefix(), projections()
    allowed = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])[:, None, None, :]
    with torch.no_grad():
        keys, values = made.before(key, value)
        got = F.scaled_dot_product_attention(query, keys, values, attn_mask=made.before_mask(allowed))
        assert keys.shape == values.shape == (ROWS, HEADS, COUNT + TOKENS, WIDTH)
        for row, length in enumerate((5, 3)):
            own_keys = torch.cat((made.key, key[row, :, :length]), 1)
            shares = (query[row] @ own_keys.transpose(1, 2) / WIDTH**0.5).softmax(-1)
            assert torch.allclose(got[row], shares @ torch.cat((made.value, value[row, :, :length]), 1), atol=1e-6)


def test_mask_grows_by_the_prefix_in_front() -> None:
    allowed = torch.tensor([[[False, True]], [[True, False]]])
    assert prefix().before_mask(allowed).tolist() == [[[True, True, False, True]], [[True, True, True, False]]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keys_keep_the_precision_of_the_text_and_the_prefix_its_own(dtype: torch.dtype) -> None:
    made, (_, key, value) = prefix(), projections(dtype)
    keys, values = made.before(key, value)
    assert keys.dtype == values.dtype == dtype
    (keys.float().sum() + 2 * values.float().sum()).backward()  # type: ignore[no-untyped-call]
    assert made.key.grad is not None
    assert made.value.grad is not None
    assert made.key.grad.dtype == torch.float32
    assert torch.equal(made.key.grad, torch.full_like(made.key, ROWS))  # once for each row of the batch
    assert torch.equal(made.value.grad, torch.full_like(made.value, 2 * ROWS))
