from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from goldilocks.families import encoder
from goldilocks.nets.heads.span_extractor import (
    MAX_WINDOWS,
    SpanExtractor,
    SpanExtractorConfig,
    Window,
    _best_spans,
    frame_of,
)
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Goal, Output, Part, TrainingConfig
from goldilocks.testing import tiny
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

LONG = "soup bread " * 60 + "the referee saw a goal " + "bank loan " * 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("tiny"))


def reader(folder: Path) -> SpanExtractor:
    facts = encoder.describe(folder, str(folder))
    assert facts is not None
    return cast(SpanExtractor, encoder.create(facts, folder, Part(), Goal(Output.SPAN), seed=0))


def words(text: str) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(text.split())}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def test_windows_hold_every_token_of_a_long_context_with_the_question_before_it(folder: Path) -> None:
    network = reader(folder)
    rows = cast(list[Window], network.rows([("the goal", LONG)]))

    assert len(rows) > 1
    assert all(len(row) <= 64 for row in rows)
    assert {tuple(row.ids[: row.begins]) for row in rows} == {tuple(rows[0].ids[: rows[0].begins])}
    pieces = [[LONG[start:end] for start, end in row.offsets] for row in rows]
    room = len(pieces[0])
    step = room - int(0.25 * room)
    assert [entry for piece in pieces[:-1] for entry in piece[:step]] + pieces[-1] == LONG.split()
    assert all(first[step:] == second[: room - step] for first, second in pairwise(pieces))


def test_types_tell_question_and_context_apart(folder: Path) -> None:
    (row,) = cast(list[Window], reader(folder).rows([("the goal", "soup bread soup")]))

    # [CLS] the goal [SEP] | soup bread soup [SEP]
    assert row.begins == 4
    assert row.channels["types"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_answer_is_marked_in_each_window_that_holds_it_whole(folder: Path) -> None:
    network = reader(folder)
    start = LONG.index("referee")
    rows = cast(list[Window], network.rows([("the goal", LONG)]))
    targets = network.targets(rows, [((start, "referee saw a goal"),)])

    marked = [(row, place) for row, place in zip(rows, targets, strict=True) if place != (0, 0)]
    assert marked
    for row, (first, last) in marked:
        assert row.offsets[first - row.begins, 0] == start
        assert row.offsets[last - row.begins, 1] == start + len("referee saw a goal")
    holding = [row for row in rows if row.offsets[0, 0] <= start and row.offsets[-1, 1] >= start + 18]
    assert len(marked) == len(holding)


def test_reference_without_a_place_is_passed_over_in_training(folder: Path) -> None:
    network = reader(folder)
    rows = network.rows([("the goal", "soup bread soup"), ("the goal", "soup")])

    assert network.targets(rows, [((-1, "salt"), (5, "bread")), ()]) == [(5, 5), (0, 0)]
    assert network.config.head.may_be_empty is True  # type: ignore[attr-defined]


def test_best_piece_is_that_of_every_pair_of_places() -> None:
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.normal(size=(7, 12, 2)).astype(np.float32))
    gaps, firsts, lasts, sures, nones = _best_spans(scores, 4)

    for row in range(7):
        pairs = {
            (i, j): float(scores[row, i, 0] + scores[row, j, 1]) for i in range(1, 12) for j in range(i, min(i + 4, 12))
        }
        first, last = max(pairs, key=pairs.__getitem__)
        assert (firsts[row], lasts[row]) == (first, last)
        assert gaps[row] == pytest.approx(pairs[first, last] - float(scores[row, 0].sum()), abs=1e-5)
        chances = torch.softmax(scores[row], 0)
        assert sures[row] == pytest.approx(float(chances[first, 0] * chances[last, 1]), abs=1e-6)
        assert nones[row] == pytest.approx(float(chances[0, 0] * chances[0, 1]), abs=1e-6)


def test_loss_is_the_mean_cross_entropy_within_the_context(folder: Path) -> None:
    network = reader(folder)
    rows = network.rows([("the goal", "soup bread soup"), ("the", "loan")])
    batch = padded(rows, 0)
    states = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 8, 32)).astype(np.float32))

    got = float(network.loss(states, batch, [(5, 6), (0, 0)]).detach())

    logits = network.head(states).detach()
    # Allowed places: 0 and the context, tokens 4 to 6 of the first row and 3 of the second.
    expected = [
        -torch.log_softmax(logits[row, places, side], 0)[places.index(target)]
        for row, places, wanted in ((0, [0, 4, 5, 6], (5, 6)), (1, [0, 3], (0, 0)))
        for side, target in enumerate(wanted)
    ]
    assert got == pytest.approx(float(sum(expected)) / 4, abs=1e-5)


def test_tiny_questions_are_learnt_and_silence_too(folder: Path) -> None:
    (case,) = tiny.cases([Output.SPAN])
    texts = list(case.part.texts)
    gold = [right if "soup" not in text[1] else () for text, right in zip(texts, case.part.gold, strict=True)]
    network = reader(folder)
    network.module.requires_grad_(True)
    learner = Learner(
        network,
        TrainingConfig(epochs=60, learning_rate=3e-3, head_learning_rate=3e-3),
        TrainingSet(texts, gold),
        seed=0,
    )
    learner.advance(1.0)
    answers = learner.predict(texts)

    wanted = [cast(Any, right)[0][1] if right else "" for right in gold]
    hits = [value == other for value, other in zip(answers.values, wanted, strict=True)]
    assert np.mean(hits) > 0.9
    assert "" in answers.values
    assert ((answers.scores >= 0) & (answers.scores <= 1)).all()


def test_where_every_training_question_had_an_answer_something_is_said(folder: Path) -> None:
    network = reader(folder)
    items = [("the goal", LONG), ("", "soup")]
    network.targets(network.rows(items), [((0, "soup"),), ((0, "soup"),)])

    assert network.config.head == SpanExtractorConfig(8, may_be_empty=False)
    assert all(network.predict(items).values)
    assert network.predict([("the goal", ""), ("the goal", "  ")]).values == ("", "")


def test_what_was_learnt_of_answers_is_saved(folder: Path, tmp_path: Path) -> None:
    network = reader(folder)
    items = [("the goal", LONG), ("the", "the soup is delicious")]
    network.targets(network.rows(items), [((0, "soup"),), ((0, "the"),)])
    network.save(tmp_path)
    again = encoder.restore(tmp_path)

    assert cast(SpanExtractor, again).config.head == network.config.head
    assert again.predict(items).values == network.predict(items).values


def test_frame_is_what_the_tokenizer_sets_around_a_pair() -> None:
    tokenizer = words("? a b <s> </s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 3), ("</s>", 4)],
    )
    frame = frame_of(tokenizer, 0)

    assert [entry.tolist() for entry in (frame.before, frame.between, frame.after)] == [[3], [4, 4], [4]]
    assert frame.types == (0, 0)


def test_tokenizer_without_special_tokens_gets_padding_for_place_0() -> None:
    frame = frame_of(words("? a b"), 0)

    assert [entry.tolist() for entry in (frame.before, frame.between, frame.after)] == [[0], [0], []]


def test_question_that_fills_the_window_leaves_room_for_the_context(folder: Path) -> None:
    rows = cast(list[Window], reader(folder).rows([("soup " * 500, "loan bank")]))

    assert [len(row.offsets) for row in rows] == [2]
    assert rows[0].begins == 1 + 16 + 1


def test_book_is_read_to_a_limit_only(folder: Path) -> None:
    rows = reader(folder).rows([("the goal", "soup bread " * 100_000)])

    assert len(rows) == MAX_WINDOWS
