from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers import private_ops, quantised_linear
from goldilocks.nets.layers.quantised_linear import GROUP, QuantisedEmbedding, QuantisedLinear


def matrix(rows: int = 64, columns: int = 96) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))


def filled(weight: torch.Tensor, bits: int) -> QuantisedLinear:
    made = QuantisedLinear(weight.shape[0], weight.shape[1], bits)
    made.fill(weight)
    return made


def test_8_bits_are_off_by_half_a_step_at_most() -> None:
    weight = matrix()

    got = filled(weight, 8).rows(slice(None), torch.float32)

    # A step is the scale, rounded to bfloat16: up to 1/256 more than the largest weight / 127.
    step = weight.abs().amax(1, keepdim=True) / 127 * (1 + 2**-8)
    assert bool(((got - weight).abs() <= step / 2 + 127 * step * 2**-8).all())


def test_4_bits_keep_weights_on_their_grid() -> None:
    weight = torch.zeros(1, GROUP)
    weight[0, 3:6] = torch.tensor([-8.0, 7.0, 3.0])  # from -8 to 7: scale 1, zero point 0
    shifted = weight + 16

    made = filled(weight, 4)

    assert torch.equal(made.rows(slice(None), torch.float32), weight)
    assert torch.equal(filled(shifted, 4).rows(slice(None), torch.float32), shifted)
    # -8 is stored as 0, 7 as 15, 3 as 11, 0 as 8; two weights a byte, the even one in the low half.
    assert made.weight[0, :3].tolist() == [0x88, 0x08, 0xBF]


def test_4_bits_err_no_more_than_q4_0_of_gguf() -> None:
    quants = pytest.importorskip("gguf.quants", reason="pip install gguf")
    from gguf import GGMLQuantizationType

    weight = matrix(128, 256)
    theirs = quants.dequantize(quants.quantize(weight.numpy(), GGMLQuantizationType.Q4_0), GGMLQuantizationType.Q4_0)

    ours = filled(weight, 4).rows(slice(None), torch.float32)

    assert (ours - weight).square().mean() <= (torch.from_numpy(theirs.copy()) - weight).square().mean()


@pytest.mark.parametrize("bits", [8, 4])
def test_all_zeros_stay_zeros(bits: int) -> None:
    assert torch.equal(filled(torch.zeros(16, 64), bits).rows(slice(None), torch.float32), torch.zeros(16, 64))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("rows", [1, 16, 17])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_product_is_that_of_the_dequantised_matrix(bits: int, rows: int, dtype: torch.dtype) -> None:
    layer = filled(matrix(), bits)
    layer.prepare_for_inference()
    x = torch.randn(2, rows, 96, generator=torch.Generator().manual_seed(1)).to(dtype)[:1]

    got = layer(x)

    expected = F.linear(x.float(), layer.rows(slice(None), torch.float32))
    assert got.dtype == dtype
    assert got.shape == (1, rows, 64)
    tolerance = 1e-4 if dtype == torch.float32 else 0.02 * float(expected.abs().max())
    assert torch.allclose(got.float(), expected, atol=tolerance)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("prepared", [True, False])
def test_input_and_weights_may_lie_at_any_address(bits: int, prepared: bool) -> None:
    layer, other = filled(matrix(), bits), filled(matrix(), bits)
    bytes_ = torch.empty(layer.weight.numel() + 34, dtype=layer.weight.dtype)[34:]
    other.weight = bytes_.view(layer.weight.shape).copy_(layer.weight)  # torch's int8 kernel would crash
    if prepared:
        layer.prepare_for_inference()
        other.prepare_for_inference()
    x = torch.randn(6 * 96 + 1, generator=torch.Generator().manual_seed(1)).bfloat16()[1:].view(6, 96)

    assert torch.equal(other(x), layer(x.clone()))


@pytest.mark.parametrize("bits", [8, 4])
def test_without_the_kernels_products_are_the_same(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(3, 96, generator=torch.Generator().manual_seed(1)).bfloat16()
    layer = filled(matrix(), bits)
    layer.prepare_for_inference()
    with_kernel = layer(x)
    monkeypatch.setattr(private_ops, "_operator", lambda namespace, name: None)
    monkeypatch.setattr(quantised_linear, "has_int8_linear", private_ops.has_int8_linear.__wrapped__)

    plain = filled(matrix(), bits)
    plain.prepare_for_inference()

    assert plain._packed is None
    assert torch.allclose(plain(x).float(), with_kernel.float(), atol=0.02 * float(with_kernel.float().abs().max()))


def test_large_matrices_are_multiplied_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = filled(matrix(100), 8)
    x = torch.randn(20, 96)
    whole = layer(x)
    monkeypatch.setattr(quantised_linear, "_PART", 32)

    assert torch.allclose(layer(x), whole, atol=1e-5)


def test_embedding_looks_rows_up_and_is_an_output_matrix() -> None:
    table = QuantisedEmbedding(64, 96, 8)
    table.fill(matrix())
    ids = torch.tensor([[3, 0], [63, 3]])

    assert torch.allclose(table(ids).float(), matrix()[ids], atol=0.05)
    assert table.product(torch.randn(2, 96)).shape == (2, 64)
    assert isinstance(table, nn.Module)
    assert table.num_embeddings == 64
