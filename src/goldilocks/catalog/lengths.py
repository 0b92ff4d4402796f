"""How many tokens a text is for each available tokenizer: the unit of length percentiles and cut-offs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.errors import GoldilocksError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Counter = Callable[[Sequence[str]], list[int]]


def token_counters() -> Mapping[str, Counter]:
    """Model name -> token counts of texts, for every model of the catalogue that is on this machine."""
    from tokenizers import Tokenizer

    counters: dict[str, Counter] = {}
    for info in catalogue():
        try:
            path = _tokenizer_of(folder_of(info, offline=True, make=False))
        except GoldilocksError:  # not on this machine; `candidates` says why
            continue
        if path is not None:
            # The library raises bare Exception; a damaged tokenizer fails, with its reason, where it is tuned.
            with suppress(Exception):
                counters[info.name] = partial(_counts, Tokenizer.from_file(str(path)))
    return counters


def _tokenizer_of(folder: Path) -> Path | None:
    named = folder / "tokenizer.json"
    return named if named.exists() else next(iter(sorted(folder.glob("tokenizers/*.json"))), None)


def _counts(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(list(texts))]
