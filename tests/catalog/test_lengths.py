from pathlib import Path

import pytest

from goldilocks.catalog import lengths
from goldilocks.records import ModelInfo
from goldilocks.testing import tiny


def test_damaged_tokenizer_of_one_model_leaves_the_lengths_to_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tiny.encoder_folder(tmp_path / name) for name in ("damaged", "whole")]
    (folders[0] / "tokenizer.json").write_text("{")
    known = tuple(ModelInfo(folder.name, "encoder", str(folder), "", "", (), "mit", 1, 1) for folder in folders)
    monkeypatch.setattr(lengths, "catalogue", lambda: known)

    counters = lengths.token_counters()

    assert list(counters) == ["whole"]
    assert counters["whole"](["soup"]) == [3]  # and a special token at either end
