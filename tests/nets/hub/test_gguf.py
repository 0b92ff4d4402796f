from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from goldilocks.catalog.fetch import folder_of
from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.hub import gguf
from goldilocks.nets.hub.gguf_header import data_end


def _head() -> bytes:
    """One value, a list of two texts, and a float32 tensor of 8 numbers at offset 32."""

    def text(words: str) -> bytes:
        return struct.pack("<Q", len(words)) + words.encode()

    values = text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc")
    tensors = text("w") + struct.pack("<IQIQ", 1, 8, 0, 32)
    return b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + values + tensors


def test_file_must_reach_the_end_of_its_last_tensor() -> None:
    head = _head()
    start = -(-len(head) // 32) * 32  # data begin at a multiple of 32
    assert data_end(io.BytesIO(head)) == start + 32 + 8 * 4


def test_file_that_is_cut_short_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model.gguf").write_bytes(_head() + bytes(40))
    with pytest.raises(IntegrityError, match=r"model\.gguf: is cut short, .* bytes are there"):
        folder_of(str(tmp_path), offline=True)


def test_file_that_ends_within_its_head_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(_head()[:50])
    with pytest.raises(IntegrityError, match="it ends within its header"):
        gguf.check_whole([tmp_path / "model.gguf"])


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(IntegrityError, match="does not begin with GGUF"):
        gguf.check_whole([tmp_path / "model.gguf"])


def test_file_that_is_not_the_known_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model.gguf").write_bytes(_head())
    with pytest.raises(IntegrityError, match="the catalogue knows 000000000000"):
        gguf.hub_folder([tmp_path / "model.gguf"], "0" * 64)


def test_two_files_in_a_folder_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"")
    (tmp_path / "b.gguf").write_bytes(b"")
    with pytest.raises(InputError, match=r"several GGUF files \(a\.gguf, b\.gguf\)"):
        gguf.parts_in(tmp_path)


def test_parts_come_in_their_order(tmp_path: Path) -> None:
    for name in ("m.gguf.part01", "m.gguf.part00", "m.gguf.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [entry.name for entry in gguf.parts_in(tmp_path)] == ["m.gguf.part00", "m.gguf.part01"]
