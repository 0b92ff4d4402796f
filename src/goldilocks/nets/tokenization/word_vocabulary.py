"""Word-level vocabulary of the training texts, for networks trained from scratch.

The words of ``support/text/units.py`` (``tokens``) in lower case: letters keep their combining marks, punctuation marks
and emoji are words of their own, and so are the characters of scripts without spaces (Chinese, Thai). Texts are
normalised to NFKC, since the tokenizers library cannot apply it to presentation forms alone. Accents count: ``cafe`` is
not ``café``. The tokenizer's file holds all of this, so a saved network keeps the words it was trained with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from goldilocks.support.text.scripts import IGNORED, JOINERS, SPACING_VOWELS, STACKERS, UNSPACED

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD_ID = 0
UNKNOWN_ID = 1
LIMIT = 30_000
"""Maximum number of words in a vocabulary. Rarer ones would be learned no better than the unknown word."""

# As ``units.tokens``, in the regular expressions of Oniguruma, which know Unicode properties and intersections.
_EXTENDED = rf"[\p{{M}}{SPACING_VOWELS}]*"
_CHARACTER = rf"[{UNSPACED}](?:{_EXTENDED}[{STACKERS}][{UNSPACED}])*{_EXTENDED}"
_WORD = rf"[\p{{L}}\p{{N}}_&&[^{UNSPACED}]](?:[\p{{L}}\p{{N}}\p{{M}}{JOINERS}_&&[^{UNSPACED}]])*"
_SIGN = rf"[^\p{{L}}\p{{N}}_\s{JOINERS}]"
_EMOJI = rf"[\x{{1f1e6}}-\x{{1f1ff}}]{{2}}|{_SIGN}(?:[\p{{M}}\x{{1f3fb}}-\x{{1f3ff}}]|\x{{200d}}{_SIGN})*"
TOKEN = f"{_CHARACTER}|{_WORD}|{_EMOJI}"


def learn_words(texts: Sequence[str], *, max_tokens: int, limit: int = LIMIT, min_count: int = 2) -> Tokenizer:
    """A tokenizer whose vocabulary is the words of ``texts``; id 0 is padding, id 1 the unknown word.

    Args:
        texts: Training texts. The same texts give the same vocabulary.
        max_tokens: Words after which a text is truncated.
        limit: Maximum number of words in the vocabulary, padding and unknown among them; the most frequent are kept.
        min_count: A rarer word is unknown. 2 by default: the embedding of a word seen once would hardly be trained, and
            leaving it out trains the embedding of the unknown word.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(f"[{IGNORED}]"), ""), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN), "removed", invert=True)
    trainer = trainers.WordLevelTrainer(
        vocab_size=limit, min_frequency=min_count, special_tokens=["[PAD]", "[UNK]"], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.enable_truncation(max_length=max_tokens)
    return tokenizer


def number_texts(tokenizer: Tokenizer) -> None:
    """Let the token types of a pair say which of its texts a token belongs to: 0 or 1."""
    from tokenizers import processors

    tokenizer.post_processor = processors.TemplateProcessing(single="$A:0", pair="$A:0 $B:1", special_tokens=[])
