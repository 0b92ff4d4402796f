"""Triton's layout. (Against Triton's schema, and over HTTP: ``tests/exporters/test_kserve_export.py``.)"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from goldilocks.nets.export.model_repository import MAX_ROWS, config_text, save_repository, service_name
from goldilocks.nets.export.onnx_form import GraphSignature
from goldilocks.records import AnswerRule, ExportSettings
from goldilocks.testing import tiny

FORM = GraphSignature(
    {"ids": ("rows", "tokens"), "mask": ("rows", "tokens"), "features": ("rows", "words", 28)},
    "scores",
    axes=("rows", "words", 5),
)


def test_first_axis_is_the_batch_and_open_axes_are_minus_one() -> None:
    text = config_text("tags", FORM)
    assert '{ name: "ids", data_type: TYPE_INT64, dims: [ -1 ] }' in text
    assert '{ name: "features", data_type: TYPE_INT64, dims: [ -1, 28 ] }' in text
    assert '{ name: "scores", data_type: TYPE_FP32, dims: [ -1, 5 ] }' in text
    assert text.startswith('name: "tags"\nbackend: "onnxruntime"\n')
    assert f"max_batch_size: {MAX_ROWS}" in text
    assert "dynamic_batching { }" in text


def test_graph_that_takes_one_row_has_no_batches() -> None:
    text = config_text("alone", GraphSignature({"ids": (1, "tokens")}, "probabilities", axes=(1, 3)))
    assert "max_batch_size: 0" in text
    assert '{ name: "ids", data_type: TYPE_INT64, dims: [ 1, -1 ] }' in text
    assert '{ name: "probabilities", data_type: TYPE_FP32, dims: [ 1, 3 ] }' in text
    assert "dynamic_batching" not in text


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("all-MiniLM_L6.v2", "all-minilm-l6-v2"),
        ("7-Zip", "model-7-zip"),
        ("--", "model"),
        ("名字", "model"),
        ("x" * 100, "x" * 55),
        ("1" + "x" * 100, "model-1" + "x" * 54),
    ],
)
def test_name_of_the_service_is_one_that_kubernetes_allows(name: str, allowed: str) -> None:
    assert service_name(name) == allowed
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", allowed)


def test_folder_has_model_and_client_apart(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")
    network = tiny.encoder(tmp_path / "checkpoint", tiny.part(6), depth=1)
    out = tmp_path / "out"
    out.mkdir()

    form = save_repository(network, out, ExportSettings("MiniLM", AnswerRule(), "NFC"))

    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == [
        "client/client.py",
        "client/model.json",
        "client/predict.py",
        "client/tokenizer.json",
        "inference_service.yaml",
        "models/MiniLM/1/model.onnx",
        "models/MiniLM/config.pbtxt",
    ]
    assert (out / "models" / "MiniLM" / "config.pbtxt").read_text() == config_text("MiniLM", form)
    config = json.loads((out / "client" / "model.json").read_text())
    assert (config["name"], config["inputs"], config["normalisation"]) == ("MiniLM", ["ids", "mask", "types"], "NFC")
    service = yaml.safe_load((out / "inference_service.yaml").read_text())
    resources = service["spec"]["predictor"]["model"]["resources"]
    asked, most = (int(resources[kind]["memory"].removesuffix("Mi")) for kind in ("requests", "limits"))
    assert 512 <= asked < most == 2 * asked
