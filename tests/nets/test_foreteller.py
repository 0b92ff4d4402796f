from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets import foreteller
from goldilocks.nets.foreteller import Foreteller
from goldilocks.nets.pieces import END_ID, START_ID
from goldilocks.records import Candidate, Goal, Output, Part, Text, Workload
from goldilocks.testing import tiny
from goldilocks.tune.run import Run

FAMILY = plugins.load("families", "recurrent")
MODELS = {facts.name: facts for facts in FAMILY.models()}
GOAL = Goal(Output.LIKELIHOOD)
TEXTS = tuple(map(str, tiny.part(60).texts))


def part_of(texts: tuple[Text, ...]) -> Part:
    gold = tuple(one if isinstance(one, str) else one[-1] for one in texts)
    return Part(texts, gold, tuple(range(1, len(texts) + 1)))


def made(texts: tuple[Text, ...] = TEXTS, name: str = "lstm") -> Foreteller:
    network = FAMILY.create(MODELS[name], None, part_of(texts), GOAL, seed=0)
    assert isinstance(network, Foreteller)
    return network


def run_on(texts: tuple[Text, ...], name: str, epochs: float) -> Run:
    """A short run: it has to learn little."""
    characters = sum(map(len, texts)) / len(texts)
    work = Workload(len(texts), characters, characters / 5, labels=0, output=Output.LIKELIHOOD)
    own = FAMILY.recipe(MODELS[name], work)
    assert own is not None
    recipe = replace(own, epochs=epochs, dropout=0.0)
    candidate = Candidate(MODELS[name], "scratch")
    return Run(candidate, part_of(texts), GOAL, model_folder=None, work=work, seed=0, recipe=recipe)


def total(run: Run, texts: tuple[Text, ...]) -> float:
    return float(np.sum(np.asarray(run.predict(texts).values, dtype=np.float64)))


def step_by_step(network: Foreteller, before: list[int], own: list[int]) -> float:
    """The sum of log-softmax, one token at a time, with torch's cells of one step."""
    cell: torch.nn.LSTMCell | torch.nn.GRUCell
    trunk, head = network.trunk, network.head
    kind = torch.nn.LSTMCell if isinstance(trunk.forth, torch.nn.LSTM) else torch.nn.GRUCell
    cell = kind(trunk.words.embedding_dim, trunk.width).double()
    cell.load_state_dict({name.removesuffix("_l0"): one.double() for name, one in trunk.forth.state_dict().items()})
    memory = None
    total = 0.0
    with torch.no_grad():
        words = trunk.words.weight.double()
        for number, (now, then) in enumerate(itertools.pairwise([*before, *own])):
            memory = cell(words[now : now + 1], memory)
            state = memory[0] if isinstance(memory, tuple) else memory
            scores = (state @ head.join.weight.double().T) @ words.T + head.common.double()
            if number >= len(before) - 1:
                total += float(torch.log_softmax(scores, -1)[0, then])
    return total


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_likelihood_is_the_sum_of_the_steps(name: str) -> None:
    network = made(name=name)
    torch.nn.init.normal_(network.head.common)
    long = "the soup and the bread " * 60  # several times what is read at once
    for text in ("", "soup", long):
        own = network.tokenizer.encode(text).ids
        assert own[-1] == END_ID
        found = network.predict([text]).values[0]
        assert found == pytest.approx(step_by_step(network, [START_ID], own), rel=1e-5)
    context, reply = (network.tokenizer.encode(one).ids for one in ("soup today", "bread"))
    found = network.predict([("soup today", "bread")]).values[0]
    assert found == pytest.approx(step_by_step(network, [START_ID, *context], reply), rel=1e-5)


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
    every = ["".join(one) for length in range(4) for one in itertools.product("ab ", repeat=length)]
    assert 0.8 < sum(math.exp(one) for one in run.model.predict(every).values if isinstance(one, float)) < 1


def test_long_text_is_learnt_in_stretches_that_foretell_every_token_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreteller, "STRETCH", 8)
    monkeypatch.setattr(foreteller, "WARM_UP", 3)
    network = made()
    text = "soup bread kitchen " * 9
    (whole,) = network.rows([text])
    pieces = network.rows_to_learn([text], [text])
    assert len(pieces) > 2
    assert np.concatenate([one.ids[one.places[0] :] for one in pieces]).tolist() == whole.ids[1:].tolist()
    assert [int(one.places[0]) for one in pieces] == [1, *[3] * (len(pieces) - 1)]
    assert pieces[1].ids[:3].tolist() == whole.ids[6:9].tolist()


def test_loss_is_the_mean_over_the_tokens_of_the_likelihood() -> None:
    network = made()
    rows = network.rows_to_learn(TEXTS[:5], TEXTS[:5])
    (chosen, batch), *_ = network.batches(rows)
    assert len(chosen) == 5
    with torch.no_grad():
        loss = float(network.loss(network.trunk.eval()(batch), batch, [None] * 5))
    together = sum(one for one in network.predict(TEXTS[:5]).values if isinstance(one, float))
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


def test_what_stands_before_a_text_counts() -> None:
    pairs = (("how are you", "fine thanks"), ("what time is it", "it is noon")) * 20
    run = run_on(pairs, "gru", 15)
    run.advance(1.0)
    right, wrong = (total(run, ((context, "fine thanks"),)) for context in ("how are you", "what time is it"))
    assert right > wrong + 1
