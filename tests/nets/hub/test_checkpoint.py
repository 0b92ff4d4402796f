from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.errors import MissingError
from goldilocks.nets.hub.checkpoint import checkpoint_info, is_checkpoint, tokenizer_file
from goldilocks.testing import tiny


def test_info_counts_weights_and_bytes_and_takes_the_name_from_the_source(tmp_path: Path) -> None:
    folder = tiny.decoder_folder(tmp_path, kind="llama", width=8, depth=1)

    info = checkpoint_info(folder, "hf://org/small@abc", "decoder")

    assert (info.name, info.family, info.licence) == ("small", "decoder", "unknown")
    # Word table and output matrix of 258 rows, the last norm; in the block q, k, v, o, gate, up, down and two norms.
    assert info.parameters == 2 * 258 * 8 + 8 + (64 + 32 + 32 + 64 + 3 * 128 + 2 * 8)
    files = [folder / "model.safetensors", folder / "tokenizer.json"]
    assert info.size_bytes == sum(file.stat().st_size for file in files)


def test_folder_without_configuration_is_no_checkpoint(tmp_path: Path) -> None:
    assert not is_checkpoint(tmp_path)
    assert is_checkpoint(tiny.encoder_folder(tmp_path / "encoder"))


def test_missing_tokenizer_is_named_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"tokenizer.json: there is no such file; write it with .*save_pretrained"):
        tokenizer_file(tmp_path)
