"""Bundles with files that are not what they should be, and the rights of those that are."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import made
import numpy as np
import pytest
from made import bundle as write_bundle
from safetensors.numpy import load_file, save_file

from goldilocks import plugins
from goldilocks.bundle.read import load
from goldilocks.bundle.write import _beside
from goldilocks.errors import GoldilocksError, IntegrityError
from goldilocks.nets.backbones.graph_sessions import OnnxRuntimeSession, OpenVinoSession
from goldilocks.support.files import sha256_of


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", "tfidf_linear")


def test_files_of_a_bundle_have_the_rights_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with _beside(tmp_path / "bundle") as part:
            (part / "model").mkdir(mode=0o700)
            (part / "model" / "weights.safetensors").touch(mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "bundle" / "model" / "weights.safetensors").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "bundle" / "model").stat().st_mode) == 0o750


def _fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _link(path: Path) -> None:
    target = path.with_name("elsewhere")
    if path.exists():
        path.rename(target)
    path.symlink_to(target)


@pytest.mark.parametrize("name", ["bundle.json", "README.md", "model/extra"])
@pytest.mark.parametrize("make", [_fifo, _link])
def test_bundle_with_a_fifo_or_a_link_is_refused_without_reading_it(
    bundle: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(bundle / name)
    with pytest.raises(GoldilocksError, match="is a link or not a regular file"):
        load(bundle)


def test_bundle_with_nan_weights_is_refused_though_its_checksums_are_right(bundle: Path) -> None:
    (path,) = bundle.glob("model/*.safetensors")
    arrays = load_file(path)
    name = next(key for key, array in arrays.items() if array.dtype.kind == "f")
    arrays[name] = np.full_like(arrays[name], np.nan)
    save_file(arrays, path)
    info = json.loads((bundle / "bundle.json").read_text())
    info["files"][f"model/{path.name}"] = sha256_of(path)
    (bundle / "bundle.json").write_text(json.dumps(info))
    with pytest.raises(IntegrityError, match=r"not a number \(NaN\)"):
        load(bundle)


def resigned(bundle: Path) -> Path:
    """The bundle with the digests of its files as they are now, as somebody who means harm would leave it."""
    info = json.loads((bundle / "bundle.json").read_text())
    for name in info["files"]:
        info["files"][name] = sha256_of(bundle / name)
    (bundle / "bundle.json").write_text(json.dumps(info))
    return bundle


def test_weights_of_another_shape_end_in_one_line(bundle: Path) -> None:
    (path,) = bundle.glob("model/*.safetensors")
    arrays = load_file(path)
    save_file({**arrays, "weights": np.ascontiguousarray(arrays["weights"].T)}, path)
    with pytest.raises(IntegrityError, match=r"its model failed \(\w+: .*\); the bundle may be damaged"):
        load(resigned(bundle)).predict(["the sun shines"])


def test_error_about_a_value_of_the_file_is_no_longer_than_a_line(bundle: Path) -> None:
    head = json.loads((bundle / "model" / "model.json").read_text())
    (bundle / "model" / "model.json").write_text(json.dumps({**head, "temperature": "x" * 100_000}))
    with pytest.raises(IntegrityError, match="tfidf_linear cannot read them") as caught:
        load(resigned(bundle))
    assert len(str(caught.value)) < 600


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """The folder of a small network."""
    family = plugins.load("families", "cnn")
    model = family.create(made.facts("cnn"), None, made.PART, made.DATASET.goal, seed=0)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    assert family.restore(tmp_path / "model").labels == ("dry", "wet")
    return tmp_path / "model"


@pytest.mark.parametrize("option", ["vocabulary", "width"])
def test_forged_size_of_a_network_takes_no_memory(network: Path, option: str) -> None:
    head = json.loads((network / "network.json").read_text())
    assert option in head["options"]
    head["options"][option] = 10**9  # 4 GB for each column of a table
    (network / "network.json").write_text(json.dumps(head))
    with pytest.raises(IntegrityError, match=r"network\.json describes weights of [\d,]+ MB, their file has"):
        plugins.load("families", "cnn").restore(network)


def test_whole_numbers_in_place_of_weights_are_refused(network: Path) -> None:
    import torch
    from safetensors import torch as weights

    path = network / "weights.safetensors"
    weights.save_file({name: weight.view(torch.int16) for name, weight in weights.load_file(path).items()}, path)
    with pytest.raises(IntegrityError, match=r"is stored as torch\.int16 in place of torch\.float32"):
        plugins.load("families", "cnn").restore(network)


@pytest.mark.parametrize("session", [OnnxRuntimeSession, OpenVinoSession])
def test_graph_whose_weights_are_another_file_is_refused_before_it_is_opened(
    tmp_path: Path, session: type[OnnxRuntimeSession | OpenVinoSession]
) -> None:
    tensor = b"\x6a\x1b\x0a\x08location\x12\x0f../../etc/passwd\x70\x01"  # TensorProto: external_data, data_location
    (tmp_path / "backbone.onnx").write_bytes(b"\x08\x07\x3a\x30" + tensor)
    with pytest.raises(IntegrityError, match="has weights in other files"):
        session(tmp_path / "backbone.onnx")


def test_tokenizer_that_blows_up_texts_is_refused(network: Path) -> None:
    head = json.loads((network / "tokenizer.json").read_text(encoding="utf-8"))
    step = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1_000}  # twice: a million for each "a"
    head["normalizer"] = {"type": "Sequence", "normalizers": [step, step]}
    (network / "tokenizer.json").write_text(json.dumps(head), encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"its normalizer makes texts 1,000 times as long or more"):
        plugins.load("families", "cnn").restore(network)
