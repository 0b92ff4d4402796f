from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from goldilocks.nets.export.hub_tokenizer import save_tokenizer
from goldilocks.testing import tiny


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    made = Tokenizer.from_file(str(tiny.encoder_folder(tmp_path / "checkpoint") / "tokenizer.json"))
    made.enable_truncation(3)
    made.enable_padding()
    return made


def saved(tokenizer: Tokenizer, folder: Path, **more: Any) -> tuple[Tokenizer, dict[str, Any]]:
    folder.mkdir()
    save_tokenizer(tokenizer, folder, **{"max_tokens": 64, "pad_id": 0, "types": True, **more})
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    return Tokenizer.from_file(str(folder / "tokenizer.json")), config


def test_copy_neither_truncates_nor_pads_and_the_original_still_does(tokenizer: Tokenizer, tmp_path: Path) -> None:
    again, _ = saved(tokenizer, tmp_path / "hub")
    assert again.truncation is None
    assert again.padding is None
    assert len(again.encode("soup bread bank").ids) == 5
    assert len(tokenizer.encode("soup bread bank").ids) == 3


def test_config_names_the_length_and_the_special_tokens_that_there_are(tokenizer: Tokenizer, tmp_path: Path) -> None:
    _, config = saved(tokenizer, tmp_path / "hub")
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert config["model_max_length"] == 64
    assert config["padding_side"] == "right"
    roles = {role: token for role, token in config.items() if role.endswith("_token")}
    assert roles == {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}


@pytest.mark.parametrize("types", [True, False])
def test_token_types_are_an_input_where_the_model_takes_them(tokenizer: Tokenizer, tmp_path: Path, types: bool) -> None:
    _, config = saved(tokenizer, tmp_path / "hub", types=types)
    assert ("token_type_ids" in config["model_input_names"]) is types
    assert {"input_ids", "attention_mask"} < set(config["model_input_names"]) or not types


def test_given_roles_come_before_the_usual_names(tokenizer: Tokenizer, tmp_path: Path) -> None:
    _, config = saved(tokenizer, tmp_path / "hub", special={"cls_token": "soup", "eos_token": "[SEP]"})
    assert (config["cls_token"], config["eos_token"], config["sep_token"]) == ("soup", "[SEP]", "[SEP]")


@pytest.mark.parametrize(("form", "same"), [("NFC", False), ("NFKC", True)])
def test_normalisation_comes_before_the_tokenizers_own(
    tokenizer: Tokenizer, tmp_path: Path, form: str, same: bool
) -> None:
    again, _ = saved(tokenizer, tmp_path / "hub", normalisation=form)
    wide = "\uff33oup"  # a full-width S: its compatibility form is S, which the tokenizer's own normaliser lower-cases
    assert (again.encode(wide).tokens == again.encode("soup").tokens) is same
    assert again.encode("Soup").tokens == tokenizer.encode("soup").tokens
