from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.heads import recurrent_lm
from goldilocks.nets.heads.recurrent_lm import RecurrentLM, RecurrentLMConfig
from goldilocks.nets.tokenization.bpe import END_ID, START_ID
from goldilocks.records import Candidate, Generation, Goal, Output, Part, Text, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

FAMILY = plugins.load("families", "recurrent")
MODELS = {facts.name: facts for facts in FAMILY.models()}
GOAL = Goal(Output.LIKELIHOOD)
TEXTS = tuple(map(str, tiny.part(60).texts))


def part_of(texts: tuple[Text, ...]) -> Part:
    gold = tuple(text if isinstance(text, str) else text[-1] for text in texts)
    return Part(texts, gold, tuple(range(1, len(texts) + 1)))


def made(texts: tuple[Text, ...] = TEXTS, name: str = "lstm") -> RecurrentLM:
    network = FAMILY.create(MODELS[name], None, part_of(texts), GOAL, seed=0)
    assert isinstance(network, RecurrentLM)
    return network


def run_on(texts: tuple[Text, ...], name: str, epochs: float) -> Run:
    """A short run: it has to learn little."""
    characters = sum(map(len, texts)) / len(texts)
    work = Workload(len(texts), characters, characters / 5, labels=0, output=Output.LIKELIHOOD)
    own = FAMILY.training_config(MODELS[name], work)
    assert own is not None
    config = replace(own, epochs=epochs, dropout=0.0)
    candidate = Candidate(MODELS[name], "scratch")
    return Run(candidate, part_of(texts), GOAL, RunSetup(model_folder=None, work=work, seed=0, config=config))


def total(run: Run, texts: tuple[Text, ...]) -> float:
    return float(np.sum(np.asarray(run.predict(texts).values, dtype=np.float64)))


def step_by_step(network: RecurrentLM, before: list[int], own: list[int]) -> float:
    """The sum of log-softmax, one token at a time."""
    logs = next_token_logs(network, [*before, *own][:-1])[len(before) - 1 :]
    return sum(float(log[then]) for log, then in zip(logs, own, strict=True))


def next_token_logs(network: RecurrentLM, tokens: list[int]) -> list[torch.Tensor]:
    """Log probabilities of what comes after each token, with torch's cells of one step."""
    cell: torch.nn.LSTMCell | torch.nn.GRUCell
    backbone, head = network.backbone, network.head
    kind = torch.nn.LSTMCell if isinstance(backbone.forth, torch.nn.LSTM) else torch.nn.GRUCell
    cell = kind(backbone.words.embedding_dim, backbone.width).double()
    cell.load_state_dict(
        {name.removesuffix("_l0"): value.double() for name, value in backbone.forth.state_dict().items()}
    )
    memory = None
    result = []
    with torch.no_grad():
        words = backbone.words.weight.double()
        for now in tokens:
            memory = cell(words[now : now + 1], memory)
            state = memory[0] if isinstance(memory, tuple) else memory
            scores = (state @ head.join.weight.double().T) @ words.T + head.common.double()
            result.append(torch.log_softmax(scores, -1)[0])
    return result


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_likelihood_is_the_sum_of_the_steps(name: str) -> None:
    network = made(name=name)
    torch.nn.init.normal_(network.head.common)
    long = "the soup and the bread " * 60  # several times what is read at once
    for text in ("", "soup", long):
        own = network.tokenizer.encode(text).ids
        assert own[-1] == END_ID
        result = network.predict([text]).values[0]
        assert result == pytest.approx(step_by_step(network, [START_ID], own), rel=1e-5)
    context, reply = (network.tokenizer.encode(entry).ids for entry in ("soup today", "bread"))
    result = network.predict([("soup today", "bread")]).values[0]
    assert result == pytest.approx(step_by_step(network, [START_ID, *context], reply), rel=1e-5)


