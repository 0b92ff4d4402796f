from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.heads.seq2seq_generator import Seq2SeqGenerator, Seq2SeqGeneratorConfig
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Generation, ModelInfo, Output, Part, TrainingConfig
from goldilocks.testing import tiny
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

(CASE,) = tiny.cases({Output.TEXT})
ALL = [
    facts
    for family, names in (("seq2seq", ("transformer_tiny",)), ("recurrent", ("rnn", "gru", "bilstm")))
    for facts in plugins.load("families", family).models()
    if facts.name in names
]
NAMED = pytest.mark.parametrize("facts", ALL, ids=lambda facts: facts.name)


def made(facts: ModelInfo, part: Part = CASE.part) -> Seq2SeqGenerator:
    network = plugins.load("families", facts.family).create(facts, None, part, CASE.goal, seed=0)
    assert isinstance(network, Seq2SeqGenerator)
    network.module.eval()
    return network


@NAMED
def test_a_step_gives_the_scores_of_the_full_pass(facts: ModelInfo) -> None:
    generator = made(facts)
    ids = torch.randint(4, 100, (2, 3, 5))  # sources, beams, tokens
    batch = padded(generator.rows(["soup with bread", "loan"]), 0)
    with torch.no_grad():
        states = generator.backbone(batch)
        state = generator.head.start(states, batch.mask, 3)
        steps = torch.stack([generator.head.step(ids[:, :, place], state) for place in range(5)], dim=2)
        for beam in range(3):
            full = generator.head.logits(states, batch.mask, ids[:, beam])
            assert torch.allclose(steps[:, beam], full, atol=1e-4)


@NAMED
def test_beams_that_change_places_take_their_past_along(facts: ModelInfo) -> None:
    generator = made(facts)
    ids = torch.randint(4, 100, (2, 2, 2))
    batch = padded(generator.rows(["soup with bread", "loan"]), 0)
    with torch.no_grad():
        states = generator.backbone(batch)
        state = generator.head.start(states, batch.mask, 2)
        generator.head.step(ids[:, :, 0], state)
        generator.head.reorder(state, torch.tensor([1, 0, 3, 3]))
        generator.head.select(state, torch.tensor([1]))
        step = generator.head.step(ids[1:, :, 1], state)[0]
        past = ids[1, 1, 0].expand(2)  # both beams of the second source go on from its second
        rows = [states[1:].expand(2, -1, -1), batch.mask[1:].expand(2, -1), torch.stack([past, ids[1, :, 1]], dim=1)]
        assert torch.allclose(step, generator.head.logits(*rows)[:, 1], atol=1e-4)


@NAMED
def test_padding_changes_no_score(facts: ModelInfo) -> None:
    generator = made(facts)
    with torch.no_grad():
        alone = padded(generator.rows(["loan"]), 0)
        beside = padded(generator.rows(["loan", "soup with bread and very much salt"]), 0)
        ids = torch.tensor([[2, 9, 8]])
        alone_logits = generator.head.logits(generator.backbone(alone), alone.mask, ids)
        beside_logits = generator.head.logits(generator.backbone(beside), beside.mask, ids.expand(2, -1))
    assert torch.allclose(alone_logits[0], beside_logits[0], atol=1e-4)


@NAMED
def test_loss_is_the_mean_over_the_tokens_of_the_targets(facts: ModelInfo) -> None:
    generator = made(facts)
    rows = generator.rows(CASE.part.texts[:3])
    targets = generator.targets(rows, ["a b c d e", "f", ""])
    batch = padded(rows, 0)
    with torch.no_grad():
        states = generator.backbone(batch)
        result = float(generator.loss(states, batch, targets))
        logs = []
        for place, target in enumerate(targets):
            ids = torch.tensor([[2, *target[:-1]]])
            scores = generator.head.logits(states[place : place + 1], batch.mask[place : place + 1], ids)[0]
            logs += scores.log_softmax(-1)[range(len(target)), target].tolist()
    assert len(logs) == sum(map(len, targets))
    assert result == pytest.approx(-np.mean(logs), abs=1e-4)


@pytest.mark.parametrize("facts", [ALL[0], ALL[2]], ids=lambda facts: facts.name)
def test_learns_to_turn_words_round(facts: ModelInfo) -> None:
    part = CASE.part.take(list(range(20)))
    generator = made(facts, part)
    generator.module.requires_grad_(True)
    config = TrainingConfig(epochs=120, learning_rate=5e-3, head_learning_rate=5e-3, batch_rows=64)
    learner = Learner(generator, config, TrainingSet(part.texts, part.gold), seed=0)
    learner.advance(1.0)
    answers = learner.predict(part.texts).values
    assert np.mean([answer == right for answer, right in zip(answers, part.gold, strict=True)]) > 0.9


@NAMED
def test_weights_have_one_group_each_and_what_is_shared_is_saved_once(facts: ModelInfo, tmp_path: Path) -> None:
    generator = made(facts)
    named = sorted(name for names in generator.groups().values() for name in names)
    assert named == sorted(name for name, _ in generator.module.named_parameters())
    assert set(generator.groups()) == set(facts.groups)
    generator.save(tmp_path)
    # Names and shapes stand before the numbers; a few weights are short (zeros, see ``Network.save``).
    assert abs((tmp_path / "weights.safetensors").stat().st_size - generator.size_bytes()) < 20_000


