"""Words of texts without spaces, and their vectors, from the tokenizer and the word table of a multilingual encoder.

A unigram tokenizer (XLM-RoBERTa's) has the common words of Chinese as tokens. Rows of its word table are no embeddings
of a sentence model, but near rows belong to related words.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TABLE = "word_embeddings.weight"


def segments(tokenizer: Tokenizer, text: str) -> list[str]:
    """A text in pieces that begin where its tokens do; joined they are the text."""
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    cuts = sorted({0, len(text), *(begin for begin, end in offsets if end > begin)})
    return [text[begin:end] for begin, end in pairwise(cuts)]


def token_vectors(folder: Path, tokenizer: Tokenizer, words: Sequence[str]) -> npt.NDArray[np.float32] | None:
    """Mean vector of each word's tokens, less the mean of all these vectors, ``(n_words, width)``.

    The mean is subtracted since all rows of a word table point the same way to some degree (Mu and Viswanath 2018,
    "All-but-the-Top"). ``None``: the folder has no table of that name.
    """
    import torch
    from safetensors import safe_open

    encoded = tokenizer.encode_batch_fast(list(words), add_special_tokens=False)
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            name = next((name for name in opened.keys() if name.endswith(_TABLE)), None)  # noqa: SIM118
            if name is None:
                continue
            table = opened.get_slice(name)[:]  # in the precision of the file
        rows = [table[torch.tensor(code.ids or [0])].float().mean(0) for code in encoded]
        vectors = torch.stack(rows)
        return np.asarray((vectors - vectors.mean(0)).numpy(), dtype=np.float32)
    return None
