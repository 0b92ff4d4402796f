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

from goldilocks import plugins
from goldilocks.answers import by_rule
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