def test_of_a_long_text_the_beginning_is_read_and_of_turns_the_end() -> None:
    generator = made(ALL[0])
    most = generator.config.max_tokens
    words = [f"w{number}" for number in range(most)]
    text, turns = generator.rows([" ".join(words), (" ".join(words[:-1]), words[-1])])
    assert len(text) == len(turns) == most
    shown = [generator.tokenizer.decode(row.ids.tolist()) for row in (text, turns)]
    assert shown[0].strip().startswith("w0 w1 ")
    assert shown[1].strip().endswith(f"w{most - 2}\n w{most - 1}") or shown[1].strip().endswith(f"w{most - 1}")
    assert text.ids[-1] == turns.ids[-1] == 3  # the end token is never cut


def test_a_text_that_spells_out_the_end_token_is_not_at_its_end() -> None:
    generator = made(ALL[0])
    (row,) = generator.rows(["before [END] after"])
    assert (row.ids == 3).sum() == 1


def test_of_several_references_the_first_is_learnt() -> None:
    generator = made(ALL[0])
    rows = generator.rows(["loan"])
    several, single = generator.targets(rows, [("one way", "another")]), generator.targets(rows, ["one way"])
    assert np.array_equal(several[0], single[0])


def test_batches_count_the_longer_side() -> None:
    generator = made(ALL[0])
    rows = generator.rows(["loan", "loan"])
    targets = generator.targets(rows, ["soup soup soup soup soup", ""])
    assert len(targets[0]) > len(rows[0]) > len(targets[1])
    assert generator.costs(rows, targets) == [2 * len(targets[0]), 2 * len(rows[1])]


SOURCES = ["soup with bread", "loan", "the match today with very much salt"]


class Counting:
    """A tokenizer that counts the tokens of what it decodes."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.tokens: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)

    def decode(self, ids: list[int], **how: Any) -> str:
        self.tokens.append(len(ids))
        return str(self.tokenizer.decode(ids, **how))


def one_beam(model: Seq2SeqGenerator) -> Seq2SeqGenerator:
    head = cast(Seq2SeqGeneratorConfig, model.config.head)
    model.config = replace(model.config, head=replace(head, search=replace(head.search, beams=1)))
    return model


def generator_with(facts: ModelInfo, **how: Any) -> Seq2SeqGenerator:
    """Untrained, with generation settings; one beam, so that decoding is greedy."""
    generator = made(facts)
    one_beam(generator)
    generator.generation = Generation(**how)
    return generator


@NAMED
def test_drawn_among_one_token_is_greedy_search(facts: ModelInfo) -> None:
    greedy = generator_with(facts, max_tokens=7).predict(SOURCES)
    drawn = generator_with(facts, max_tokens=7, temperature=1.5, top_k=1).predict(SOURCES)
    assert drawn.values == greedy.values
    # How sure it is of a drawn text is the mean over its tokens too, at temperature 1.
    assert drawn.scores == pytest.approx(greedy.scores, abs=1e-5)


@NAMED
def test_sample_is_that_of_its_seed_alone_and_in_a_batch(facts: ModelInfo) -> None:
    how = {"max_tokens": 7, "temperature": 0.8, "top_k": 50, "top_p": 0.9}
    generator = generator_with(facts, **how, seed=3)
    together = generator.predict(SOURCES).values
    assert tuple(generator.predict([source]).values[0] for source in SOURCES) == together
    assert generator_with(facts, **how, seed=3).predict(SOURCES).values == together
    assert generator_with(facts, **how, seed=4).predict(SOURCES).values != together


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_longest_bounds_the_tokens_and_a_stop_cuts(temperature: float) -> None:
    how = {"temperature": temperature, "seed": 1}
    generator = generator_with(ALL[0], max_tokens=3, **how)
    counting = Counting(generator.tokenizer)
    generator.tokenizer = cast(Any, counting)
    generator.predict(SOURCES)
    assert counting.tokens == [3] * len(SOURCES)  # none of them ends before
    (whole,) = generator_with(ALL[0], max_tokens=9, **how).predict(SOURCES[:1]).values
    assert isinstance(whole, str)
    stop = whole[4:6]
    (cut,) = generator_with(ALL[0], max_tokens=9, stops=(stop,), **how).predict(SOURCES[:1]).values
    assert cut == whole[: whole.index(stop)].strip()


def test_how_it_writes_comes_from_the_task_and_goes_to_the_bundle(tmp_path: Path) -> None:
    goal = replace(CASE.goal, generation=Generation(max_tokens=4, temperature=0.9, stops=("\n",), seed=2))
    generator = plugins.load("families", "recurrent").create(ALL[1], None, CASE.part, goal, seed=0)
    generator.save(tmp_path)
    again = plugins.load("families", "recurrent").restore(tmp_path)
    assert isinstance(generator, Seq2SeqGenerator)
    assert isinstance(again, Seq2SeqGenerator)
    assert again.generation == generator.generation == goal.generation
    assert again.predict(SOURCES).values == generator.predict(SOURCES).values


def test_no_answer_is_much_longer_than_those_of_training() -> None:
    part = Part(texts=("loan bank", "soup bread"), gold=("x", "x"), rows=(1, 2))
    (answer,) = made(ALL[0], part).predict(["loan " * 400]).values
    assert isinstance(answer, str)
    # One piece and the end in training, and ten to spare; a piece here is at most a word of the training texts.
    assert len(answer) <= 12 * len(" bread")
