"""A classifier outside this package: one ONNX graph, its tokenizer and a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")

from goldilocks import export, plugins
from goldilocks.answers import by_rule
from goldilocks.errors import InputError, MissingError
from goldilocks.export import export_bundle
from goldilocks.nets.export.onnx_graph import not_exportable, save_model
from goldilocks.nets.export.standalone_predict import Classifier
from goldilocks.nets.network import Network
from goldilocks.records import AnswerRule, Output
from goldilocks.testing import tiny

CASES = {case.name: case for case in tiny.cases({Output.LABEL, Output.TAGS})}


def encoder(folder: Path, case: tiny.Case) -> Network:
    family = plugins.load("families", "encoder")
    checkpoint = tiny.encoder_folder(folder)
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    return cast(Network, family.create(info, checkpoint, case.part, case.goal, seed=0))


@pytest.mark.parametrize("name", ["en", "zh", "pairs", "several"])
def test_exported_graph_gives_the_probabilities_of_the_network(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    network = encoder(tmp_path / "checkpoint", case)
    (tmp_path / "out").mkdir()
    save_model(network, tmp_path / "out", rule=AnswerRule(), normalisation="")
    exported = Classifier(tmp_path / "out")

    for item in (*case.part.texts[:6], *case.odd):
        texts = (item,) if isinstance(item, str) else item
        answer = exported.predict(*texts)
        expected = network.predict([item])
        assert list(answer["probabilities"].values()) == pytest.approx(expected.probabilities[0], abs=1e-5)
        given = tuple(answer["labels"]) if name == "several" else answer["label"]
        assert given == expected.values[0]


def test_script_runs_without_this_package(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", CASES["en"])
    (tmp_path / "out").mkdir()
    save_model(network, tmp_path / "out", rule=AnswerRule(), normalisation="NFC")
    blocker = "import sys; sys.modules['goldilocks'] = sys.modules['torch'] = None; "
    script = str(tmp_path / "out" / "predict.py")
    run = f"sys.argv = ['', 'soup bread']; import runpy; runpy.run_path({script!r}, run_name='__main__')"

    done = subprocess.run(
        [sys.executable, "-c", blocker + run], capture_output=True, text=True, check=False, env={**os.environ, "CI": ""}
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert list(answer["probabilities"].values()) == pytest.approx(
        network.predict(["soup bread"]).probabilities[0], abs=1e-5
    )


def test_costs_of_errors_decide_as_in_the_bundle(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", CASES["en"])
    rule = AnswerRule(((0.0, 1.0, 1.0), (90.0, 0.0, 90.0), (1.0, 1.0, 0.0)))  # whatever is "money" must be found
    (tmp_path / "out").mkdir()
    save_model(network, tmp_path / "out", rule=rule, normalisation="")

    texts = CASES["en"].part.texts[:6]
    answers = [Classifier(tmp_path / "out").predict(str(text))["label"] for text in texts]

    assert answers == list(by_rule(network.predict(texts), rule).values) == ["money"] * 6


def test_what_has_no_graph_of_its_own_is_declined_with_the_reason(tmp_path: Path) -> None:
    classifier = encoder(tmp_path / "classifier", CASES["en"])
    classifier.config = replace(classifier.config, pooling="last")
    assert "its pooling (last) is not exported" in str(not_exportable(classifier))

    family = plugins.load("families", "cnn")
    case = CASES["en"]
    cnn = cast(Network, family.create(family.models()[0], None, case.part, case.goal, seed=0))
    assert "its backbone (CnnBackbone) is not exported" in str(not_exportable(cnn))


@pytest.mark.parametrize("file", ["a folder with a file", "a file"])
def test_folder_that_is_not_empty_is_left_alone(tmp_path: Path, file: str) -> None:
    out = tmp_path / "out"
    if file == "a file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "mine").write_text("mine")

    with pytest.raises(InputError, match="is not an empty folder"):
        export_bundle(tmp_path, "onnx", out)


def test_other_formats_and_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match=r"No exporters plug-in is named 'onxx'. Did you mean 'onnx'\?"):
        export_bundle(tmp_path, "onxx", tmp_path / "out")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"pip install 'goldilocks-lm\[onnx\]'"):
        export_bundle(tmp_path, "onnx", tmp_path / "out")


def test_precision_that_a_format_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--precision is 'q8_0'; --to onnx has no choice of it"):
        export_bundle(tmp_path, "onnx", tmp_path / "out", "q8_0")
    with pytest.raises(InputError, match="--precision is 'q2'; it can be f16, q8_0, q4_0"):
        export_bundle(tmp_path, "gguf", tmp_path / "out", "q2")


def test_model_that_is_no_network_is_declined() -> None:
    bundle = Path(__file__).parents[2] / "fixtures" / "v0.1"
    counted = next(path.parent for path in sorted(bundle.glob("*/bundle.json")) if "naive_bayes" in path.read_text())

    with pytest.raises(InputError, match="cannot be exported to onnx: it is no neural network"):
        export.export_bundle(counted, "onnx", bundle.parent / "does-not-exist")
