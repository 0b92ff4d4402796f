from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.records import ModelInfo, TrainingConfig
from goldilocks.testing import tiny
from goldilocks.testing.method_training import check_method_trains

_CONFIG = TrainingConfig(epochs=1, learning_rate=1e-4, head_learning_rate=1e-3)
TRAINED = [name for name in plugins.names("methods") if plugins.load("methods", name).training_config(_CONFIG)]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    result = {"bert": tiny.encoder_folder(folder / "bert"), "gemma": tiny.decoder_folder(folder / "gemma")}
    result["modernbert"] = tiny.hub_encoder_folder(folder / "modernbert")
    return result


@pytest.mark.parametrize("model", ["bert", "modernbert", "gemma"])
@pytest.mark.parametrize("name", TRAINED)
def test_method_trains_as_promised(name: str, model: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    checkpoint = checkpoints[model]
    info = described(checkpoint)
    method = plugins.load("methods", name)
    reason = method.incompatibility(info)
    if reason is not None:
        pytest.skip(reason)
    check_method_trains(name, info, checkpoint, tmp_path)


def described(checkpoint: Path) -> ModelInfo:
    for family in ("encoder", "decoder"):
        info = plugins.load("families", family).describe(checkpoint, str(checkpoint))
        if info is not None:
            return info
    raise AssertionError(f"no family reads {checkpoint}")
