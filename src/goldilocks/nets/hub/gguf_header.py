"""The header of a GGUF file: where the file must end.

Source: the format's description, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from typing import BinaryIO

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Type of a plain value -> its bytes."""
_STRING, _LIST = 8, 9
_BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 30: (1, 2)},
}
"""Type of a tensor -> numbers in a block, and its bytes; other types count as empty."""
_MAX = 1 << 40


def data_end(file: BinaryIO) -> int:
    """Least size of the whole file in bytes.

    Raises:
        ValueError: it is not a GGUF file, or of a version not known here.
        EOFError: the file ends within its header.
    """
    if file.read(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    version = _number(file, 4)
    if version not in (2, 3):
        raise ValueError(f"version {version}, known are 2 and 3")
    tensors, values = _number(file, 8), _number(file, 8)
    alignment = 32
    for _ in range(values):
        key = _text(file)
        value = _value(file, _number(file, 4))
        alignment = value if key == b"general.alignment" and value else alignment
    end = 0
    for _ in range(tensors):
        _text(file)
        shape = [_number(file, 8) for _ in range(_number(file, 4))]
        kind, offset = _number(file, 4), _number(file, 8)
        numbers, size = _BLOCKS.get(kind, (1, 0))
        end = max(end, offset + math.prod(shape) // numbers * size)
    return -(-file.tell() // alignment) * alignment + end


def _read(file: BinaryIO, count: int) -> bytes:
    if not 0 <= count < _MAX:
        raise ValueError(f"a length of {count} bytes")
    content = file.read(count)
    if len(content) < count:
        raise EOFError("it ends within its header")
    return content


def _number(file: BinaryIO, size: int) -> int:
    return int.from_bytes(_read(file, size), "little")


def _text(file: BinaryIO) -> bytes:
    return _read(file, _number(file, 8))


def _value(file: BinaryIO, kind: int) -> int:
    """Skip a value; an integer is returned."""
    if kind == _STRING:
        _text(file)
        return 0
    if kind == _LIST:
        inner, count = struct.unpack("<IQ", _read(file, 12))
        if inner in _SIZES:
            _read(file, _SIZES[inner] * count)
        else:
            for _ in range(count):
                _value(file, inner)
        return 0
    if kind not in _SIZES:
        raise ValueError(f"a value of the unknown kind {kind}")
    return _number(file, _SIZES[kind])
