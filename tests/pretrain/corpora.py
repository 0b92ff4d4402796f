"""A small corpus that a small model can learn: each sentence is one of a few, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from goldilocks.data.corpus import documents

SENTENCES = (
    "the bank sent an invoice about the loan.",
    "our coach saw a match at the stadium today.",
    "we made soup and bread in the kitchen!",
    "银行寄来了发票。",
    "教练今天看了比赛。",
)


def corpus(path: Path, count: int = 60) -> Path:
    """A .txt file of ``count`` documents of two or three sentences."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(SENTENCES, rng.integers(2, 4))) for _ in range(count)]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def read(path: Path, column: str) -> Iterator[str]:
    """What the command hands in."""
    return documents(path, column)
