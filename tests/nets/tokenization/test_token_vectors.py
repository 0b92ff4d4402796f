from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models

from goldilocks.nets.tokenization.token_vectors import segments, token_vectors


def unigram() -> Tokenizer:
    pieces = [("<unk>", -10.0), ("早餐", -1.0), ("好吃", -1.0), ("很", -2.0), ("早", -4.0), ("餐", -4.0)]
    return Tokenizer(models.Unigram(pieces, 0))


@pytest.mark.parametrize("text", ["早餐很好吃", "早餐 X 很好吃", "", "🙂早餐"])
def test_segments_are_the_tokens_and_join_to_the_text(text: str) -> None:
    pieces = segments(unigram(), text)
    assert "".join(pieces) == text
    assert segments(unigram(), "早餐很好吃") == ["早餐", "很", "好吃"]


def test_vectors_are_centred_means_of_the_rows_of_the_tokens(tmp_path: Path) -> None:
    table = np.arange(12, dtype=np.float32).reshape(6, 2)
    save_file({"embeddings.word_embeddings.weight": table}, tmp_path / "model.safetensors")
    got = token_vectors(tmp_path, unigram(), ["早餐", "很", "早餐很"])
    rows = np.array([table[1], table[3], (table[1] + table[3]) / 2])
    assert got is not None
    assert np.allclose(got, rows - rows.mean(0))


def test_folder_without_a_word_table_has_no_vectors(tmp_path: Path) -> None:
    save_file({"other": np.zeros((2, 2), np.float32)}, tmp_path / "model.safetensors")
    assert token_vectors(tmp_path, unigram(), ["早餐"]) is None
