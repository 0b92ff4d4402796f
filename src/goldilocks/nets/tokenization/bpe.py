"""Byte-level BPE: a subword tokenizer learned jointly from sources and targets.

Case, accents and white space survive, so that decoding inverts encoding; any text in any script can be generated, if
need be byte by byte.

Source: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"; bytes as in Radford et al.
2019.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD_ID = 0
UNKNOWN_ID = 1
"""Never produced by the tokenizer; networks with word dropout use it in training."""
START_ID = 2
END_ID = 3
_SPECIAL = ["[PAD]", "[UNK]", "[START]", "[END]"]


def learn_bpe(texts: Iterable[str], *, limit: int, lossless: bool = False) -> Tokenizer:
    """A tokenizer that ends every text with ``END_ID``; the same texts give the same vocabulary.

    Args:
        texts: Training texts of both sides.
        limit: Maximum number of subwords, 256 bytes and special tokens included. A subword occurs at least twice.
        lossless: Encode a text that starts with a space differently from the same text without it. No two texts then
            have the same tokens, which a likelihood needs and generation does not.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=not lossless)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A [END]", special_tokens=[("[END]", END_ID)])
    trainer = trainers.BpeTrainer(
        vocab_size=limit,
        min_frequency=2,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
