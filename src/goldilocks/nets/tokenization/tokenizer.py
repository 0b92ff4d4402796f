"""Loading a tokenizer and encoding texts with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import IntegrityError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


MAX_GROWTH = 1_000
"""Replacements that lengthen a text more would fill the memory; usual ones put a few characters in place of a blank."""
_ENCODED = 4_096
"""Texts tokenized at a time."""


def special_tokens(tokenizer: Tokenizer) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The ids of the special tokens that a tokenizer adds before and after a text."""
    framed = tokenizer.encode("a")
    inside = [position for position, special in enumerate(framed.special_tokens_mask) if not special]
    before, after = (framed.ids[: inside[0]], framed.ids[inside[-1] + 1 :]) if inside else ([], [])
    return np.asarray(before, dtype=np.int32), np.asarray(after, dtype=np.int32)


def encodings(
    tokenizer: Tokenizer, texts: Sequence[str | tuple[str, str]], *, special: bool = True
) -> Iterator[Encoding]:
    """The encoding of each text, some thousands at a time: an ``Encoding`` takes many times the memory of its ids.

    Args:
        tokenizer: The tokenizer.
        texts: Texts, or pairs of them.
        special: With the special tokens.
    """
    for start in range(0, len(texts), _ENCODED):
        yield from tokenizer.encode_batch_fast(list(texts[start : start + _ENCODED]), add_special_tokens=special)


def _growth(tokenizer: Tokenizer) -> int:
    """How many times longer the replacements of a tokenizer's normalizer make a text at most."""
    if tokenizer.normalizer is None:
        return 1
    growth = 1
    waiting: list[Any] = [json.loads(tokenizer.normalizer.__getstate__())]
    while waiting:
        step = waiting.pop()
        if isinstance(step, dict):
            growth *= max(1, len(step["content"])) if isinstance(step.get("content"), str) else 1
            waiting += step.values()
        elif isinstance(step, list):
            waiting += step
    return growth


def read_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """A tokenizer that truncates at ``max_tokens`` (special tokens kept) and does not pad: batches pad themselves.

    Raises:
        IntegrityError: the file holds no tokenizer.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise IntegrityError(f"{path}: not a tokenizer ({error}); download the model again.") from error
    if _growth(tokenizer) > MAX_GROWTH:
        raise IntegrityError(f"{path}: its normalizer makes texts {MAX_GROWTH:,} times as long or more; do not use it.")
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=max_tokens)
    return tokenizer
