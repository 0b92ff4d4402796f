"""Compressing networks of bundles that version 0.1 wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.bundle.layout import MODEL
from goldilocks.bundle.read import read_info
from goldilocks.nets.layers.int8_embedding import Int8Embedding
from goldilocks.nets.network import Network
from goldilocks.protocols import Model
from goldilocks.testing.compression import calibration

OLD = Path(__file__).parents[1] / "fixtures" / "v0.1"


def model(name: str) -> Model:
    return plugins.load("engines", "native").load(OLD / name / MODEL, read_info(OLD / name).family)


def size(folder: Path) -> int:
    return (folder / "weights.safetensors").stat().st_size


def test_float16_is_stored_in_half_the_bytes_and_read_by_any_version(tmp_path: Path) -> None:
    name = "extractive_qa-encoder"
    plugins.load("compressors", "float16").compress(model(name), 1.0, tmp_path, calibration())

    again = plugins.load("engines", "native").load(tmp_path, "encoder")

    # Half of the weights, and a header of the same length.
    header = int.from_bytes((tmp_path / "weights.safetensors").read_bytes()[:8], "little")
    assert size(tmp_path) - header < 0.55 * (size(OLD / name / MODEL) - header)
    texts = [stored.text for stored in read_info(OLD / name).predictions]
    assert again.predict(texts).values == model(name).predict(texts).values


def test_int8_table_stays_int8_in_memory(tmp_path: Path) -> None:
    plugins.load("compressors", "int8_tables").compress(model("text_classification-cnn"), 1.0, tmp_path, calibration())

    again = plugins.load("engines", "native").load(tmp_path, "cnn")

    assert isinstance(again, Network)
    assert isinstance(again.backbone.get_submodule("words"), Int8Embedding)
    assert again.size_bytes() < model("text_classification-cnn").size_bytes()


@pytest.mark.parametrize("name", ["translation-decoder", "language_modelling-recurrent"])
def test_table_that_may_be_the_output_matrix_is_declined(name: str) -> None:
    reason = plugins.load("compressors", "int8_tables").incompatibility(model(name))

    assert reason == "its word embeddings may be the output matrix too, which needs float32"


def test_networks_of_other_shapes_are_not_exported() -> None:
    for name, backbone in (("text_classification-cnn", "CnnBackbone"), ("translation-decoder", "LlamaBackbone")):
        reason = plugins.load("compressors", "onnx_int8").incompatibility(model(name))
        assert reason == f"only BERT-shaped encoders are exported, this backbone is a {backbone}"
