from __future__ import annotations

import io
import struct

import pytest

from goldilocks.nets.hub.gguf_header import data_end

F32, Q4_0, STRING, LIST, U32 = 0, 2, 8, 9, 4


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _tensor(name: str, shape: list[int], kind: int, offset: int) -> bytes:
    return _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def _file(values: list[bytes], tensors: list[bytes], version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values)) + b"".join([*values, *tensors])


def test_end_is_that_of_the_last_tensor_behind_the_aligned_header() -> None:
    header = _file([], [_tensor("a", [4, 8], F32, 0), _tensor("b", [64], Q4_0, 128)])
    start = -(-len(header) // 32) * 32
    # a: 32 numbers of 4 bytes; b: 64 numbers are 2 blocks of 18 bytes, from byte 128 on.
    assert data_end(io.BytesIO(header)) == start + 128 + 2 * 18


def test_alignment_in_the_header_counts_and_other_values_are_passed_over() -> None:
    values = [
        _text("general.name") + struct.pack("<I", STRING) + _text("tiny"),
        _text("tokens") + struct.pack("<IIQ", LIST, STRING, 2) + _text("a") + _text("bc"),
        _text("scores") + struct.pack("<IIQ", LIST, F32 + 6, 3) + b"\x00" * 12,  # kind 6 of values: float32
        _text("general.alignment") + struct.pack("<II", U32, 256),
    ]
    header = _file(values, [_tensor("a", [2], F32, 0)])
    assert data_end(io.BytesIO(header)) == -(-len(header) // 256) * 256 + 8


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"GGML" + b"\x00" * 20, "does not begin with GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1, known are 2 and 3"),
        (_file([_text("x") + struct.pack("<I", 99)], []), "a value of the unknown kind 99"),
        (_file([struct.pack("<Q", 2**50)], []), "a length of"),
    ],
)
def test_what_is_no_gguf_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        data_end(io.BytesIO(content))


def test_header_cut_short_is_refused() -> None:
    header = _file([], [_tensor("a", [4], F32, 0)])
    with pytest.raises(EOFError, match="ends within its header"):
        data_end(io.BytesIO(header[:-3]))
