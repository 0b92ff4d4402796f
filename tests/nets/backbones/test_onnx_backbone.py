from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from goldilocks.nets.backbones.graph_sessions import Arrays
from goldilocks.nets.backbones.onnx_backbone import OnnxBackbone
from goldilocks.nets.tokenization.batching import Batch

WIDTH = 3


class Session:
    """A graph whose states are (id, mask, type) of each token, plus what the whole batch sums to where it quantises."""

    def __init__(self, inputs: tuple[str, ...] = ("ids", "mask", "types"), *, by_batch: bool = False) -> None:
        self.inputs, self.by_batch = inputs, by_batch
        self.fed: list[dict[str, npt.NDArray[np.int64]]] = []

    def run(self, feeds: Arrays) -> npt.NDArray[np.float32]:
        self.fed.append(dict(feeds))
        ids = feeds["ids"]
        states = np.stack([ids, feeds["mask"], feeds.get("types", np.zeros_like(ids))], -1).astype(np.float32)
        return states + np.float32(self.by_batch * ids.sum())


IDS = torch.tensor([[5, 6, 7, 8], [9, 4, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


def batch(**channels: Tensor) -> Batch:
    return Batch(IDS, MASK, channels, ())


def test_batch_is_run_at_once_with_the_inputs_that_the_graph_has() -> None:
    session = Session(("ids", "mask"))
    got = OnnxBackbone(session, width=WIDTH, row_by_row=False)(batch(types=torch.ones_like(IDS)))
    assert got.shape == (2, 4, WIDTH)
    assert got.dtype == torch.float32
    assert [set(feeds) for feeds in session.fed] == [{"ids", "mask"}]
    assert torch.equal(got[..., 0], IDS.float())


def test_texts_that_are_no_pairs_have_types_of_zero() -> None:
    alone, paired = Session(), Session()
    OnnxBackbone(alone, width=WIDTH, row_by_row=False)(batch())
    OnnxBackbone(paired, width=WIDTH, row_by_row=False)(batch(types=torch.ones_like(IDS)))
    assert alone.fed[0]["types"].tolist() == [[0] * 4] * 2
    assert paired.fed[0]["types"].tolist() == [[1] * 4] * 2


def test_row_by_row_each_row_is_run_without_its_padding() -> None:
    session = Session(by_batch=True)
    got = OnnxBackbone(session, width=WIDTH, row_by_row=True)(batch())
    assert [feeds["ids"].tolist() for feeds in session.fed] == [[[5, 6, 7, 8]], [[9, 4]]]
    assert got[1, :2, 0].tolist() == [9 + 13, 4 + 13]
    assert not got[1, 2:].any()


@pytest.mark.parametrize("place", [0, 1])
def test_row_has_the_same_states_alone_and_beside_others(place: int) -> None:
    backbone = OnnxBackbone(Session(by_batch=True), width=WIDTH, row_by_row=True)
    length = int(MASK[place].sum())
    alone = backbone(Batch(IDS[place : place + 1, :length], MASK[place : place + 1, :length], {}, ()))
    assert torch.equal(backbone(batch())[place, :length], alone[0])


def test_it_is_one_block_without_weights_to_train() -> None:
    backbone = OnnxBackbone(Session(), width=WIDTH, row_by_row=False)
    assert list(backbone.parameters()) == []
    assert backbone.groups() == {}
    assert (backbone.depth, backbone.resumable) == (1, False)
    states = backbone.embed(batch())
    assert torch.equal(backbone.block(0, states, MASK), backbone(batch()))
