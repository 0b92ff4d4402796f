from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.nets.export import onnx_graph
from goldilocks.nets.export.script_usage import _KINDS, arguments_of, script_usage
from goldilocks.nets.export.standalone_predict import _KINDS as SCRIPTS
from goldilocks.records import Output
from goldilocks.testing import tiny

CASES = {case.name: case for case in tiny.cases({Output.LABEL, Output.TAGS, Output.SCORE, Output.SPAN})}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("en", '"a text"'),
        ("scores", '"a text" "another"'),
        ("spans", '"a question" "its context"'),
        ("tags", "the words of a sentence"),
    ],
)
def test_command_has_the_arguments_of_the_network(tmp_path: Path, name: str, arguments: str) -> None:
    network = tiny.encoder(tmp_path / "checkpoint", CASES[name].part, CASES[name].goal)
    assert arguments_of(network) == arguments
    exported = script_usage(network, "onnxruntime")
    assert exported.loaded_by == "onnxruntime"
    assert exported.command == f"python FOLDER/predict.py {arguments}"
    assert f"python predict.py {arguments}" in exported.usage
    assert "pip install numpy onnxruntime tokenizers" in exported.usage
    assert not any(gap in exported.usage for gap in ("RUNTIME", "ARGUMENTS", "WHAT"))


def test_every_head_that_is_exported_has_a_usage_and_a_script() -> None:
    assert set(_KINDS) == set(SCRIPTS) == set(onnx_graph._HEADS)