@pytest.mark.parametrize("item", ["soup today", ("soup today", "bread"), "", "soup and bread " * 60])
def test_likelihoods_of_the_tokens_add_up_to_that_of_the_text(item: str | tuple[str, ...]) -> None:
    network = made()
    tokens = network.token_likelihoods(item)
    assert tokens[-1][0] == ""
    assert "".join(piece for piece, _ in tokens) == (item if isinstance(item, str) else item[-1])
    assert sum(value for _, value in tokens) == pytest.approx(network.predict([item]).values[0], rel=1e-5)


def test_texts_that_differ_in_a_space_only_or_spell_out_an_end_have_tokens_of_their_own() -> None:
    network = made()
    texts = ["soup", " soup", "soup ", "  soup", "[END]", "soup[END]", "[START]", "\n", "汤", "\u200b"]
    rows = network.rows(texts)
    assert len({tuple(row.ids.tolist()) for row in rows}) == len(texts)
    for text, row in zip(texts, rows, strict=True):
        assert START_ID not in row.ids[1:]
        assert list(row.ids).count(END_ID) == 1
        assert network.tokenizer.decode(row.ids[1:-1].tolist(), skip_special_tokens=False) == text


def test_all_short_texts_together_are_not_more_than_certain() -> None:
    texts = ("a", "b", "ab", "ba", "a b") * 12
    run = run_on(texts, "gru", 12)
    run.advance(1.0)
    every = ["".join(entry) for length in range(4) for entry in itertools.product("ab ", repeat=length)]
    assert 0.8 < sum(math.exp(value) for value in run.model.predict(every).values if isinstance(value, float)) < 1


def test_long_text_is_learnt_in_chunks_that_predict_every_token_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent_lm, "STRETCH", 8)
    monkeypatch.setattr(recurrent_lm, "WARM_UP", 3)
    network = made()
    text = "soup bread kitchen " * 9
    (whole,) = network.rows([text])
    pieces = network.rows_to_learn([text], [text])
    assert len(pieces) > 2
    assert np.concatenate([piece.ids[piece.places[0] :] for piece in pieces]).tolist() == whole.ids[1:].tolist()
    assert [int(piece.places[0]) for piece in pieces] == [1, *[3] * (len(pieces) - 1)]
    assert pieces[1].ids[:3].tolist() == whole.ids[6:9].tolist()


def test_loss_is_the_mean_over_the_tokens_of_the_likelihood() -> None:
    network = made()
    rows = network.rows_to_learn(TEXTS[:5], TEXTS[:5])
    (chosen, batch), *_ = network.batches(rows)
    assert len(chosen) == 5
    with torch.no_grad():
        loss = float(network.loss(network.backbone.eval()(batch), batch, [None] * 5))
    together = sum(value for value in network.predict(TEXTS[:5]).values if isinstance(value, float))
    assert loss == pytest.approx(-together / sum(len(row) - 1 for row in rows), rel=1e-5)


def test_learns_is_resumed_and_restored(tmp_path: Path) -> None:
    through, second = run_on(TEXTS, "lstm", 10), run_on(TEXTS, "lstm", 10)
    before = total(through, TEXTS)
    through.advance(0.3)
    through.save(tmp_path / "run")
    second.resume_from(tmp_path / "run")
    for run in (through, second):
        run.advance(1.0)
    learnt = through.predict(TEXTS).values
    assert second.predict(TEXTS).values == pytest.approx(learnt, abs=1e-4)
    assert total(through, TEXTS) > 0.9 * before
    through.model.save(tmp_path / "model")
    assert FAMILY.restore(tmp_path / "model").predict(TEXTS).values == pytest.approx(learnt, abs=1e-4)


PROMPTS = ["soup with", "", "the bread and the oven and the salt", "loan"]


def continuing(name: str = "lstm_lm", texts: tuple[str, ...] = TEXTS, **how: Any) -> RecurrentLM:
    """Untrained, with scores that differ enough for a text to be the same however it is computed."""
    goal = Goal(Output.TEXT, generation=Generation(**how))
    part = Part(tuple(text[:9] for text in texts), tuple(text[9:] for text in texts), tuple(range(len(texts))))
    network = FAMILY.create(MODELS[name], None, part, goal, seed=0)
    assert isinstance(network, RecurrentLM)
    with torch.no_grad():
        torch.nn.init.normal_(network.head.common, std=0.3)
        network.backbone.words.weight *= 8
    return network


