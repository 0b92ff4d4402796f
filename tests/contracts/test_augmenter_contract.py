from __future__ import annotations

from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.testing.augmentation import FakeResources, check_augmenter
from goldilocks.testing.masked_lm import masked_lm_folder

OPTIONS: dict[str, dict[str, Any]] = {
    "back_translation": {"there": "to-german", "back": "to-english"},
    "contextual": {"model": "masked-lm"},
}
"""Options without which an augmenter cannot be used; those of another are its defaults."""


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> FakeResources:
    return FakeResources(masked_lm_folder(tmp_path_factory.mktemp("contract") / "masked-lm"))


@pytest.mark.parametrize("name", plugins.names("augmenters"))
def test_augmenter_keeps_its_contract(name: str, resources: FakeResources) -> None:
    augmenter = plugins.load("augmenters", name)
    check_augmenter(augmenter, augmenter.Options(**OPTIONS.get(name, {})), resources)
