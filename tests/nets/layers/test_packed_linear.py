from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers import private_ops
from goldilocks.nets.layers.packed_linear import FbgemmLinear, OneDnnLinear, pack_linear

HAS_FBGEMM = "fbgemm" in torch.backends.quantized.supported_engines
needs_fbgemm = pytest.mark.skipif(not HAS_FBGEMM, reason="this torch has no FBGEMM")


def _matrix(rows: int, *, of_bfloat16: bool) -> Tensor:
    drawn = torch.randn((rows, 64), generator=torch.Generator().manual_seed(0))
    return drawn.bfloat16().float() if of_bfloat16 else drawn


@pytest.mark.parametrize("of_bfloat16", [True, False])
@pytest.mark.parametrize("rows", [10, 50_000])
def test_packed_product_is_the_plain_one(rows: int, of_bfloat16: bool) -> None:
    weight, bias = _matrix(rows, of_bfloat16=of_bfloat16), torch.arange(float(rows)) / rows
    x = torch.randn((2, 3, 64), generator=torch.Generator().manual_seed(1))
    packed = pack_linear(weight, bias)
    assert packed is not None

    with torch.inference_mode():
        product, highest = packed(x), packed.argmax(x)

    # Products in float64 are exact to far below a float32 rounding.
    exact = F.linear(x.double(), weight.double(), bias.double())
    assert torch.allclose(product.double(), exact, atol=2e-5)
    assert torch.equal(highest, exact.argmax(-1))


@needs_fbgemm
def test_weights_that_half_precision_would_round_keep_their_bits() -> None:
    exact, odd = _matrix(600, of_bfloat16=True), _matrix(600, of_bfloat16=True)
    odd[599, 3] = 1 + 2**-12  # half precision has 10 bits after the one

    assert isinstance(pack_linear(exact, None), FbgemmLinear)
    assert not isinstance(pack_linear(odd, None), FbgemmLinear)


def test_for_whole_texts_float32_stays_as_it_is() -> None:
    assert pack_linear(_matrix(10, of_bfloat16=True), None, incremental=False) is None


def test_bfloat16_is_packed_where_the_processor_multiplies_it(bfloat16: bool) -> None:
    weight = _matrix(10, of_bfloat16=True).bfloat16()
    works_here = private_ops.pack_onednn(weight, rows=8) is not None
    assert isinstance(pack_linear(weight, None), OneDnnLinear) is (bfloat16 and works_here)


@pytest.mark.usefixtures("bfloat16")
def test_without_private_operators_nothing_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_ops, "_operator", lambda _namespace, _name: None)
    weight = _matrix(10, of_bfloat16=True)
    assert pack_linear(weight, None) is None
    assert pack_linear(weight.bfloat16(), None) is None