@pytest.mark.parametrize("name", ["lstm_lm", "gru_lm"])
def test_likeliest_tokens_are_those_of_the_steps(name: str) -> None:
    network = continuing(name, max_tokens=4)
    (text,) = network.predict(["soup with"]).values
    own: list[int] = []
    begun = [START_ID, *network.tokenizer.encode("soup with").ids]
    for _ in range(4):
        logs = next_token_logs(network, [*begun, *own])[-1]
        own.append(END_ID + int(logs[END_ID:].argmax()))  # those before it are not written
    assert END_ID not in own
    assert text == network.tokenizer.decode(own)


@pytest.mark.parametrize("how", [{}, {"temperature": 0.8, "top_k": 50, "top_p": 0.9, "seed": 3}])
def test_text_is_the_same_alone_in_a_batch_and_after_loading(how: dict[str, Any], tmp_path: Path) -> None:
    network = continuing("gru_lm", max_tokens=6, **how)
    together = network.predict(PROMPTS).values
    assert tuple(network.predict([prompt]).values[0] for prompt in PROMPTS) == together
    assert network.predict([]).values == ()
    network.save(tmp_path)
    again = FAMILY.restore(tmp_path)
    assert isinstance(again, RecurrentLM)
    assert again.generation == network.generation
    assert again.predict(PROMPTS).values == together


def test_temperature_seed_stop_and_longest_do_what_they_say() -> None:
    greedy = continuing(max_tokens=9).predict(PROMPTS).values
    assert continuing(max_tokens=9, temperature=2.0, top_k=1, seed=8).predict(PROMPTS).values == greedy
    drawn = [continuing(max_tokens=9, temperature=1.0, seed=seed).predict(PROMPTS).values for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    network = continuing(max_tokens=3)
    for text, whole in zip(network.predict(PROMPTS).values, greedy, strict=True):
        assert str(whole).startswith(str(text))
        assert len(network.tokenizer.encode(str(text), add_special_tokens=False).ids) <= 3
    whole = str(greedy[0])
    stop = whole[4:6]
    assert continuing(max_tokens=9, stops=(stop,)).predict(PROMPTS[:1]).values == (whole[: whole.index(stop)],)


def test_of_a_long_item_the_end_is_read() -> None:
    network = continuing()
    network.config = replace(network.config, head=RecurrentLMConfig(context_tokens=5))
    (row,) = network.rows([("soup and bread", "kitchen today")])
    (whole,) = network._whole([("soup and bread", "kitchen today")])
    assert row.ids.tolist() == [START_ID, *whole.ids[-5:].tolist()]


def test_item_and_answer_are_learnt_as_one_text_and_gone_on_with() -> None:
    items = ("how are you", ("what time", "is it")) * 20
    answers = (" fine thanks", " it is noon") * 20
    part = Part(items, answers, tuple(range(40)))
    candidate, work = Candidate(MODELS["gru_lm"], "scratch"), Workload(40, 11, 3, 0, Output.TEXT)
    own = FAMILY.training_config(candidate.model, work)
    assert own is not None
    config = replace(own, epochs=12, dropout=0.0)
    run = Run(candidate, part, Goal(Output.TEXT), RunSetup(model_folder=None, work=work, seed=0, config=config))
    run.advance(1.0)
    assert run.predict(items[:2]).values == answers[:2]
    assert isinstance(run.model, RecurrentLM)
    learnt = run.model.rows_to_learn(items[1:2], answers[1:2])
    assert run.model.tokenizer.decode(learnt[0].ids.tolist(), skip_special_tokens=False) == (
        "[START]what time[END]is it[END] it is noon[END]"
    )


def test_what_stands_before_a_text_counts() -> None:
    pairs = (("how are you", "fine thanks"), ("what time is it", "it is noon")) * 20
    run = run_on(pairs, "gru", 15)
    run.advance(1.0)
    right, wrong = (total(run, ((context, "fine thanks"),)) for context in ("how are you", "what time is it"))
    assert right > wrong + 1
