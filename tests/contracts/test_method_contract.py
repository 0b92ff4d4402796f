from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.records import ModelInfo
from goldilocks.testing import tiny
from goldilocks.testing.contracts import check_method


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[ModelInfo, Callable[[], Any]]]:
    """One untrained network of each family, and a pretrained one where a tiny one can be made."""
    result: list[tuple[ModelInfo, Path | None]] = []
    folder = tmp_path_factory.mktemp("checkpoints")
    checkpoints = [tiny.encoder_folder(folder / "tiny-encoder"), tiny.decoder_folder(folder / "tiny-decoder")]
    for name in plugins.names("families"):
        family = plugins.load("families", name)
        result += [(facts, None) for facts in family.models()[:1] if facts.groups]
        described = [(family.describe(checkpoint, str(checkpoint)), checkpoint) for checkpoint in checkpoints]
        result += [(facts, checkpoint) for facts, checkpoint in described if facts is not None]

    def maker(facts: ModelInfo, folder: Path | None) -> Callable[[], Any]:
        family = plugins.load("families", facts.family)
        case = tiny.cases(family.OUTPUTS)[0]
        return lambda: family.create(facts, folder, case.part, case.goal, seed=0)

    return [(facts, maker(facts, folder)) for facts, folder in result]


@pytest.mark.parametrize("name", plugins.names("methods"))
def test_method_keeps_its_contract(name: str, networks: list[tuple[ModelInfo, Callable[[], Any]]]) -> None:
    if not check_method(plugins.load("methods", name), networks):
        pytest.skip(f"{name} fits none of the networks there are to try it on")
