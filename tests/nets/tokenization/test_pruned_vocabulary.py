"""Vocabularies with fewer tokens: the same tokens for the texts they were made for, characters for all others."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from goldilocks.nets.tokenization.pruned_vocabulary import FIXED_IDS, model_of, with_vocabulary

CORPUS = ["the kitchen was open today and the soup was warm"] * 20 + [
    "unbelievable tournaments are organised by the league again and again",
    "recipes of delicious breads in seventeen kitchens",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<a>", "<b>", "<c>", "<d>"]


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=SPECIAL, unk_token="[UNK]", show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(), processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))]
    )
    return tokenizer


@pytest.mark.parametrize("make", [word_piece, unigram, byte_level])
def test_texts_are_tokenized_as_before_and_others_are_spelled(make: object) -> None:
    assert callable(make)
    tokenizer: Tokenizer = make()
    texts = ["the kitchen was open", "soup again"]
    used = {number for text in texts for number in tokenizer.encode(text).ids}

    small, kept = with_vocabulary(tokenizer, used)

    assert model_of(small) == model_of(tokenizer)
    assert small.get_vocab_size() == len(kept) < tokenizer.get_vocab_size()
    assert kept[:FIXED_IDS] == list(range(FIXED_IDS))
    for text in texts:
        before, after = tokenizer.encode(text), small.encode(text)
        assert after.tokens == before.tokens
        assert [kept[number] for number in after.ids] == before.ids  # so the same rows of the word table
    other = small.encode("tournaments")
    assert "[UNK]" not in other.tokens
    assert len(other.ids) >= len(tokenizer.encode("tournaments").ids)
    assert {"[CLS]", "[SEP]"} <= set(other.tokens)


def test_merges_that_lead_to_a_token_are_kept() -> None:
    tokenizer = byte_level()
    number = tokenizer.token_to_id("kitchen") or tokenizer.token_to_id("Ġkitchen")
    assert number is not None

    small, kept = with_vocabulary(tokenizer, {number})

    assert small.encode(" kitchen").tokens[1:-1] == tokenizer.encode(" kitchen").tokens[1:-1]
    assert len(kept) < 300
