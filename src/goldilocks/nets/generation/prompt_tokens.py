"""Tokens of a prompt: texts, items of a bounded length, and continuations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.nets.tokenization.tokenizer import encodings
from goldilocks.records import Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_LONGEST_TOKEN = 12
"""Characters per token beyond which a text is truncated before it is tokenized."""


@dataclass(frozen=True, slots=True)
class PromptTokenizer:
    """A tokenizer that adds no special tokens, with the length of the context."""

    tokenizer: Tokenizer
    max_positions: int
    """Tokens of the context."""

    def encoded(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return [encoding.ids for encoding in encodings(self.tokenizer, texts, special=False)]

    def truncated(self, item: Text, tokens: int) -> Text:
        """The item with at most ``tokens`` tokens in all its texts together, each truncated at its end."""
        texts = (item,) if isinstance(item, str) else item
        share = max(1, tokens // max(1, len(texts)))
        kept = []
        for text in texts:
            text = text[: _LONGEST_TOKEN * share]
            encoded = self.tokenizer.encode(text, add_special_tokens=False) if len(text) > share else None
            if encoded is not None and len(encoded.ids) > share:
                text = text[: encoded.offsets[share - 1][1]]
            kept.append(text)
        return kept[0] if isinstance(item, str) else tuple(kept)

    def continuations(self, before: str, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text as it comes after ``before``."""
        alone, *joined = self.encoded([before, *(before + text for text in texts)])
        shared = [
            next((i for i, (a, b) in enumerate(zip(alone, ids, strict=False)) if a != b), len(alone)) for ids in joined
        ]
        return [ids[min(start, len(ids) - 1) :] for ids, start in zip(joined, shared, strict=True)]
