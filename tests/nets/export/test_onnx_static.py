from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")

from goldilocks.errors import InputError
from goldilocks.nets.export.onnx_folder import GRAPH, quiet_quantiser, restored
from goldilocks.nets.export.onnx_static import save_static_onnx
from goldilocks.nets.network import Network
from goldilocks.testing import tiny

PART = tiny.part(24)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Path]:
    folder = tmp_path_factory.mktemp("static")
    network = tiny.encoder(folder / "checkpoint", PART, depth=1)
    (folder / "saved").mkdir()
    save_static_onnx(network, folder / "saved", PART.texts)
    return network, folder / "saved"


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    before = logging.root.manager.disable
    yield
    logging.disable(before)


def test_ranges_are_fixed_and_matrices_int8(saved: tuple[Network, Path]) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(saved[1] / GRAPH).graph
    kinds = {node.op_type for node in graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert "DynamicQuantizeLinear" not in kinds
    tables = [tensor for tensor in graph.initializer if len(tensor.dims) == 2 and min(tensor.dims) >= 32]
    int8 = [tensor for tensor in tables if tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)]
    # The word table and four matrices of the block; the table of positions is cut to length, not looked up.
    assert len(int8) == len(tables) - 1 == 5


def test_answers_are_near_the_networks_and_the_same_in_any_batch(saved: tuple[Network, Path]) -> None:
    network, folder = saved
    small = restored(folder)
    texts = [*PART.texts[:6], "soup", " ".join(["the bank loan match"] * 12)]
    together = small.predict(texts).probabilities
    alone = np.concatenate([small.predict([text]).probabilities for text in texts])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    gap = np.abs(together - network.predict(texts).probabilities).max()
    assert 0 < gap < 0.05


def test_texts_are_needed_for_the_ranges(tmp_path: Path) -> None:
    network = tiny.encoder(tmp_path / "checkpoint", PART, depth=1)
    with pytest.raises(InputError, match="static quantisation needs texts to calibrate its ranges on; pass --texts"):
        save_static_onnx(network, tmp_path, ())


@pytest.mark.parametrize("before", [logging.NOTSET, logging.ERROR])
def test_callers_own_logging_is_as_it_was(before: int) -> None:
    logging.disable(before)
    with quiet_quantiser():
        assert logging.root.manager.disable == max(before, logging.WARNING)
    assert logging.root.manager.disable == before
    with pytest.raises(ValueError, match="stop"), quiet_quantiser():
        raise ValueError("stop")
    assert logging.root.manager.disable == before
