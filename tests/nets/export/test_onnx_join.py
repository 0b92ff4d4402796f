"""Exports of compressed networks: the backbone's own graph, float32 or int8, with what is above it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")

import onnx
import onnxruntime

from goldilocks import plugins
from goldilocks.nets.export.onnx_folder import restored, save_onnx
from goldilocks.nets.export.onnx_graph import not_exportable, save_model
from goldilocks.nets.export.onnx_static import save_static_onnx
from goldilocks.nets.export.script_usage import script_usage
from goldilocks.nets.export.standalone_predict import load
from goldilocks.nets.network import Network
from goldilocks.records import AnswerRule, Output
from goldilocks.testing import tiny

CASES = {case.name: case for case in tiny.cases(set(Output))}
TOLERANCE = 2e-5
"""The script's answers against the bundle's; both run the same operators and weights."""


def compressed(folder: Path, case: tiny.Case, form: str) -> Network:
    """A network with a sharp head whose backbone is an ONNX graph."""
    family = plugins.load("families", "encoder")
    checkpoint = tiny.encoder_folder(folder / "checkpoint")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    network = cast(Network, family.create(info, checkpoint, case.part, case.goal, seed=0))
    torch.manual_seed(1)
    for name, weight in network.head.named_parameters():
        if weight.ndim == 2 or name.endswith("bias"):
            torch.nn.init.normal_(weight, std=1.0)
    if form == "static":
        save_static_onnx(network, folder / "saved", case.part.texts)
    else:
        save_onnx(network, folder / "saved", int8=form == "dynamic")
    return restored(folder / "saved")


def exported(network: Network, folder: Path) -> Any:
    assert not_exportable(network) is None
    folder.mkdir()
    save_model(network, folder, rule=AnswerRule(), normalisation="")
    onnx.checker.check_model(str(folder / "model.onnx"))
    return load(folder)


@pytest.mark.parametrize(
    ("name", "form"), [("en", "float32"), ("en", "dynamic"), ("several", "dynamic"), ("pairs", "static")]
)
def test_probabilities_are_those_of_the_compressed_network(tmp_path: Path, name: str, form: str) -> None:
    case = CASES[name]
    network = compressed(tmp_path, case, form)
    model = exported(network, tmp_path / "out")

    for item in (*case.part.texts[:6], *case.odd):
        texts = (item,) if isinstance(item, str) else item
        expected = network.predict([item])
        answer = model.predict(*texts)
        assert list(answer["probabilities"].values()) == pytest.approx(expected.probabilities[0], abs=TOLERANCE)
        assert (tuple(answer["labels"]) if name == "several" else answer["label"]) == expected.values[0]


@pytest.mark.parametrize(
    ("name", "form"),
    [("scores", "dynamic"), ("spans", "float32"), ("spans", "dynamic"), ("tags", "dynamic"), ("tags", "static")],
)
def test_scores_spans_and_tags_are_those_of_the_compressed_network(tmp_path: Path, name: str, form: str) -> None:
    case = CASES[name]
    network = compressed(tmp_path, case, form)
    model = exported(network, tmp_path / "out")

    for item in (*case.part.texts[:6], *case.odd):
        texts = (item,) if isinstance(item, str) else item
        expected = network.predict([item]).values[0]
        answer = model.predict(*texts)
        if name == "scores":
            assert answer["score"] == pytest.approx(expected, abs=10 * TOLERANCE)
        else:
            assert answer["answer"] == expected if name == "spans" else tuple(answer["tags"]) == expected


def test_temperature_is_part_of_the_graph(tmp_path: Path) -> None:
    network = compressed(tmp_path, CASES["en"], "float32")
    before = network.predict(["soup bread"]).probabilities
    assert network.divide_logits(4.0)

    given = exported(network, tmp_path / "out").predict("soup bread")["probabilities"]

    assert list(given.values()) == pytest.approx(network.predict(["soup bread"]).probabilities[0], abs=TOLERANCE)
    assert list(given.values()) != pytest.approx(before[0], abs=0.01)


@pytest.mark.parametrize("form", ["float32", "static"])
def test_rows_of_a_padded_batch_get_the_answers_that_they_get_alone(tmp_path: Path, form: str) -> None:
    network = compressed(tmp_path, CASES["en"], form)
    exported(network, tmp_path / "out")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    texts = ["soup", "bank loan match coach bread"]
    rows = network.tokenizer.encode_batch(texts)
    longest = max(len(row.ids) for row in rows)
    feeds = {
        "ids": np.array([row.ids + [network.config.pad_id] * (longest - len(row.ids)) for row in rows]),
        "mask": np.array([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows]),
        "types": np.zeros((2, longest), dtype=np.int64),
    }

    got = session.run(None, {node.name: feeds[node.name] for node in session.get_inputs()})[0]

    assert got == pytest.approx(network.predict(texts).probabilities, abs=TOLERANCE)


@pytest.mark.parametrize("form", ["float32", "dynamic"])
def test_card_says_what_the_graph_needs_and_takes(tmp_path: Path, form: str) -> None:
    network = compressed(tmp_path, CASES["en"], form)

    usage = script_usage(network, "onnxruntime").usage

    assert "com.microsoft.MultiHeadAttention" in usage
    assert ("one row at a time" in usage) == (form == "dynamic")
    assert "use --to onnx or kserve" in str(plugins.load("exporters", "hub").incompatibility(network))


def test_dynamic_int8_takes_one_row_without_padding(tmp_path: Path) -> None:
    exported(compressed(tmp_path, CASES["en"], "dynamic"), tmp_path / "out")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))

    assert "mask" not in [node.name for node in session.get_inputs()]
    assert {node.shape[0] for node in (*session.get_inputs(), *session.get_outputs())} == {1}
    rows = {node.name: np.ones((2, 4), dtype=np.int64) for node in session.get_inputs()}
    with pytest.raises(Exception, match="Got: 2 Expected: 1"):
        session.run(None, rows)
