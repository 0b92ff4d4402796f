from __future__ import annotations

import pytest

from goldilocks.cli.tune import training_of
from goldilocks.errors import InputError


def test_training_options_are_name_and_value() -> None:
    assert training_of(["schedule=cosine", "epochs=2"]) == {"schedule": "cosine", "epochs": "2"}
    assert training_of(None) == {}
    with pytest.raises(InputError, match="--training schedule: write NAME=VALUE"):
        training_of(["schedule"])
