from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.testing import tiny
from goldilocks.testing.contracts import check_family


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return [tiny.encoder_folder(folder / "tiny-encoder"), tiny.decoder_folder(folder / "tiny-decoder")]


@pytest.mark.parametrize("name", plugins.names("families"))
def test_family_keeps_its_contract(name: str, checkpoints: list[Path], tmp_path: Path) -> None:
    if not check_family(plugins.load("families", name), name, tmp_path, checkpoints):
        pytest.skip(f"{name} makes no model itself and there is no tiny checkpoint of its kind")
