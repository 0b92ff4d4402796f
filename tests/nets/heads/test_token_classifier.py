from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from goldilocks import plugins
from goldilocks.nets.heads.token_classifier import WORD_TOKENS, TokenClassifier, TokenClassifierConfig, _spelled
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Goal, Output, TrainingConfig, Workload, labels_of
from goldilocks.support.text.iob2 import iob2
from goldilocks.testing import tiny
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

LABELS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
GOAL = Goal(Output.TAGS, LABELS)
SENTENCES = [("soup", "bread"), ("Kitchen", "xyz", "."), ("the",) * 90, ("面包",), ("", "\u200b")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("encoder") / "tiny")


def _tagger(folder: Path, **parts: bool) -> TokenClassifier:
    family = plugins.load("families", "encoder")
    facts = family.describe(folder, str(folder))
    assert facts is not None
    made = family.create(facts, folder, tiny.part(6), GOAL, seed=0)
    assert isinstance(made, TokenClassifier)
    torch.manual_seed(1)
    return TokenClassifier(made.backbone, made.tokenizer, replace(made.config, head=TokenClassifierConfig(**parts)))


def test_places_are_the_first_tokens_of_the_words(folder: Path) -> None:
    tagger = _tagger(folder)
    row = tagger.rows([("soup", "xyz", "bread")])[0]
    tokens = [tagger.tokenizer.id_to_token(int(identifier)) for identifier in row.ids]
    assert tokens == ["[CLS]", "soup", "x", "##y", "##z", "bread", "[SEP]"]
    assert row.places.tolist() == [1, 2, 5]


def test_rows_are_those_of_the_tokenizer_given_words(folder: Path) -> None:
    tagger = _tagger(folder)
    words = ("Soup", "U.S.", "1996-08-30", "naïve", "面包")
    wanted = tagger.tokenizer.encode(list(words), is_pretokenized=True)
    row = tagger.rows([words])[0]
    assert row.ids.tolist() == wanted.ids
    first = [wanted.word_ids.index(number) for number in range(len(words))]
    assert row.places.tolist() == first


def test_long_sentence_is_cut_between_words_and_joined_again(folder: Path) -> None:
    tagger = _tagger(folder)
    words = ("soup", "xyz") * 40
    rows = tagger.rows([("a",), words])
    assert all(len(row) <= tagger.config.max_tokens for row in rows)
    assert [row.item for row in rows] == [0] + [1] * (len(rows) - 1)
    assert len(rows) > 2
    assert [row.first for row in rows[1:]] == np.cumsum([0, *(len(row.places) for row in rows[1:-1])]).tolist()
    assert len(tagger.predict([words]).values[0]) == len(words)  # type: ignore[arg-type]


def test_word_without_end_leaves_room_for_the_others(folder: Path) -> None:
    row = _tagger(folder).rows([("x" * 100_000, "soup")])[0]
    assert row.places.tolist() == [1, 1 + WORD_TOKENS]


def test_targets_follow_the_cuts(folder: Path) -> None:
    tagger = _tagger(folder)
    words = ("soup",) * 100
    tags = tuple(LABELS[i % 5] for i in range(100))
    rows = tagger.rows([words])
    joined = np.concatenate(tagger.targets(rows, [tags])).tolist()
    assert joined == [i % 5 for i in range(100)]


def test_loss_is_the_mean_cross_entropy_of_the_words(folder: Path) -> None:
    tagger = _tagger(folder)
    rows = tagger.rows([("soup", "xyz"), ("bread",)])
    batch = padded(rows, 0)
    states = tagger.backbone(batch)
    got = tagger.loss(states, batch, tagger.targets(rows, [("B-LOC", "O"), ("I-PER",)]))
    logits = tagger.heads[0].linear(torch.stack([states[0, 1], states[0, 2], states[1, 1]]))
    assert torch.isclose(got, F.cross_entropy(logits, torch.tensor([0, 4, 3])))


def test_sentences_of_an_item_are_read_together_and_decided_apart(folder: Path) -> None:
    tagger = _tagger(folder, chain=True, wide=True)
    with torch.no_grad():  # scores that like I- best and O least
        tagger.heads[0].linear.bias.copy_(torch.tensor([0.0, 0.0, 3.0, 3.0, -9.0]))
    both, single = ("soup", "Kitchen", "\n", "bread"), ("soup", "Kitchen", "bread")
    rows = tagger.rows([both, single])
    assert rows[0].ids.tolist() == rows[1].ids.tolist()  # BERT's tokenizer sees nothing in a line break
    assert (rows[0].parts, rows[1].parts) == ((2, 1), (3,))
    assert not np.array_equal(rows[0].known, rows[1].known)  # neighbours are those of the same sentence
    result = tagger.predict([both, single])
    assert [len(tags) for tags in result.values] == [3, 3]  # type: ignore[arg-type]
    assert str(result.values[0][2]).startswith("B-")  # type: ignore[index]
    assert str(result.values[1][2]).startswith("I-")  # type: ignore[index]


def test_blanks_are_those_of_each_sentence() -> None:
    assert _spelled(("to", "Rome", "\n", "In", "Oslo", "\n", "去", "罗", "\n", "so", "on")) == [
        *(" to", " Rome", "\n", "In", " Oslo", "\n", "去", "罗", "\n", "so", " on")
    ]


