"""Merging LoRA adapters. (Adapters named in a task: ``tests/cases/test_checkpoint_messages.py``.)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file

from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.hub.adapters import CONFIG, WEIGHTS, advice, base_of, is_adapter, merged
from goldilocks.testing.tiny import encoder_folder

Arrays = dict[str, npt.NDArray[np.float32]]
MODULE = "encoder.layer.1.attention.self.query"


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    return encoder_folder(tmp_path / "base")


def adapter(folder: Path, tensors: Arrays, **config: Any) -> Path:
    folder.mkdir(parents=True)
    content = {"peft_type": "LORA", "base_model_name_or_path": "org/base", "r": 2, "lora_alpha": 8, **config}
    (folder / CONFIG).write_text(json.dumps(content))
    save_file(tensors, folder / WEIGHTS)
    return folder


def pair(module: str = MODULE, inputs: int = 32, outputs: int = 32, rank: int = 2) -> Arrays:
    rng = np.random.default_rng(0)
    name = f"base_model.model.{module}"
    return {
        f"{name}.lora_A.weight": rng.normal(size=(rank, inputs)).astype(np.float32),
        f"{name}.lora_B.weight": rng.normal(size=(outputs, rank)).astype(np.float32),
    }


def product(tensors: Arrays) -> npt.NDArray[np.float32]:
    down, up = tensors.values()
    return up @ down


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({}, 8 / 2),
        ({"use_rslora": True}, 8 / 2**0.5),
        ({"alpha_pattern": {"query": 3}}, 3 / 2),  # of modules whose name ends so
        ({"alpha_pattern": {"layer.0.attention.self.query": 3}}, 8 / 2),
        ({"alpha_pattern": {r"encoder\.layer\.[0-9]\..*query": 6}}, 6 / 2),
    ],
)
def test_product_is_added_with_its_scale_and_nothing_else_changes(
    tmp_path: Path, base: Path, config: dict[str, Any], scale: float
) -> None:
    tensors = pair()
    made = merged(adapter(tmp_path / "lora", tensors, **config), base)
    before, after = load_file(base / "model.safetensors"), load_file(made / "model.safetensors")
    name = f"{MODULE}.weight"
    np.testing.assert_allclose(after[name], before[name] + scale * product(tensors), rtol=1e-5, atol=1e-6)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[entry], after[entry]) for entry in before if entry != name)
    assert (made / "config.json").read_bytes() == (base / "config.json").read_bytes()
    assert not (made / CONFIG).exists()


def test_layer_that_was_trained_whole_replaces_that_of_a_base_with_one_level_less(tmp_path: Path, base: Path) -> None:
    bias = "encoder.layer.0.output.LayerNorm.bias"
    tensors = pair(f"bert.{MODULE}")
    whole = {f"base_model.model.bert.{bias.replace('.bias', '')}.modules_to_save.bias": np.full(32, 7, np.float32)}
    made = merged(adapter(tmp_path / "lora", tensors | whole), base)
    before, after = load_file(base / "model.safetensors"), load_file(made / "model.safetensors")
    assert (after[bias] == 7).all()
    name = f"{MODULE}.weight"
    np.testing.assert_allclose(after[name], before[name] + 4 * product(tensors), rtol=1e-5, atol=1e-6)


def test_matrix_of_a_transposed_layer_is_added_transposed(tmp_path: Path, base: Path) -> None:
    module = "encoder.layer.0.intermediate.dense"  # (64, 32)
    tensors = pair(module, inputs=64, outputs=32)
    made = merged(adapter(tmp_path / "lora", tensors, fan_in_fan_out=True), base)
    before, after = load_file(base / "model.safetensors"), load_file(made / "model.safetensors")
    name = f"{module}.weight"
    np.testing.assert_allclose(after[name], before[name] + 4 * product(tensors).T, rtol=1e-5, atol=1e-6)


def test_adapter_is_merged_once_and_again_where_either_changes(tmp_path: Path, base: Path) -> None:
    folder = adapter(tmp_path / "lora", pair())
    first = merged(folder, base)
    (first / "mark").write_text("")
    assert merged(folder, base) == first
    assert (first / "mark").exists()
    save_file({name: 2 * tensor for name, tensor in pair().items()}, folder / WEIGHTS)
    assert merged(folder, base) != first
    assert list((tmp_path / "cache").glob(".making-*")) == []


def test_tokenizer_of_the_adapter_comes_before_that_of_the_base(tmp_path: Path, base: Path) -> None:
    folder = adapter(tmp_path / "lora", pair())
    assert (merged(folder, base) / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_text('{"own": true}')
    assert (merged(folder, base) / "tokenizer.json").read_text() == '{"own": true}'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"peft_type": "LOHA"}, "of the kind LOHA are not merged"),
        ({"use_dora": True}, "with DoRA are not merged"),
        ({"bias": "all"}, "with a bias of its own are not merged"),
        ({"lora_bias": True}, "with a bias of its own are not merged"),
        ({"trainable_token_indices": [1]}, "with trained tokens are not merged"),
    ],
)
def test_adapter_of_another_kind_is_refused_by_name(
    tmp_path: Path, base: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        merged(adapter(tmp_path / "lora", pair(), **change), base)


@pytest.mark.parametrize(
    "change",
    [{"lora_alpha": "much"}, {"lora_alpha": None}, {"alpha_pattern": {"(": 4}}, {"alpha_pattern": [4]}],
)
def test_scale_that_is_no_number_is_named_in_one_line(tmp_path: Path, base: Path, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=r"lora_alpha or alpha_pattern give no scale for encoder\.layer") as caught:
        merged(adapter(tmp_path / "lora", pair(), **change), base)
    assert "\n" not in str(caught.value)


def test_adapter_that_does_not_fit_its_base_is_refused(tmp_path: Path, base: Path) -> None:
    with pytest.raises(IntegrityError, match=r"changes no.such.weight, which its base does not have"):
        merged(adapter(tmp_path / "a", pair("no.such")), base)
    with pytest.raises(IntegrityError, match=r"has the shape \(5, 32\), the base's \(32, 32\)"):
        merged(adapter(tmp_path / "b", pair(outputs=5)), base)
    lone = {key: value for key, value in pair().items() if "lora_A" in key}
    with pytest.raises(IntegrityError, match="has no pair of matrices"):
        merged(adapter(tmp_path / "c", lone), base)
    odd = pair() | {"base_model.model.x.lora_embedding_A": np.zeros((2, 2), np.float32)}
    with pytest.raises(InputError, match="lora_embedding_A is not merged here"):
        merged(adapter(tmp_path / "d", odd), base)
    (tmp_path / "d" / CONFIG).write_text("[]")
    with pytest.raises(IntegrityError, match="it should be a JSON object"):
        merged(tmp_path / "d", base)
    (tmp_path / "d" / CONFIG).write_text("{")
    with pytest.raises(IntegrityError, match="not JSON"):
        merged(tmp_path / "d", base)


def test_folder_without_weights_is_refused(tmp_path: Path, base: Path) -> None:
    folder = adapter(tmp_path / "lora", pair())
    (folder / WEIGHTS).unlink()
    with pytest.raises(InputError, match=rf"Its weights are not there as {WEIGHTS}"):
        merged(folder, base)


def test_adapter_is_distinguished_from_a_model_and_says_what_it_is_of(tmp_path: Path, base: Path) -> None:
    folder = adapter(tmp_path / "lora", pair())
    assert is_adapter(folder)
    assert not is_adapter(base)
    assert base_of(folder) == "org/base"
    assert advice(folder).startswith("is a LoRA adapter of org/base, not a model; merge it first")
    assert "a base model that it does not name" in advice(
        adapter(tmp_path / "other", pair(), base_model_name_or_path=None)
    )


def test_cache_that_cannot_be_written_is_named(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match=r"cannot be written .*set GOLDILOCKS_CACHE"):
        merged(adapter(tmp_path / "lora", pair()), base)
