"""Bundles with files that are not what they should be, and the rights of those that are."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made import bundle as write_bundle
from safetensors.numpy import load_file, save_file

from goldilocks.bundle.read import load
from goldilocks.bundle.write import _beside
from goldilocks.errors import GoldilocksError, IntegrityError
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
    with pytest.raises(GoldilocksError, match="is a link or no plain file"):
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
