"""Word-level vocabulary of the training texts, for networks trained from scratch.

Lower case, accents stripped, punctuation split off; a Chinese character is a word of its own, so Chinese needs no word
segmentation. Scripts without spaces other than Chinese (Thai, Khmer) give long "words": use a pretrained tokenizer for
those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD_ID = 0
UNKNOWN_ID = 1
LIMIT = 30_000
"""Most words in a vocabulary. Rarer ones would be learned no better than the unknown word."""


def learn_words(texts: Sequence[str], *, max_tokens: int, limit: int = LIMIT, min_count: int = 2) -> Tokenizer:
    """A tokenizer whose vocabulary is the words of ``texts``; id 0 is padding, id 1 the unknown word.

    Args:
        texts: Training texts. The same texts give the same vocabulary.
        max_tokens: Words after which a text is truncated.
        limit: Most words in the vocabulary, padding and unknown among them; the most frequent are kept.
        min_count: A rarer word is unknown. 2 by default: the embedding of a word seen once would hardly be trained, and
            leaving it out trains the embedding of the unknown word.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordLevelTrainer(
        vocab_size=limit, min_frequency=min_count, special_tokens=["[PAD]", "[UNK]"], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.enable_truncation(max_length=max_tokens)
    return tokenizer
