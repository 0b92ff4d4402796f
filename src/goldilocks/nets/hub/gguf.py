"""GGUF models, converted to the Hub's format once and cached: dequantised weights and tokenizer.

A file may come in parts (``model.gguf.part00``, ``.part01``, …) in one folder or in the packages that a package
requires. The cache key is the SHA-256 of the whole file; a manifest holds the SHA-256 of each converted file.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.nets.hub.conversion_cache import cache_folder, cached, convert
from goldilocks.nets.hub.quiet_transformers import quiet

_PART = re.compile(r"(.+\.gguf)(?:\.part\d+)?")


def parts_in(folder: Path, requirements: Sequence[Path] = ()) -> list[Path]:
    """The GGUF file in a folder, or its parts there and in other folders, in order; empty: there is none.

    Raises:
        InputError: there are several files.
    """
    files = {file for place in (folder, *requirements) for file in place.glob("*.gguf*")}
    parts = [file for file in files if _PART.fullmatch(file.name)]
    names = {_PART.fullmatch(part.name)[1] for part in parts}  # type: ignore[index]
    if len(names) > 1:
        raise InputError(f"{folder}: holds several GGUF files ({', '.join(sorted(names))}); name a folder with one.")
    return sorted(parts, key=lambda part: part.name)


def hub_folder(parts: Sequence[Path], sha256: str | None = None) -> Path:
    """The folder in the Hub's format converted from a GGUF file; converted now if it is not cached (minutes, once).

    Args:
        parts: The file, or its parts in order.
        sha256: SHA-256 the whole file must have; ``None``: any.

    Raises:
        IntegrityError: the file is another one, or cut short.
        MissingError: the package ``gguf`` is not installed.
        InputError: transformers cannot read this kind of model, or the cache cannot be written to.
    """
    folder = cached(sha256) if sha256 else None
    if folder:
        return folder
    digest = _digest(parts)
    name = _PART.fullmatch(parts[0].name)[1]  # type: ignore[index]
    if sha256 and digest != sha256:
        raise IntegrityError(
            f"{name}: has sha256 {digest[:12]}…, the catalogue knows {sha256[:12]}…; it was changed, a part is missing "
            "or it is another version: install it again."
        )
    return cached(digest) or _make(parts, name, digest)


def _digest(parts: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def check_whole(parts: Sequence[Path]) -> None:
    """Check that the file is as long as its header says.

    Raises:
        IntegrityError: it is shorter, or no GGUF file.
    """
    from goldilocks.nets.hub.gguf_header import data_end

    size = sum(part.stat().st_size for part in parts)
    name = parts[0].name
    with parts[0].open("rb") as file:
        try:
            end = data_end(file)
        except (ValueError, EOFError) as error:
            raise IntegrityError(f"{name}: incomplete GGUF file ({error}); download it again.") from error
    if size < end:
        raise IntegrityError(f"{name}: is cut short, {size:,} of {end:,} bytes are there; download it again.")


def _make(parts: Sequence[Path], name: str, digest: str) -> Path:
    check_whole(parts)
    try:
        import gguf  # noqa: F401 (transformers needs it)
    except ModuleNotFoundError as error:
        raise MissingError(f"{name}: reading GGUF needs the package gguf: pip install gguf") from error

    def write(into: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".making-") as place:
            joined = Path(place) / name
            with joined.open("wb") as file:
                for part in parts:
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, file)
            with quiet():
                _convert(joined, into)

    return convert(name, digest, write)


def _convert(file: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    try:
        model = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
            local_files_only=True,
        )
        model.config.quantization_config = None
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    except (ValueError, KeyError, RuntimeError, ImportError, NotImplementedError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{file.name}: transformers cannot read this GGUF ({first}); take another model.") from error
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
