"""Tests of ``pretrain/settings.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from goldilocks.errors import InputError
from goldilocks.pretrain.settings import SIZES, PretrainSettings, check


def test_defaults_and_every_preset_are_accepted() -> None:
    for size in SIZES:
        check(PretrainSettings(size=size))
    check(PretrainSettings(epochs=0.0, steps=0))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"objective": "mlmm"}, r"objective is 'mlmm'\. Did you mean 'mlm'\?"),
        ({"size": "huge"}, "size is 'huge'.* There are: tiny, mini, small, medium, base"),
        ({"tokenizer": "words"}, "tokenizer is 'words'"),
        ({"vocabulary": 15}, "vocabulary is 15; it must be at least 16"),
        ({"length": 7}, "length is 7; it must be at least 8"),
        ({"batch_rows": 0}, "batch rows is 0; it must be at least 1"),
        ({"epochs": -1.0}, "epochs is -1.0; it must be at least 0"),
        ({"epochs": float("nan")}, "epochs is nan"),
        ({"objective": "clm", "next_sentence": True}, "next sentence belongs to mlm"),
        ({"objective": "denoise", "whole_words": True}, "whole words belongs to mlm"),
        ({"next_sentence": True, "across": True}, "leave out across"),
        ({"start": Path("x"), "tokenizer": "bpe"}, "a checkpoint keeps its own tokenizer"),
    ],
)
def test_settings_that_contradict_or_are_out_of_range_are_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        check(PretrainSettings(**given))
