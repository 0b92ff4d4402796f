"""Words as the tokens of networks that start from nothing: the training texts' own vocabulary.

Lower case, accents stripped, punctuation apart; a Chinese character is a word of its own, so Chinese needs no word
list. Scripts that write neither spaces nor such characters (Thai, Khmer) come out as long "words": use a pretrained
tokenizer for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD_ID = 0
UNKNOWN_ID = 1
LIMIT = 30_000
"""Most words in a vocabulary. What lies beyond is rare enough to be learnt no better than the unknown word."""


def learn_words(texts: Sequence[str], *, max_tokens: int, limit: int = LIMIT, min_count: int = 2) -> Tokenizer:
    """A tokenizer whose vocabulary is the words of ``texts``; id 0 is padding, id 1 the unknown word.

    Args:
        texts: Training texts. The same texts give the same vocabulary.
        max_tokens: Words after which a text is cut.
        limit: Most words in the vocabulary, padding and unknown among them; the commonest stay.
        min_count: A word seen less often is unknown. 2 by default: a word seen once has a vector nobody trained, and
            leaving it out teaches the network what an unknown word looks like.
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
