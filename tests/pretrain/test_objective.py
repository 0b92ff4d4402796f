from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks.errors import InputError, MissingError
from goldilocks.pretrain.objective import attention, dtype_of, mean_loss, read_model, tensors
from goldilocks.testing.tiny import encoder_folder

LOWEST = torch.finfo(torch.float32).min


def test_attention_is_masked_across_units_and_if_causal_to_later_tokens() -> None:
    units = torch.tensor([[1, 1, 2]])
    free = (attention(units, torch.float32)[0, 0] == 0).long().tolist()
    assert free == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    causal = attention(units, torch.float32, causal=True)[0, 0]
    assert causal.tolist() == [[0.0, LOWEST, LOWEST], [0.0, 0.0, LOWEST], [LOWEST, LOWEST, 0.0]]


def test_mean_loss_is_cross_entropy_and_0_without_targets() -> None:
    logits = torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    loss = mean_loss(logits, torch.tensor([0, 1]))
    assert float(loss) == pytest.approx((math.log(4) + math.log(2)) / 2)
    assert float(mean_loss(logits[:0], torch.zeros(0, dtype=torch.long))) == 0.0


def test_arrays_become_whole_numbers_and_none_is_left_out() -> None:
    made = tensors({"ids": np.array([1, 2], dtype=np.int32), "units": None})
    assert made.keys() == {"ids"}
    assert made["ids"].dtype == torch.int64
    assert dtype_of(torch.nn.Linear(2, 2).bfloat16()) == torch.bfloat16


def _read(folder: Path, kinds: tuple[str, ...] = ("bert",), length: int = 16) -> torch.nn.Module:
    from transformers import AutoModelForMaskedLM

    model: torch.nn.Module = read_model(folder, AutoModelForMaskedLM, kinds, dropout=0.0, length=length)
    return model


def test_checkpoint_without_a_head_gets_one(tmp_path: Path) -> None:
    model = _read(encoder_folder(tmp_path / "encoder"))
    assert dtype_of(model) == torch.float32


def test_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a 'bert' model, which this objective cannot continue; it takes t5"):
        _read(encoder_folder(tmp_path / "encoder"), ("t5",))


def test_rows_longer_than_the_model_are_refused(tmp_path: Path) -> None:
    folder = encoder_folder(tmp_path / "encoder")
    most = json.loads((folder / "config.json").read_text())["max_position_embeddings"]
    with pytest.raises(InputError, match=f"{most} tokens, rows have {most + 1}; choose a shorter --length"):
        _read(folder, length=most + 1)


def test_checkpoint_cut_short_is_named(tmp_path: Path) -> None:
    folder = encoder_folder(tmp_path / "encoder")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError, match="download the checkpoint again"):
        _read(folder)


def test_folder_without_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"config\.json"):
        _read(tmp_path)
