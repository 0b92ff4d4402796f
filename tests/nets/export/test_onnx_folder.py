"""Encoders on ONNX Runtime against the same encoders on PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")

from goldilocks import plugins
from goldilocks.nets.additions import Addition, add
from goldilocks.nets.export.onnx_classifier import OnnxClassifier
from goldilocks.nets.export.onnx_folder import GRAPH, restored, save_onnx
from goldilocks.nets.network import Network
from goldilocks.records import Output
from goldilocks.testing import tiny
from goldilocks.testing.contracts import alike

LONG = " ".join(["soup bread match"] * 60)
"""More tokens than those up to which attention is computed in another way."""


def encoder(folder: Path, case: tiny.Case) -> Network:
    family = plugins.load("families", "encoder")
    checkpoint = tiny.encoder_folder(folder)
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    return cast(Network, family.create(info, checkpoint, case.part, case.goal, seed=0))


CASES = [
    case
    for case in tiny.cases({Output.LABEL, Output.TAGS, Output.SPAN, Output.SCORE})
    if case.name in ("en", "pairs", "tags", "scores", "spans")
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_float32_graph_answers_as_torch(tmp_path: Path, case: tiny.Case) -> None:
    network = encoder(tmp_path / "checkpoint", case)
    save_onnx(network, tmp_path / "saved", int8=False)

    again = restored(tmp_path / "saved")

    texts = (*case.part.texts[:10], *case.odd)
    assert alike(again.predict(texts), network.predict(texts)) < 1e-5


@pytest.mark.parametrize("name", ["en", "several", "pairs"])
@pytest.mark.parametrize("pooling", ["mean", "first", "max"])
def test_labels_are_those_of_torch_however_vectors_are_pooled(tmp_path: Path, name: str, pooling: str) -> None:
    case = next(case for case in tiny.cases({Output.LABEL}) if case.name == name)
    network = encoder(tmp_path / "checkpoint", case)
    network.config = replace(network.config, pooling=pooling)
    save_onnx(network, tmp_path / "saved", int8=False)

    again = restored(tmp_path / "saved")

    texts = (*case.part.texts[:10], *case.odd)
    assert isinstance(again, OnnxClassifier)
    assert alike(again.predict(texts), network.predict(texts)) < 1e-5
    assert len(again.predict([])) == 0
    again.divide_logits(3.0)
    network.divide_logits(3.0)
    assert alike(again.predict(texts), network.predict(texts)) < 1e-5


def test_long_texts_answer_as_torch_though_the_graph_was_traced_with_a_short_one(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", CASES[0])
    save_onnx(network, tmp_path / "saved", int8=False)

    again = restored(tmp_path / "saved")

    assert alike(again.predict([LONG, "soup"]), network.predict([LONG, "soup"])) < 1e-5


@pytest.mark.parametrize(("int8", "inputs"), [(False, 5), (True, 3)], ids=["float32", "int8"])
def test_attention_is_one_operator_of_each_block_and_masks_padding_where_there_is_any(
    tmp_path: Path, int8: bool, inputs: int
) -> None:
    onnx = pytest.importorskip("onnx")
    network = encoder(tmp_path / "checkpoint", CASES[0])
    save_onnx(network, tmp_path / "saved", int8=int8)

    nodes = onnx.load(tmp_path / "saved" / GRAPH).graph.node

    # Queries, keys and values; then no bias, and the mask. Rows of an int8 graph run alone.
    fused = [len(node.input) for node in nodes if node.op_type == "MultiHeadAttention"]
    assert fused == [inputs] * network.backbone.depth
    assert not any(node.op_type == "Softmax" for node in nodes)


def test_blocks_with_prefixes_answer_as_torch(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", CASES[0])
    add(network, Addition("prefixes", {"count": 3}))
    for name, weight in network.module.named_parameters():
        if ".prefix." in name:
            torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
    save_onnx(network, tmp_path / "saved", int8=False)

    again = restored(tmp_path / "saved")

    assert alike(again.predict([LONG, "soup"]), network.predict([LONG, "soup"])) < 1e-5


def test_int8_graph_is_smaller_and_gives_an_item_the_same_answer_beside_any_other(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", CASES[0])
    save_onnx(network, tmp_path / "float32", int8=False)
    save_onnx(network, tmp_path / "int8", int8=True)

    again = restored(tmp_path / "int8")

    assert (tmp_path / "int8" / GRAPH).stat().st_size < 0.7 * (tmp_path / "float32" / GRAPH).stat().st_size
    alone, beside = again.predict(["soup bread"]), again.predict(["soup bread", LONG, "bank loan"])
    assert np.array_equal(alone.probabilities[0], beside.probabilities[0])
    embedded, exact = again.embed(["soup bread"]), network.embed(["soup bread"])
    assert embedded is not None
    assert exact is not None
    assert embedded == pytest.approx(exact, abs=0.1)


def test_telemetry_is_off_and_nothing_is_written(tmp_path: Path) -> None:
    save_onnx(encoder(tmp_path / "checkpoint", CASES[0]), tmp_path / "saved", int8=True)
    home = tmp_path / "home"
    home.mkdir()
    # Without CI, which hides the telemetry.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home)}
    code = (
        "import os\nfrom pathlib import Path\nfrom goldilocks import plugins\n"
        f"model = plugins.load('engines', 'onnxruntime').load(Path({str(tmp_path / 'saved')!r}), 'encoder')\n"
        "model.predict(['soup'])\nprint(os.environ['ORT_DISABLE_TELEMETRY'])"
    )

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"
    assert list(home.iterdir()) == []
