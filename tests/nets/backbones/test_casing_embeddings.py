from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings, casing_feature, hides_case
from goldilocks.nets.tokenization.tokenizer import read_tokenizer
from goldilocks.nets.tokenization.word_vocabulary import learn_words
from goldilocks.support.text.word_shape import shape_of
from goldilocks.testing import tiny


def test_shape_tells_how_a_word_is_written_and_not_which_it_is() -> None:
    alike = [("Rome", "Anna"), ("USA", "UN"), ("1996", "7812"), ("rome", "anna"), ("1996-08-30", "1,000")]
    assert all(shape_of(entry) == shape_of(other) for entry, other in alike)
    assert len({shape_of(entry) for entry, _ in alike}) == len(alike)
    words = ["", "A", "McDonald", "iPhone", "U.S.", ".", "北京", "x1", "A1-b", "🙂", "ß"]
    assert all(1 <= shape_of(word) <= 64 for word in words)


def test_tables_start_at_zero_and_change_nothing() -> None:
    hidden = torch.randn(2, 3, 4)
    marks = CasingEmbeddings(("shapes", "suffixes"), 4)
    channels = {"shapes": torch.ones(2, 3, dtype=torch.long), "suffixes": torch.ones(2, 3, dtype=torch.long)}
    assert torch.equal(marks(hidden, channels), hidden)
    assert torch.equal(marks(hidden, {}), hidden)


def test_affixes_know_no_capitals_and_lie_in_their_table() -> None:
    assert casing_feature("suffixes", "ENGLAND") == casing_feature("suffixes", "Scotland")
    assert casing_feature("prefixes", "England") == casing_feature("prefixes", "english")
    for channel, table in CasingEmbeddings(("shapes", "prefixes", "suffixes"), 2).items():
        assert isinstance(table, nn.Embedding)
        rows = table.num_embeddings
        assert all(0 < casing_feature(channel, word) < rows for word in ("", "x", "Straße", "北京"))


def test_tokenizer_that_lower_cases_is_known_by_what_it_does(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tiny.encoder_folder(tmp_path / "tiny")
    assert hides_case(read_tokenizer(folder / "tokenizer.json", 64))
    assert hides_case(learn_words(["an usa", "an usa"], max_tokens=9))
    cased = Tokenizer(models.WordLevel({"An": 0, "an": 1, "USA": 2, "usa": 3, "?": 4}, unk_token="?"))
    cased.pre_tokenizer = pre_tokenizers.Whitespace()
    assert not hides_case(cased)
