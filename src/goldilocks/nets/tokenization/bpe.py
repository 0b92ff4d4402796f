"""Pieces of words as the tokens of networks that write: joint byte-level BPE of what is read and what is written.

Case, accents and white space survive, so that what is decoded is what was encoded; any text in any script can be
written, if need be byte by byte.

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
"""Never made by the tokenizer: networks that hide tokens in training write it themselves."""
START_ID = 2
END_ID = 3
_SPECIAL = ["[PAD]", "[UNK]", "[START]", "[END]"]


def learn_pieces(texts: Iterable[str], *, limit: int, faithful: bool = False) -> Tokenizer:
    """A tokenizer that ends every text with ``END_ID``; the same texts give the same pieces.

    Args:
        texts: Training texts of both sides.
        limit: Most pieces, the 256 bytes and the special ones among them. A piece occurs at least twice.
        faithful: Tell a text that begins with a space from the same without it. No two texts then have the same tokens,
            which who writes does not need, and who says how probable a text is does.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=not faithful)
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
