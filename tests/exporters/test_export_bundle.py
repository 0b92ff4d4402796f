"""What ``goldilocks export`` refuses, and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.bundle_export import export_bundle
from goldilocks.errors import InputError, MissingError


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
    bundle = Path(__file__).parents[1] / "fixtures" / "v0.1"
    counted = next(path.parent for path in sorted(bundle.glob("*/bundle.json")) if "naive_bayes" in path.read_text())

    with pytest.raises(InputError, match="cannot be exported to onnx: it is not a neural network"):
        export_bundle(counted, "onnx", bundle.parent / "does-not-exist")
