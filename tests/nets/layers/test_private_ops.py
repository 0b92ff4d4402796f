from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

import goldilocks
from goldilocks.nets.backbones.llama import LlamaBackbone, read_backbone
from goldilocks.nets.backbones.llama_options import read_options
from goldilocks.nets.generation.decoding import generate
from goldilocks.nets.generation.sampling import Sampling
from goldilocks.nets.layers import private_ops
from goldilocks.nets.layers.private_ops import fbgemm_linear, onednn_linear, pack_fbgemm_fp16, pack_onednn
from goldilocks.nets.tokenization.tokenizer import read_tokenizer
from goldilocks.testing import tiny

WEIGHT = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
X = torch.tensor([[1.0, 10.0]])
PRODUCT = [[21.0, 43.0, 65.0]]  # 1 + 20, 3 + 40, 5 + 60


def _failing(*_: Any) -> Any:
    raise RuntimeError("no kernel for this processor")


@pytest.fixture(params=["missing", "failing"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch without the private operators, or one whose operators refuse this processor."""
    operator: Callable[..., Any] | None = None if request.param == "missing" else _failing
    monkeypatch.setattr(private_ops, "_operator", lambda _namespace, _name: operator)


def test_product_with_a_onednn_matrix_is_the_product() -> None:
    packed = pack_onednn(WEIGHT, rows=8)
    if packed is None:
        pytest.skip("this torch has no oneDNN kernel for packed weights")
    with torch.inference_mode():
        assert onednn_linear(X, packed, torch.tensor([1.0, 0.0, 0.0])).tolist() == [[22.0, 43.0, 65.0]]


def test_product_with_an_fbgemm_matrix_is_the_product() -> None:
    packed = pack_fbgemm_fp16(WEIGHT)
    if packed is None:
        pytest.skip("this torch has no FBGEMM")
    assert fbgemm_linear(X, packed).tolist() == PRODUCT == F.linear(X, WEIGHT).tolist()


@pytest.mark.usefixtures("broken")
def test_where_an_operator_is_missing_or_fails_nothing_is_packed() -> None:
    assert pack_onednn(WEIGHT, rows=8) is None
    assert pack_fbgemm_fp16(WEIGHT) is None


def test_without_onednn_or_fbgemm_nothing_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert pack_onednn(WEIGHT, rows=8) is None

    monkeypatch.setattr(torch.backends, "quantized", SimpleNamespace(supported_engines=["qnnpack"]))
    assert pack_fbgemm_fp16(WEIGHT) is None


def _decoder(folder: Path) -> LlamaBackbone:
    options = read_options(json.loads((folder / "config.json").read_text()))
    assert options is not None
    return read_backbone(folder, options).float().eval()


@pytest.mark.usefixtures("broken")
def test_a_decoder_generates_the_same_tokens_without_private_operators(tmp_path: Path) -> None:
    folder = tiny.decoder_folder(tmp_path / "decoder")
    tokenizer = read_tokenizer(folder / "tokenizer.json", 1000)
    prompts = [list(range(5, 30)), [7, 8]]
    plain = generate(_decoder(folder), tokenizer, prompts, Sampling(max_tokens=12))
    prepared = _decoder(folder)
    prepared.prepare_for_inference()

    generated = generate(prepared, tokenizer, prompts, Sampling(max_tokens=12))

    assert [text.text for text in generated] == [text.text for text in plain]
    assert all(getattr(module, "packed", None) is None for module in prepared.modules())


def test_no_other_module_calls_an_operator_of_torch_by_name() -> None:
    package = Path(goldilocks.__file__).parent
    callers = [path.name for path in package.rglob("*.py") if "torch.ops." in path.read_text(encoding="utf-8")]
    assert callers == ["private_ops.py"]
