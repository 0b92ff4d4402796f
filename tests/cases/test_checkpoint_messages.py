"""Checkpoint folders and bundles that are not what they seem: named in one line, or read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from goldilocks.catalog.fetch import folder_of
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.support.safetensors_file import check_finite, check_header
from goldilocks.testing.tiny import encoder_folder


def write_safetensors(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(content) if length is None else length).to_bytes(8, "little") + content + data)
    return path


def entry(shape: list[Any], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "data", "length", "words"),
    [
        ({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, b"0" * 12, None, "'b' begins at byte 4 where 8 was due"),
        ({"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, b"0" * 8, None, "begins at byte 0 where 8 was due"),
        ({"a": entry([2], 8, 16)}, b"0" * 16, None, "begins at byte 8 where 0 was due"),
        ({"a": entry([2], 0, 8)}, b"0" * 9, None, "its tensors have 8 bytes, 9 are there"),
        ({"a": entry([2], 0, 8)}, b"0" * 7, None, "its tensors have 8 bytes, 7 are there"),
        ({"a": entry([3], 0, 8)}, b"0" * 8, None, "'a' needs 12 bytes, its offsets give 8"),
        ({"a": entry([-2], 0, 8)}, b"0" * 8, None, "whole numbers from 0"),
        ({"a": entry([2], 8, 0)}, b"0" * 8, None, "offsets give -8"),
        ({"a": entry([True], 0, 4)}, b"0" * 4, None, "whole numbers from 0"),
        ({"a": entry([2.0], 0, 8)}, b"0" * 8, None, "whole numbers from 0"),
        ({"a": entry([2**61, 2**61], 0, 8)}, b"0" * 8, None, "its offsets give 8"),
        ({"a": entry([2], 0, 8, "Q7")}, b"0" * 8, None, "unknown dtype 'Q7'"),
        ({"a": 3}, b"", None, "described by no JSON object"),
        ({"a": {"dtype": "F32"}}, b"", None, "whole numbers from 0"),
        (b"[]", b"", None, "not a JSON object"),
        (b"{nonsense", b"", None, "is not JSON"),
        (b"[" * 100_000, b"", None, "is not JSON"),
        (b"{}", b"", 2**63, "its header has 9,223,372,036,854,775,808 bytes, the file 10"),
        (b"{}", b"", 3, "its header has 3 bytes, the file 10"),
    ],
)
def test_hostile_safetensors_are_refused(
    tmp_path: Path, header: Any, data: bytes, length: int | None, words: str
) -> None:
    path = write_safetensors(tmp_path / "x.safetensors", header, data, length)
    with pytest.raises(IntegrityError, match=f"x.safetensors: no whole safetensors file .*{words}"):
        check_header(path)


@pytest.mark.parametrize(
    ("dtype", "number", "good"),
    [
        ("F32", np.float32("nan").tobytes(), False),
        ("F32", np.float32("-inf").tobytes(), False),
        ("F32", np.float32(3e38).tobytes(), True),
        ("F16", np.float16("inf").tobytes(), False),
        ("F16", np.float16(65504).tobytes(), True),
        ("F64", np.float64("nan").tobytes(), False),
        ("F64", np.float64(1e308).tobytes(), True),
        ("BF16", b"\xc0\x7f", False),
        ("BF16", b"\x80\xff", False),
        ("BF16", b"\x7f\x7f", True),
        ("I16", b"\xff\x7f", True),
    ],
)
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, dtype: str, number: bytes, good: bool) -> None:
    data = b"\0" * len(number) * 3 + number
    path = write_safetensors(tmp_path / "x.safetensors", {"w": entry([4], 0, len(data), dtype)}, data)
    if good:
        check_finite(path)
        return
    with pytest.raises(IntegrityError, match=r"the tensor 'w' holds numbers that are infinite or not a number"):
        check_finite(path)


def test_checkpoint_with_nan_weights_is_refused_when_it_is_read(tmp_path: Path) -> None:
    from goldilocks.nets.hub.weights import hub_weights

    folder = encoder_folder(tmp_path / "nan")
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[0]
    weights[name] = np.full_like(weights[name], np.nan)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(IntegrityError, match=r"not a number \(NaN\)"):
        hub_weights(folder)


def test_missing_shard_is_named(tmp_path: Path) -> None:
    folder = encoder_folder(tmp_path / "sharded")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(
        MissingError, match=r"names 2 files, 1 is missing \(model-00002-of-00002.safetensors\); download"
    ):
        folder_of(str(folder), offline=True)
    (folder / "model.safetensors.index.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"index.json: damaged"):
        folder_of(str(folder), offline=True)


def test_older_sentence_transformers_folder_is_read_inside(tmp_path: Path) -> None:
    inner = encoder_folder(tmp_path / "old" / "0_Transformer")
    modules = [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "old" / "modules.json").write_text(json.dumps(modules))
    assert folder_of(str(tmp_path / "old"), offline=True) == inner.resolve()
    (tmp_path / "old" / "modules.json").write_text("3")
    with pytest.raises(IntegrityError, match=r"modules.json: damaged"):
        folder_of(str(tmp_path / "old"), offline=True)


# ----------------------------------------------------------------------------------------------------------- adapters


def adapter(folder: Path, base: str, tensors: dict[str, Any], **config: Any) -> Path:
    folder.mkdir(parents=True)
    content = {"peft_type": "LORA", "base_model_name_or_path": base, "r": 2, "lora_alpha": 8, **config}
    (folder / "adapter_config.json").write_text(json.dumps(content))
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def pair(module: str, inputs: int = 32, outputs: int = 32) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    name = f"base_model.model.{module}"
    return {
        f"{name}.lora_A.weight": rng.normal(size=(2, inputs)).astype(np.float32),
        f"{name}.lora_B.weight": rng.normal(size=(outputs, 2)).astype(np.float32),
    }


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    return encoder_folder(tmp_path / "base")


def a_matrix(base: Path) -> str:
    weights = load_file(base / "model.safetensors")
    return next(name for name, weight in weights.items() if weight.shape == (32, 32) and name.endswith("query.weight"))


def test_adapter_is_merged_where_its_base_is_at_hand(tmp_path: Path, base: Path) -> None:
    name = a_matrix(base)
    module = name.removesuffix(".weight")
    tensors = pair(module)
    folder = adapter(tmp_path / "lora", "base", tensors)

    made = folder_of(str(folder), offline=True)

    before, after = load_file(base / "model.safetensors"), load_file(made / "model.safetensors")
    up, down = tensors[f"base_model.model.{module}.lora_B.weight"], tensors[f"base_model.model.{module}.lora_A.weight"]
    # scale = lora_alpha / r = 8 / 2
    np.testing.assert_allclose(after[name], before[name] + 4 * up @ down, rtol=1e-5, atol=1e-6)
    assert all(np.array_equal(before[entry], after[entry]) for entry in before if entry != name)
    assert (made / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    assert folder_of(str(folder), offline=True) == made  # made once


def test_adapter_without_its_base_is_named_for_what_it_is(tmp_path: Path, base: Path) -> None:
    folder = adapter(tmp_path / "lora", "org/other", pair("x"))
    with pytest.raises(MissingError, match=r"is a LoRA adapter of org/other, not a model; merge it first .*merge_and"):
        folder_of(str(folder), offline=True)
    nameless = adapter(tmp_path / "nameless", "", pair("x"))
    with pytest.raises(InputError, match="adapter of a base model that it does not name"):
        folder_of(str(nameless), offline=True)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"peft_type": "IA3"}, r"is an \(IA\)³ adapter of org/other, not a model; merge it first"),
        ({"peft_type": "ADALORA"}, "is an AdaLoRA adapter of org/other"),
        (
            {"peft_type": "PROMPT_TUNING"},
            r"holds a trained prompt \(PROMPT_TUNING\) of org/other, .* fine-tune it",
        ),
        ({"peft_type": "VERA"}, r"is an adapter \(VERA\) of org/other"),
        ({"peft_type": None, "model_name": "org/other", "config": {}}, "in the format of the package adapters"),
    ],
)
def test_other_kinds_of_adapter_are_named_for_what_they_are(tmp_path: Path, config: dict[str, Any], words: str) -> None:
    base = "" if "model_name" in config else "org/other"
    folder = adapter(tmp_path / "it", base, pair("x"), **config)
    with pytest.raises(MissingError, match=words):
        folder_of(str(folder), offline=True)


# ----------------------------------------------------------------------------------------------------- other weights


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pytorch_model.bin.index.json", "only there as pytorch_model.bin.index.json, a pickle"),
        ("pytorch_model-00001-of-00002.bin", "only there as pytorch_model-00001-of-00002.bin, a pickle"),
        ("tf_model.h5", "only there as tf_model.h5, for TensorFlow"),
        ("flax_model.msgpack", "only there as flax_model.msgpack, for Flax"),
        ("model.onnx", "only there as model.onnx, for ONNX Runtime"),
        ("model_index.json", "is a pipeline of diffusers"),
    ],
)
def test_weights_of_another_kind_are_named(tmp_path: Path, name: str, words: str) -> None:
    folder = encoder_folder(tmp_path / "it")
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(InputError, match=words):
        folder_of(str(folder), offline=True)


def test_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    from goldilocks.nets.hub.config import weight_names
    from goldilocks.nets.hub.weights import hub_weights

    folder = encoder_folder(tmp_path / "it")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    (folder / "model.safetensors").write_text(pointer)
    for read in (hub_weights, lambda it: weight_names(it / "model.safetensors")):
        with pytest.raises(IntegrityError, match="is a pointer of Git LFS, not the weights; run `git lfs pull`"):
            read(folder)
