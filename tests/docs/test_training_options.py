"""docs/training.md names every option of ``TrainingConfig`` and its default."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path

from goldilocks.records import TrainingConfig

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


def test_every_training_option_is_documented() -> None:
    missing = [option.name for option in fields(TrainingConfig) if f"`{option.name}`" not in PAGE]
    assert missing == []


def test_documented_defaults_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, flags=re.MULTILINE)
    defaults = {option.name: option.default for option in fields(TrainingConfig) if option.default is not MISSING}
    stated = {name: value.strip(" `") for name, value in rows if name in defaults and not value.startswith("by ")}
    assert len(stated) > 15
    for name, value in stated.items():
        default = defaults[name]
        number = isinstance(default, int | float) and not isinstance(default, bool)
        assert (float(value) == default) if number else (value == str(default).lower()), name
