"""Few-shot examples that are chosen for each item, in both decoder heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from goldilocks.errors import InputError
from goldilocks.families import decoder
from goldilocks.methods import in_context
from goldilocks.nets.generation.prompt_state import PromptState
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.nets.heads.decoder_generator import DecoderGenerator
from goldilocks.records import Goal, Output
from goldilocks.testing import tiny

PART = tiny.part(24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.decoder_folder(tmp_path_factory.mktemp("decoder") / "tiny", kind="llama")


def _network(folder: Path, goal: Goal, **options: Any) -> DecoderClassifier:
    info = decoder.describe(folder, str(folder))
    assert info is not None
    network = decoder.create(info, folder, PART, replace(goal, instruction="Give the label."), seed=0)
    assert isinstance(network, DecoderClassifier)
    in_context.prepare(network, in_context.Options(**options))
    return network


def _state(network: DecoderClassifier) -> PromptState:
    assert network.prompt_state is not None
    return network.prompt_state


def test_item_is_scored_as_with_a_fixed_prompt_that_has_its_examples(folder: Path) -> None:
    network = _network(folder, tiny.GOAL, shots=3, demonstrations="nearest")
    network.fit(PART.texts, PART.gold, seed=0)
    state, item = _state(network), "soup with bread"
    assert state.selector is not None
    own = network._label_scores([item])

    nearest = state.selector.examples(item)
    fixed = replace(state.prompt, examples=tuple(reversed(nearest)))
    network._set_prompt(replace(state, prompt=fixed, selector=None))
    assert network._label_scores([item]) == pytest.approx(own, abs=1e-4)

    network._set_prompt(replace(state, prompt=replace(fixed, examples=tuple(nearest)), selector=None))
    assert not np.allclose(network._label_scores([item]), own, atol=1e-3)  # the order matters


@pytest.mark.parametrize("name", ["nearest", "bm25", "dpp"])
def test_restored_decoder_answers_the_same_alone_and_in_a_batch(folder: Path, tmp_path: Path, name: str) -> None:
    network = _network(folder, tiny.GOAL, shots=2, demonstrations=name, order="random")
    network.fit(PART.texts, PART.gold, seed=0)
    texts = tiny.part(4, seed=5).texts
    before = network.predict(texts).probabilities

    network.save(tmp_path / "saved")
    restored = decoder.restore(tmp_path / "saved")

    assert restored.predict(texts).probabilities == pytest.approx(before, abs=1e-5)
    alone = np.concatenate([restored.predict([text]).probabilities for text in texts])
    assert alone == pytest.approx(before, abs=1e-4)


def test_examples_of_an_item_have_no_more_tokens_than_asked_for(folder: Path, tmp_path: Path) -> None:
    network = _network(folder, tiny.GOAL, shots=4, demonstrations="nearest", tokens=100)
    network.fit(PART.texts, PART.gold, seed=0)
    for _ in range(2):  # as tuned, and as restored
        own = network._own_examples("soup with bread", 8)
        assert 0 < len(own) <= 100
        assert 1 <= network.tokenizer.decode(own).count("Label:") < 4  # a token is a byte here
        network.save(tmp_path / "saved")
        network = cast(DecoderClassifier, decoder.restore(tmp_path / "saved"))


def test_chinese_prompt_is_kept_with_the_decoder(folder: Path, tmp_path: Path) -> None:
    network = _network(folder, replace(tiny.GOAL, prompt_language="zh"), shots=2)
    network.fit(PART.texts, PART.gold, seed=0)
    network.save(tmp_path / "saved")
    for model in (network, cast(DecoderClassifier, decoder.restore(tmp_path / "saved"))):
        lead = _state(model).prompt.lead
        assert lead.count("标签：") == 2
        assert "Label:" not in lead


def test_texts_are_generated_after_examples_of_their_own(folder: Path, tmp_path: Path) -> None:
    network = cast(DecoderGenerator, _network(folder, Goal(Output.TEXT), shots=2, demonstrations="coverage"))
    network.fit(PART.texts, PART.texts, seed=0)
    item = str(PART.texts[0])
    answers = network.predict([item])
    shown = network.tokenizer.decode(network._prompt_ids([item], 8)[0])
    assert shown.count("Answer:") == 3
    assert shown.count(item) == 1  # the training row that is the item is not among its examples

    network.save(tmp_path / "saved")
    assert decoder.restore(tmp_path / "saved").predict([item]).values == answers.values
    with pytest.raises(InputError, match="chosen for each item, which no template can state"):
        network.prompt_around()


def test_what_does_not_fit_is_left_out_from_the_least_similar_on(folder: Path) -> None:
    network = _network(folder, tiny.GOAL, shots=8, demonstrations="nearest")
    network._lm.max_positions = 800
    network.fit(PART.texts, PART.gold, seed=0)
    selector = _state(network).selector
    assert selector is not None
    item = "soup with bread " * 25

    ids = network._prompt_ids([item], 0)[0]
    text = network.tokenizer.decode(ids)
    nearest = selector.examples(item)
    kept = [example for example in nearest if f"Text: {example[0]}\n" in text]
    assert 1 <= len(kept) < 8
    assert kept == nearest[: len(kept)]
    assert len(network._prefix_ids()) + len(ids) + 32 <= 800


@pytest.mark.parametrize("name", ["nearest", "balanced"])
def test_context_that_holds_no_example_is_named(folder: Path, name: str) -> None:
    network = _network(folder, tiny.GOAL, shots=4, demonstrations=name)
    network._lm.max_positions = 640
    with pytest.raises(InputError, match="in_context: not even one example fits; the context is 640 tokens"):
        network.fit(PART.texts, PART.gold, seed=0)


def test_request_that_leaves_no_room_for_an_example_is_refused(folder: Path) -> None:
    network = cast(DecoderGenerator, _network(folder, Goal(Output.TEXT), shots=2, demonstrations="nearest"))
    network.fit(PART.texts, PART.texts, seed=0)
    most = network._lm.max_positions - len(network._prefix_ids()) - 80
    with pytest.raises(InputError, match="not even one few-shot example fits: the context of this decoder is 2,048"):
        network.predict(["soup"], generation=replace(network.generation, max_tokens=most))


@pytest.mark.parametrize("name", ["nearest", "balanced"])
@pytest.mark.parametrize("output", [Output.LABEL, Output.TEXT])
def test_search_takes_the_arrangement_that_makes_gold_answers_likeliest(
    folder: Path, tmp_path: Path, name: str, output: Output
) -> None:
    goal = tiny.GOAL if output is Output.LABEL else Goal(Output.TEXT)
    network = _network(folder, goal, shots=3, demonstrations=name, order="search", position="search")
    tried: list[tuple[PromptState, float]] = []
    measured = network._gold_likelihood

    def noted(texts: Any, gold: Any) -> float:
        value = measured(texts, gold)
        tried.append((_state(network), value))
        shown = [text for text, _ in _state(network).prompt.examples]
        assert not {*texts} & {*shown}
        return value

    network._gold_likelihood = noted  # type: ignore[method-assign]
    network.fit(PART.texts, PART.gold, seed=0)

    assert len(tried) == 8
    assert len({round(value, 6) for _, value in tried}) > 4
    best = max(tried, key=lambda pair: pair[1])[0]
    assert (_state(network).prompt, _state(network).selector) == (best.prompt, best.selector)

    before = network.predict(["soup with bread"])
    network.save(tmp_path / "saved")
    after = decoder.restore(tmp_path / "saved").predict(["soup with bread"])
    assert after.values == before.values
    assert np.allclose(after.probabilities, before.probabilities, atol=1e-5)


def test_examples_of_an_item_may_come_before_the_instruction(folder: Path) -> None:
    network = _network(folder, tiny.GOAL, shots=2, demonstrations="nearest", position="start")
    network.fit(PART.texts, PART.gold, seed=0)
    state, item = _state(network), "soup with bread"
    assert state.selector is not None
    ids = [*network._prefix_ids(), *network._prompt_ids([item], 0)[0]]
    whole = replace(state.prompt, examples=tuple(reversed(state.selector.examples(item))))
    assert network.tokenizer.decode(ids) == whole.lead + whole.ask(item)
    assert whole.lead.startswith("Text: ")


@pytest.mark.parametrize("name", ["nearest", "balanced"])
def test_contextual_calibration_makes_labels_equally_likely_without_content(folder: Path, name: str) -> None:
    network = _network(folder, tiny.GOAL, shots=2, demonstrations=name, calibration="contextual")
    network.fit(PART.texts, PART.gold, seed=0)
    prior = np.exp(_state(network).prior)
    assert prior.sum() == pytest.approx(1, abs=1e-4)
    if name == "balanced":  # the mean over the inputs without content, by hand
        scores = network._label_scores(["N/A", "[MASK]", ""])
        shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        assert prior == pytest.approx(shares.mean(0), abs=1e-4)
        weighed = np.exp(network._label_scores(["soup"])[0]) / prior
        assert network.predict(["soup"]).probabilities[0] == pytest.approx(weighed / weighed.sum(), abs=1e-4)

    plain = _network(folder, tiny.GOAL, shots=2, demonstrations=name, calibration="none")
    plain.fit(PART.texts, PART.gold, seed=0)
    assert _state(plain).prior == ()


def test_calibration_of_texts_is_refused(folder: Path) -> None:
    network = _network(folder, Goal(Output.TEXT), shots=2, calibration="contextual")
    with pytest.raises(InputError, match="calibration concerns labels, and this task has none"):
        network.fit(PART.texts, PART.texts, seed=0)


def test_long_item_is_never_its_own_truncated_example(folder: Path) -> None:
    network = _network(folder, tiny.GOAL, shots=4, demonstrations="nearest")
    item = " ".join(f"soup number {place} with bread" for place in range(20))
    network.fit((item, *PART.texts), ("food", *PART.gold), seed=0)
    selector = _state(network).selector
    assert selector is not None
    assert any(str(text) == item[:128] for text in selector.texts)  # tokens are bytes

    prompt = network.tokenizer.decode(network._prompt_ids([item], 0)[0])
    assert prompt.count("Label:") == 5
    assert prompt.count(item[:100]) == 1


def test_cached_examples_come_before_those_of_the_item_and_are_none_of_them(folder: Path, tmp_path: Path) -> None:
    network = _network(folder, tiny.GOAL, shots=2, demonstrations="nearest", cached=6)
    network.fit(PART.texts, PART.gold, seed=0)
    state, item = _state(network), "soup with bread"
    assert state.selector is not None
    cached = state.prompt.examples
    assert sorted(str(gold) for _, gold in cached) == ["food", "food", "money", "money", "sport", "sport"]
    assert not {text for text, _ in cached} & {*state.selector.texts}

    prefix, own = network._prefix_ids(), network._prompt_ids([item], 0)[0]
    assert network.tokenizer.decode(prefix).count("Label:") == 6  # encoded once
    assert network.tokenizer.decode(own).count("Label:") == 3
    whole = replace(state.prompt, examples=(*cached, *reversed(state.selector.examples(item))))
    assert network.tokenizer.decode([*prefix, *own]) == whole.lead + whole.ask(item)

    before = network.predict([item]).probabilities
    network.save(tmp_path / "saved")
    assert decoder.restore(tmp_path / "saved").predict([item]).probabilities == pytest.approx(before, abs=1e-5)
