from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers import packed_linear
from goldilocks.nets.layers.packed_linear import packed

HAS_FBGEMM = "fbgemm" in torch.backends.quantized.supported_engines
needs_fbgemm = pytest.mark.skipif(not HAS_FBGEMM, reason="this torch has no FBGEMM")


def _matrix(rows: int, *, kept_in_bfloat16: bool) -> Tensor:
    drawn = torch.randn((rows, 64), generator=torch.Generator().manual_seed(0))
    return drawn.bfloat16().float() if kept_in_bfloat16 else drawn


@pytest.mark.parametrize("kept_in_bfloat16", [True, False])
@pytest.mark.parametrize("rows", [10, 50_000])
def test_packed_product_is_the_plain_one(rows: int, kept_in_bfloat16: bool) -> None:
    weight, bias = _matrix(rows, kept_in_bfloat16=kept_in_bfloat16), torch.arange(float(rows)) / rows
    x = torch.randn((2, 3, 64), generator=torch.Generator().manual_seed(1))
    product = packed(weight, bias)
    assert product is not None

    with torch.inference_mode():
        got, highest = product(x), product.highest(x)

    # Products in float64 are exact to far below a float32 rounding.
    wanted = F.linear(x.double(), weight.double(), bias.double())
    assert torch.allclose(got.double(), wanted, atol=2e-5)
    assert torch.equal(highest, wanted.argmax(-1))


@needs_fbgemm
def test_weights_that_half_precision_would_round_keep_their_bits() -> None:
    exact, odd = _matrix(600, kept_in_bfloat16=True), _matrix(600, kept_in_bfloat16=True)
    odd[599, 3] = 1 + 2**-12  # half precision has 10 bits behind the one

    assert isinstance(packed(exact, None), packed_linear._Halved)
    assert not isinstance(packed(odd, None), packed_linear._Halved)


def test_for_whole_texts_float32_stays_as_it_is() -> None:
    assert packed(_matrix(10, kept_in_bfloat16=True), None, steps=False) is None
