from __future__ import annotations

import json
from pathlib import Path

import pytest
from corpora import SENTENCES

from goldilocks.errors import InputError, MissingError
from goldilocks.pretrain import clm, denoise, mlm, tokenizer
from goldilocks.pretrain.objective import TokenizerSpec
from goldilocks.pretrain.tokenizer import Vocabulary

TEXTS = SENTENCES * 30


def learnt(kind: str, form: TokenizerSpec, *, size: int = 400, lowercase: bool = False) -> Vocabulary:
    return tokenizer.learn(
        lambda: TEXTS,
        kind,
        form.specials,
        vocabulary=size,
        lowercase=lowercase,
        template=form.template,
        sentinels=form.sentinels,
    )


@pytest.mark.parametrize("form", [mlm.FORM, clm.FORM, denoise.FORM])
@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_every_kind_serves_every_objective_in_two_scripts(kind: str, form: TokenizerSpec) -> None:
    vocabulary = learnt(kind, form)
    assert vocabulary.size <= 400
    assert list(map(vocabulary.id, form.specials)) == list(range(len(form.specials)))
    assert len(vocabulary.sentinels()) == form.sentinels
    for text in ("the bank sent a loan", "银行今天看了"):
        ids = vocabulary.tokenizer.encode(text, add_special_tokens=False).ids
        assert vocabulary.id("unk") not in ids
        assert set(ids) <= set(vocabulary.ordinary().tolist())
        assert vocabulary.tokenizer.decode(ids).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_the_same_texts_give_the_same_tokenizer(kind: str) -> None:
    made = {learnt(kind, clm.FORM, size=420).tokenizer.to_str() for _ in range(4)}
    assert len(made) == 1


def test_bytes_know_every_sign() -> None:
    vocabulary = learnt("bpe", clm.FORM)
    text = "Ωμέγα 🙂 naïve"
    assert vocabulary.tokenizer.decode(vocabulary.tokenizer.encode(text).ids) == text


def test_one_text_and_two_are_written_as_bert_does() -> None:
    made = learnt("wordpiece", mlm.FORM, lowercase=True).tokenizer
    assert made.encode("The LOAN").tokens == ["[CLS]", "the", "loan", "[SEP]"]
    assert made.encode("the", "bank").type_ids == [0, 0, 0, 1, 1]


def test_the_folder_is_read_by_transformers(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    made = learnt("wordpiece", mlm.FORM, lowercase=True)
    tokenizer.write(made, tmp_path, 128)
    theirs = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert theirs.pad_token == "[PAD]"
    assert theirs.mask_token_id == made.id("mask")
    assert theirs("the bank sent")["input_ids"] == made.tokenizer.encode("the bank sent").ids


def test_a_token_that_is_missing_is_named(tmp_path: Path) -> None:
    made = learnt("bpe", clm.FORM)
    tokenizer.write(made, tmp_path, 128)
    with pytest.raises(InputError, match=r"has no mask token .* name it as mask_token"):
        tokenizer.read(tmp_path, ("pad", "mask"))


def test_a_tokenizer_without_a_pad_token_is_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"[CLS]": 0, "[SEP]": 1, "[MASK]": 2, "a": 3}, unk_token="a")).save(
        str(tmp_path / "tokenizer.json")
    )
    with pytest.raises(InputError, match="has no pad token"):
        tokenizer.read(tmp_path, mlm.FORM.needs)


def test_the_folder_says_which_token_means_what(tmp_path: Path) -> None:
    made = learnt("wordpiece", mlm.FORM)
    tokenizer.write(made, tmp_path, 128)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | {"mask_token": {"content": "bank"}}))
    result = tokenizer.read(tmp_path, ("mask",))
    assert result.id("mask") == made.tokenizer.token_to_id("bank")


def test_missing_and_damaged_tokenizers_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"tokenizer\.json: there is no such file"):
        tokenizer.read(tmp_path, ())
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="not a tokenizer"):
        tokenizer.read(tmp_path, ())


def test_a_vocabulary_too_small_for_bytes_is_refused() -> None:
    with pytest.raises(InputError, match="a vocabulary of 200 is too small for bpe; it needs at least 260"):
        learnt("bpe", clm.FORM, size=200)