def test_long_item_of_many_sentences_is_cut_and_loses_no_word(folder: Path) -> None:
    tagger = _tagger(folder, chain=True, wide=True)
    words = ("soup", "xyz", ".", "\n") * 60 + ("end",)
    rows = tagger.rows([words])
    assert len(rows) > 2
    assert sum(map(sum, (row.parts for row in rows))) == sum(len(row.places) for row in rows) == 181
    assert [row.first for row in rows] == np.cumsum([0, *(len(row.places) for row in rows[:-1])]).tolist()
    assert len(tagger.predict([words]).values[0]) == 181  # type: ignore[arg-type]
    targets = tagger.targets(rows, [("B-LOC", "I-LOC", "O") * 60 + ("O",)])
    batch = padded(rows, 0)
    assert torch.isfinite(tagger.loss(tagger.backbone(batch), batch, targets))


def test_decoder_reads_a_line_break_between_sentences(tmp_path: Path) -> None:
    made = plugins.load("families", "decoder")
    folder = tiny.decoder_folder(tmp_path / "tiny")
    facts = made.describe(folder, str(folder))
    assert facts is not None
    tagger = made.create(facts, folder, tiny.part(6), GOAL, seed=0)
    assert isinstance(tagger, TokenClassifier)
    both, first = tagger.rows([("soup", "\n", "bread"), ("soup",)])
    end = tagger.tokenizer.encode("\n", add_special_tokens=False).ids
    assert end
    begin = len(first) - 1
    assert both.ids.tolist()[begin + 1 :][: len(end)] == end
    assert len(both.places) == 2


@pytest.mark.parametrize("settled", [{}, {"chain": True}, {"chain": True, "wide": True}])
def test_answers_are_always_well_formed(folder: Path, settled: dict[str, bool]) -> None:
    tagger = _tagger(folder, **settled)
    with torch.no_grad():  # scores that like I- best, and no word like the other
        tagger.heads[0].linear.weight.mul_(300)
        tagger.heads[0].linear.bias.copy_(torch.tensor([0.0, 0.0, 3.0, 3.0, 0.0]))
    result = tagger.predict([*SENTENCES, ()])
    assert any(tag.startswith("I-") for tags in result.values for tag in labels_of(tags, Output.TAGS))
    for words, tags in zip([*SENTENCES, ()], result.values, strict=True):
        assert len(tags) == len(words)  # type: ignore[arg-type]
        assert iob2(tags) == tags  # type: ignore[arg-type]
    assert ((result.scores >= 0) & (result.scores <= 1 + 1e-5)).all()


def test_score_is_the_probability_of_all_tags(folder: Path) -> None:
    tagger = _tagger(folder)
    row = tagger.rows([("soup", "bread")])
    batch = padded(row, 0)
    with torch.no_grad():
        each = tagger.heads[0].linear(tagger.backbone(batch)[0, 1:3]).softmax(-1)
    result = tagger.predict([("soup", "bread")])
    numbers = [LABELS.index(tag) for tag in labels_of(result.values[0], Output.TAGS)]
    assert float(result.scores[0]) == pytest.approx(float(each[0, numbers[0]] * each[1, numbers[1]]), abs=1e-5)


def test_marks_change_no_answer_before_training_and_are_among_the_embeddings(folder: Path) -> None:
    tagger = _tagger(folder)
    assert tagger.backbone.channel_embeddings is not None
    assert "backbone.channel_embeddings.shapes.weight" in tagger.groups()["embeddings"]
    assert tagger.block_of("backbone.channel_embeddings.shapes.weight") == -1
    batch = padded(tagger.rows(SENTENCES[:3]), 0)
    with torch.no_grad():
        marked = tagger.backbone(batch)
        assert torch.equal(marked, tagger.backbone(replace(batch, channels={})))


def test_marks_tell_capitals_apart_once_they_are_learnt(folder: Path) -> None:
    tagger = _tagger(folder)
    assert tagger.backbone.channel_embeddings is not None
    ids = [row.ids.tolist() for row in tagger.rows([("soup",), ("Soup",)])]
    assert ids[0] == ids[1]
    with torch.no_grad():
        tagger.module.get_parameter("backbone.channel_embeddings.shapes.weight").normal_()
    scores = tagger.predict([("soup",), ("Soup",)]).scores
    assert scores[0] != scores[1]


def test_every_part_of_the_head_learns(folder: Path) -> None:
    """Tags that hang on capitals and on the word before, which a lower-casing tokenizer alone cannot tell."""
    tagger = _tagger(folder, chain=True, wide=True)
    tagger.module.requires_grad_(True)
    texts = [("Soup", "bread"), ("soup", "bread"), ("Match", "goal"), ("match", "goal")] * 8
    gold = [("B-LOC", "I-LOC"), ("O", "O"), ("B-PER", "I-PER"), ("O", "O")] * 8
    before = {name: entry.detach().clone() for name, entry in tagger.module.named_parameters()}
    config = TrainingConfig(epochs=10, learning_rate=3e-3, head_learning_rate=1e-2, batch_rows=8)
    learner = Learner(tagger, config, TrainingSet(texts, gold), seed=0)
    learner.advance(1.0)
    assert learner.predict(texts[:4]).values == tuple(gold[:4])
    after = dict(tagger.module.named_parameters())
    for name in (
        "head.chain.transitions",
        "head.wide.table.weight",
        "head.linear.weight",
        "backbone.channel_embeddings.shapes.weight",
    ):
        assert not torch.equal(before[name], after[name]), f"{name} learnt nothing"


def test_tags_want_more_passes_than_labels() -> None:
    family = plugins.load("families", "encoder")
    facts = plugins.load("families", "cnn").models()[0]
    work = Workload(rows=14_000, characters=80, words=14, labels=9, output=Output.TAGS)
    tags, labels = (
        family.training_config(facts, work),
        family.training_config(facts, replace(work, output=Output.LABEL)),
    )
    assert tags is not None
    assert labels is not None
    assert tags.epochs > labels.epochs
