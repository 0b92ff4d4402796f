"""Classifiers by label words at mask tokens (method ``pet``) outside this package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")

from exported_models import CASES, sharp

from goldilocks import plugins
from goldilocks.nets.export.onnx_folder import restored, save_onnx
from goldilocks.nets.export.onnx_static import save_static_onnx
from goldilocks.nets.export.standalone_predict import load
from goldilocks.nets.heads.masked_lm_classifier import MaskedLMClassifier
from goldilocks.records import ExportSettings
from goldilocks.testing.masked_lm import masked_lm_folder

PET: Any = plugins.load("methods", "pet")
ENCODER = plugins.load("families", "encoder")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masked_lm_folder(tmp_path_factory.mktemp("pet") / "tiny-mlm")


def network(checkpoint: Path, case: str, pattern: str = "") -> MaskedLMClassifier:
    info = ENCODER.describe(checkpoint, str(checkpoint))
    assert info is not None
    created = ENCODER.create(info, checkpoint, CASES[case].part, CASES[case].goal, seed=0)
    words = {"money": "bank loan"} if "money" in CASES[case].goal.labels else {}
    options = PET.Options(words=words, patterns=(pattern,) if pattern else ())
    made = sharp(PET.with_head(created, options))
    assert isinstance(made, MaskedLMClassifier)
    return made


@pytest.mark.parametrize(
    ("case", "pattern"), [("en", ""), ("en", "{mask}: {text} soup"), ("zh", ""), ("pairs", ""), ("several", "")]
)
def test_onnx_folder_gives_the_answers_of_the_network(
    tmp_path: Path, checkpoint: Path, case: str, pattern: str
) -> None:
    made = network(checkpoint, case, pattern)
    exporter = plugins.load("exporters", "onnx")
    assert exporter.incompatibility(made) is None
    exporter.export(made, ExportSettings(), tmp_path)
    exported = load(tmp_path)

    long = " ".join(f"soup{number} bread" for number in range(400))
    items = [*CASES[case].part.texts[:6], *CASES[case].odd]
    items += [("soup", long)] if case == "pairs" else [long, "soup [MASK] bread {text}"]
    for item in items:
        answer = exported.predict(*((item,) if isinstance(item, str) else item))
        expected = made.predict([item])
        assert list(answer["probabilities"].values()) == pytest.approx(expected.probabilities[0], abs=1e-5)
        given = tuple(answer["labels"]) if case == "several" else answer["label"]
        assert given == expected.values[0]


def test_kserve_takes_the_places_of_the_masks(tmp_path: Path, checkpoint: Path) -> None:
    made = network(checkpoint, "en")
    exporter = plugins.load("exporters", "kserve")
    assert exporter.incompatibility(made) is None
    exporter.export(made, ExportSettings("tickets"), tmp_path)
    config = (tmp_path / "models" / "tickets" / "config.pbtxt").read_text()
    assert 'name: "places"' in config
    assert json.loads((tmp_path / "client" / "model.json").read_text())["item_tokens"] == made.item_room()


def test_hub_names_the_format_that_there_is(checkpoint: Path) -> None:
    reason = plugins.load("exporters", "hub").incompatibility(network(checkpoint, "en"))
    assert reason == "transformers has no head like its masked_lm_classifier; use --to onnx"


@pytest.mark.parametrize("form", ["float32", "dynamic", "static"])
def test_compressed_networks_are_exported_with_their_own_graph(tmp_path: Path, checkpoint: Path, form: str) -> None:
    made = network(checkpoint, "en")
    if form == "static":
        save_static_onnx(made, tmp_path / "saved", CASES["en"].part.texts)
    else:
        save_onnx(made, tmp_path / "saved", int8=form == "dynamic")
    small = restored(tmp_path / "saved")
    (tmp_path / "out").mkdir()
    plugins.load("exporters", "onnx").export(small, ExportSettings(), tmp_path / "out")
    exported = load(tmp_path / "out")

    for item in CASES["en"].part.texts[:6]:
        given = exported.predict(str(item))["probabilities"]
        assert list(given.values()) == pytest.approx(small.predict([item]).probabilities[0], abs=2e-5)


def test_openvino_gives_the_answers_of_the_network(tmp_path: Path, checkpoint: Path) -> None:
    pytest.importorskip("openvino", reason="pip install 'goldilocks-lm[openvino]'")
    made = network(checkpoint, "en")
    plugins.load("exporters", "openvino").export(made, ExportSettings(), tmp_path)
    exported = load(tmp_path)

    for item in CASES["en"].part.texts[:4]:
        given = exported.predict(str(item))["probabilities"]
        assert list(given.values()) == pytest.approx(made.predict([item]).probabilities[0], abs=1e-4)
