from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from goldilocks.nets.backbones.graph_sessions import Arrays
from goldilocks.nets.backbones.onnx_backbone import OnnxBackbone
from goldilocks.nets.export.onnx_classifier import OnnxClassifier, _sigmoid, _softmax
from goldilocks.nets.network import Network
from goldilocks.records import Goal, Text
from goldilocks.testing import tiny

WIDTH = 16
TEXTS: tuple[Text, ...] = (*tiny.part(12).texts, "", "soup", "the bank loan match " * 8)


class Session:
    """A graph whose state of a token is the row of a random table."""

    inputs: tuple[str, ...] = ("ids", "mask")

    def __init__(self, n_tokens: int) -> None:
        self.table = np.random.default_rng(0).normal(size=(n_tokens, WIDTH)).astype(np.float32)

    def run(self, feeds: Arrays) -> npt.NDArray[np.float32]:
        states: npt.NDArray[np.float32] = self.table[feeds["ids"]]
        return states


def pair(folder: Path, *, pooling: str = "mean", several: bool = False) -> tuple[OnnxClassifier, Network]:
    """The same classifier in NumPy and in PyTorch."""
    goal = Goal(labels=tiny.LABELS, several=several)
    made = tiny.encoder(folder / "checkpoint", tiny.part(6), goal)
    config = replace(made.config, pooling=pooling)
    backbone = OnnxBackbone(Session(made.tokenizer.get_vocab_size()), width=WIDTH, row_by_row=False)
    ours, theirs = OnnxClassifier(backbone, made.tokenizer, config), Network(backbone, made.tokenizer, config)
    torch.manual_seed(1)
    for weight in ours.head.parameters():
        nn.init.normal_(weight)
    theirs.head.load_state_dict(ours.head.state_dict())
    return ours, theirs


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("pooling", ["mean", "first", "max"])
def test_answers_are_those_in_pytorch(tmp_path: Path, pooling: str, several: bool) -> None:
    ours, theirs = pair(tmp_path, pooling=pooling, several=several)
    got, wanted = ours.predict(TEXTS), theirs.predict(TEXTS)
    assert got.probabilities.dtype == np.float32
    np.testing.assert_allclose(got.probabilities, wanted.probabilities, atol=1e-5)
    assert got.values == wanted.values


def test_answer_is_the_same_to_the_last_bit_whatever_stands_beside_it(tmp_path: Path) -> None:
    ours, _ = pair(tmp_path)
    together = ours.predict(TEXTS).probabilities
    alone = np.concatenate([ours.predict([text]).probabilities for text in TEXTS])
    turned = ours.predict(TEXTS[::-1]).probabilities[::-1]
    assert np.array_equal(alone, together)
    assert np.array_equal(turned, together)


@pytest.mark.parametrize("texts", [[], ["soup"]])
def test_number_of_answers_is_that_of_the_texts(tmp_path: Path, texts: Sequence[str]) -> None:
    ours, _ = pair(tmp_path)
    assert ours.predict(texts).probabilities.shape == (len(texts), 3)


def test_temperature_that_is_set_later_counts(tmp_path: Path) -> None:
    ours, theirs = pair(tmp_path)
    before = ours.predict(TEXTS).probabilities
    for network in (ours, theirs):
        assert network.divide_logits(4.0)
    got = ours.predict(TEXTS).probabilities
    assert np.abs(got - before).max() > 0.05
    np.testing.assert_allclose(got, theirs.predict(TEXTS).probabilities, atol=1e-5)


def test_large_scores_neither_overflow_nor_warn() -> None:
    scores = np.array([[1e4, -1e4, 0.0]], dtype=np.float32)
    assert _softmax(scores).tolist() == [[1.0, 0.0, 0.0]]
    assert _sigmoid(scores).tolist() == [[1.0, 0.0, 0.5]]
