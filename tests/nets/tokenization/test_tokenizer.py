from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.errors import IntegrityError
from goldilocks.nets.tokenization import tokenizer as module
from goldilocks.nets.tokenization.tokenizer import encodings, read_tokenizer, special_tokens
from goldilocks.nets.tokenization.word_vocabulary import learn_words
from goldilocks.testing import tiny


def test_special_tokens_are_those_around_a_text(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(tiny.encoder_folder(tmp_path) / "tokenizer.json", 64)
    before, after = special_tokens(tokenizer)
    assert [tokenizer.id_to_token(int(number)) for number in (*before, *after)] == ["[CLS]", "[SEP]"]


def test_tokenizer_without_special_tokens_has_none() -> None:
    before, after = special_tokens(learn_words(["a b", "a b"], max_tokens=8))
    assert (len(before), len(after)) == (0, 0)


def test_texts_come_back_in_their_order_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ENCODED", 2)
    tokenizer = learn_words(["a b c d e"] * 2, max_tokens=8)
    texts = ["a", "b c", "d", "e a b", "c"]
    decoded = [[tokenizer.id_to_token(number) for number in encoding.ids] for encoding in encodings(tokenizer, texts)]
    assert decoded == [text.split() for text in texts]


def test_pairs_are_encoded_with_their_token_types(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(tiny.encoder_folder(tmp_path) / "tokenizer.json", 64)
    (pair,) = encodings(tokenizer, [("soup", "bread")])
    assert sorted(set(pair.type_ids)) == [0, 1]
    (bare,) = encodings(tokenizer, ["soup"], special=False)
    assert tokenizer.token_to_id("[CLS]") not in bare.ids


def test_text_is_truncated_with_its_special_tokens_kept_and_not_padded(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(tiny.encoder_folder(tmp_path) / "tokenizer.json", 4)
    long, short = encodings(tokenizer, ["soup bread soup bread soup", "soup"])
    ends = [tokenizer.id_to_token(long.ids[place]) for place in (0, -1)]
    assert (ends, len(long.ids)) == (["[CLS]", "[SEP]"], 4)
    assert len(short.ids) == 3


def test_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"tokenizer\.json: not a tokenizer"):
        read_tokenizer(tmp_path / "tokenizer.json", 8)
