from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from goldilocks import plugins
from goldilocks.nets.compression.vocabulary import not_prunable, prune_vocabulary
from goldilocks.nets.network import Network
from goldilocks.records import Goal, Output, Text
from goldilocks.testing import tiny

ENGLISH = tiny.part(24)
FAMILY = plugins.load("families", "encoder")


def pruned(network: Network, texts: tuple[Text, ...], folder: Path) -> Network:
    prune_vocabulary(network, texts)
    network.save(folder)
    small = FAMILY.restore(folder)
    assert isinstance(small, Network)
    return small


def rows(network: Network) -> int:
    table = network.backbone.get_submodule(str(network.backbone.word_embedding))
    assert isinstance(table, nn.Embedding)
    return table.num_embeddings


def test_texts_that_were_shown_keep_their_answers_in_a_smaller_table(tmp_path: Path) -> None:
    network = tiny.encoder(tmp_path / "checkpoint", ENGLISH)
    tokens = [network.tokenizer.encode(str(text)).tokens for text in ENGLISH.texts]
    before, n_rows = network.predict(ENGLISH.texts).probabilities, rows(network)

    small = pruned(network, tuple(ENGLISH.texts), tmp_path / "small")

    assert rows(small) < n_rows
    assert rows(small) == small.tokenizer.get_vocab_size() == small.config.options["vocabulary"]
    assert [small.tokenizer.encode(str(text)).tokens for text in ENGLISH.texts] == tokens
    assert np.abs(small.predict(ENGLISH.texts).probabilities - before).max() < 1e-6


def test_other_texts_are_still_spelled_and_padding_changes_no_answer(tmp_path: Path) -> None:
    network = tiny.encoder(tmp_path / "checkpoint", ENGLISH)
    small = pruned(network, ("soup",), tmp_path / "small")
    unknown = small.tokenizer.token_to_id("[UNK]")
    ids = small.tokenizer.encode("referee tournament").ids
    assert len(ids) > 4  # letter by letter
    assert unknown not in ids
    assert small.tokenizer.id_to_token(small.config.pad_id) == "[PAD]"
    alone = small.predict(["soup"]).probabilities
    beside = small.predict(["soup", "referee tournament league stadium"]).probabilities
    assert np.abs(beside[:1] - alone).max() < 1e-6


def test_what_looks_no_vectors_up_is_declined_with_the_reason(tmp_path: Path) -> None:
    assert not_prunable(object()) == "it has no table of word embeddings"
    network = tiny.encoder(tmp_path / "checkpoint", ENGLISH)
    assert not_prunable(network) is None
    name = str(network.backbone.word_embedding)
    network.backbone.set_submodule(name, nn.Identity())
    assert not_prunable(network) == "its word embeddings are not a table of their own"

    decoders = plugins.load("families", "decoder")
    folder = tiny.decoder_folder(tmp_path / "decoder")
    info = decoders.describe(folder, str(folder))
    assert info is not None
    decoder = decoders.create(info, folder, ENGLISH, tiny.GOAL, seed=0)
    assert not_prunable(decoder) == "its word embeddings may be the output matrix too"

    cnns = plugins.load("families", "cnn")
    cnn = cnns.create(cnns.models()[0], None, ENGLISH, tiny.GOAL, seed=0)
    assert str(not_prunable(cnn)).startswith("its vocabulary is made of whole words (WordLevel)")


@pytest.mark.parametrize("name", ["tags", "spans", "scores"])
def test_other_heads_keep_their_answers_too(name: str, tmp_path: Path) -> None:
    outputs = {Output.TAGS, Output.SPAN, Output.SCORE}
    case = next(case for case in tiny.cases(outputs) if case.name == name)
    network = tiny.encoder(tmp_path / "checkpoint", case.part, Goal(case.goal.output, case.goal.labels))
    torch.manual_seed(1)
    for weight in network.head.parameters():
        nn.init.normal_(weight, std=0.5)
    before = network.predict(case.part.texts).values
    assert not_prunable(network) is None
    small = pruned(network, tuple(case.part.texts), tmp_path / "small")
    after = small.predict(case.part.texts).values
    if name == "scores":
        assert after == pytest.approx(before, abs=1e-5)
    else:
        assert after == before
