from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import nn

from goldilocks.nets.backbones.bert import BertBackbone, BertBlock
from goldilocks.nets.export.fused_attention import traced_block
from goldilocks.testing import tiny

MASK = torch.tensor([[1] * 6, [1] * 4 + [0] * 2], dtype=torch.int32)


@pytest.fixture
def backbone(tmp_path: Path) -> BertBackbone:
    made = tiny.encoder(tmp_path / "checkpoint", tiny.part(6), depth=1).backbone
    assert isinstance(made, BertBackbone)
    return made.eval()


def block_of(backbone: BertBackbone) -> BertBlock:
    return cast(BertBlock, backbone.blocks[0])


def hidden(width: int = 32) -> torch.Tensor:
    return torch.randn(2, 6, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("mask", [None, MASK], ids=["no padding", "padding"])
def test_traced_block_gives_what_the_block_gives(backbone: BertBackbone, mask: torch.Tensor | None) -> None:
    block = block_of(backbone)
    keep = None if mask is None else mask.bool()[:, None, None, :]
    with torch.no_grad():
        assert torch.allclose(traced_block(block, hidden(), mask), block(hidden(), keep), atol=1e-5)


def test_padding_changes_no_state_of_a_token(backbone: BertBackbone) -> None:
    other = hidden()
    other[1, 4:] = 7.0
    with torch.no_grad():
        first, second = (traced_block(block_of(backbone), states, MASK) for states in (hidden(), other))
    assert torch.equal(first[0], second[0])
    assert torch.allclose(first[1, :4], second[1, :4], atol=1e-6)


def test_block_with_a_prefix_stays_plain_products(backbone: BertBackbone) -> None:
    backbone.add_prefixes(2)
    block = block_of(backbone)
    for weight in (block.prefix.key, block.prefix.value) if block.prefix is not None else ():
        nn.init.normal_(weight)
    with torch.no_grad():
        assert torch.equal(traced_block(block, hidden(), MASK), block(hidden(), MASK.bool()[:, None, None, :]))


class Traced(nn.Module):
    def __init__(self, block: BertBlock) -> None:
        super().__init__()
        self.block = block

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return traced_block(self.block, states, mask)


@pytest.mark.filterwarnings("ignore")  # of the tracer, and that it is called legacy
def test_graph_has_one_operator_for_attention_and_runs_at_any_length(backbone: BertBackbone, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")
    onnx = pytest.importorskip("onnx")
    path, block = tmp_path / "block.onnx", block_of(backbone)
    axes = {name: {0: "rows", 1: "tokens"} for name in ("states", "mask", "above")}
    with torch.no_grad():
        torch.onnx.export(
            Traced(block).eval(),
            (hidden()[:, :3], MASK[:, :3]),
            str(path),
            input_names=["states", "mask"],
            output_names=["above"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
            custom_opsets={"com.microsoft": 1},
        )
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("MultiHeadAttention") == 1
    assert "Softmax" not in kinds
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"states": hidden().numpy(), "mask": MASK.numpy()})
    with torch.no_grad():
        wanted = block(hidden(), MASK.bool()[:, None, None, :]).numpy()
    np.testing.assert_allclose(got[MASK.bool().numpy()], wanted[MASK.bool().numpy()], atol=1e-4)
