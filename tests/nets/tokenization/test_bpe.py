from __future__ import annotations

import pytest

from goldilocks.nets.tokenization.bpe import END_ID, learn_bpe

TEXTS = ["Ein Mann mit einem orangefarbenen Hut.", "Ein Hund und ein Mann.", "一个男人和一只狗。"] * 3


@pytest.mark.parametrize("text", ["Ein Mann.", "ÄÖÜß  zwei  Leerzeichen", "🙂🙃", "没见过的字", "", "a\nb"])
def test_what_is_decoded_is_what_was_encoded(text: str) -> None:
    tokenizer = learn_bpe(TEXTS, limit=400)
    ids = tokenizer.encode(text).ids
    assert ids[-1] == END_ID
    assert tokenizer.decode(ids, skip_special_tokens=True).removeprefix(" ") == text


def test_what_is_common_is_one_piece() -> None:
    tokenizer = learn_bpe(TEXTS, limit=400)
    assert len(tokenizer.encode("Mann").ids) == 2  # and the end
    assert tokenizer.get_vocab_size() <= 400
