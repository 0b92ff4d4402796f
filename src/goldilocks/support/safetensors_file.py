"""Safetensors files: arrays are written to one, and one is checked from its bytes before any library maps it.

Checked are its header, then whether weights are finite.

Format (https://github.com/huggingface/safetensors): eight bytes with the header's length, the header (JSON: name ->
dtype, shape, offsets), the data without holes or overlaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import IntegrityError

_LONGEST_HEADER = 100_000_000
_BITS = {
    **{"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32},
    **{"U16": 16, "U8": 8, "BOOL": 8, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6},
    **{"F4": 4, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8},
}
_EXPONENT = {"BF16": ("<u2", 0x7F80), "F16": ("<u2", 0x7C00), "F32": ("<u4", 0x7F800000), "F64": ("<u8", 0x7FF << 52)}
"""Numbers whose exponent has all bits set are infinite or not a number (IEEE 754)."""
_CHUNK = 1 << 22
_LFS_POINTER = b"version https://git-lfs"


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write NumPy arrays, of any memory layout, as a safetensors file."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def check_header(path: Path) -> dict[str, tuple[str, int, int]]:
    """Tensor -> (dtype, first byte, end) within the file.

    Raises:
        IntegrityError: the header is none, or does not describe what follows it.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST_HEADER):
            raise _damaged(path, f"its header has {length:,} bytes, the file {size:,}")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise _damaged(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not a JSON object")
    places = {name: _place(path, name, entry) for name, entry in header.items() if name != "__metadata__"}
    end = 0
    for name, (_, first, last) in sorted(places.items(), key=lambda pair: pair[1][1:]):
        if first != end:
            raise _damaged(path, f"{name!r} begins at byte {first:,} where {end:,} was due")
        end = last
    if end != size - 8 - length:
        raise _damaged(path, f"its tensors have {end:,} bytes, {size - 8 - length:,} are there")
    begin = 8 + length
    return {name: (dtype, begin + first, begin + last) for name, (dtype, first, last) in places.items()}


def check_finite(path: Path) -> None:
    """Look at every weight.

    Raises:
        IntegrityError: one is infinite or not a number, or the header is damaged.
    """
    for name, (dtype, first, last) in check_header(path).items():
        if dtype not in _EXPONENT or first == last:
            continue
        kind, mask = _EXPONENT[dtype]
        numbers = np.memmap(path, dtype=np.uint8, mode="r", offset=first, shape=(last - first,)).view(kind)
        for begin in range(0, len(numbers), _CHUNK):
            part = numbers[begin : begin + _CHUNK]
            if bool(((part & numbers.dtype.type(mask)) == mask).any()):
                raise IntegrityError(
                    f"{path}: the tensor {name!r} holds numbers that are infinite or not a number (NaN), so every "
                    "answer would be meaningless; take an earlier checkpoint, or write the model again."
                )


def _place(path: Path, name: str, entry: Any) -> tuple[str, int, int]:
    if not isinstance(entry, Mapping):
        raise _damaged(path, f"{name!r} is described by no JSON object")
    dtype, shape, offsets = str(entry.get("dtype")), entry.get("shape"), entry.get("data_offsets")
    if dtype not in _BITS:
        raise _damaged(path, f"{name!r} has the unknown dtype {dtype!r:.40}")
    if not (_whole_numbers(shape) and _whole_numbers(offsets) and offsets is not None and len(offsets) == 2):
        raise _damaged(path, f"{name!r} has no shape or offsets that are whole numbers from 0")
    first, last = offsets
    bits = math.prod(shape or ()) * _BITS[dtype]
    if bits % 8 or last - first != bits // 8:
        raise _damaged(path, f"{name!r} needs {bits / 8:,.0f} bytes, its offsets give {last - first:,}")
    return dtype, first, last


def _whole_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(element) is int and 0 <= element < 1 << 62 for element in value)


def check_no_pointer(path: Path) -> None:
    """See whether a file has its content.

    Raises:
        IntegrityError: it is a pointer of Git LFS, as a clone without the large files has it.
    """
    with path.open("rb") as stream:
        if stream.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise IntegrityError(f"{path}: is a pointer of Git LFS, not the weights; run `git lfs pull` there.")


def _damaged(path: Path, problem: str) -> IntegrityError:
    check_no_pointer(path)
    return IntegrityError(f"{path}: no whole safetensors file ({problem}); copy or download it again.")
