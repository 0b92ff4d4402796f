from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import nn

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.nets.heads.label_words import begin_with_label_words
from goldilocks.nets.heads.verbalizers import calibrate
from goldilocks.records import Goal
from goldilocks.testing import tiny

PART = tiny.part(24)
FAMILY = plugins.load("families", "decoder")


@pytest.fixture(scope="module", params=["gemma3_text", "llama"])  # tied and untied LM head
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.decoder_folder(tmp_path_factory.mktemp("words") / request.param, kind=request.param)


def decoder(folder: Path, goal: Goal = tiny.GOAL) -> DecoderClassifier:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    made = FAMILY.create(info, folder, PART, goal, seed=0)
    assert isinstance(made, DecoderClassifier)
    return made


def test_scores_are_the_mean_logits_of_the_label_words_behind_the_pattern(folder: Path) -> None:
    network = decoder(folder)
    begin_with_label_words(network, {"money": "the bank"})
    text = PART.texts[0]
    (row,) = network.rows([text])
    pattern = network.tokenizer.decode(row.ids.tolist(), skip_special_tokens=False)
    assert str(text) in pattern
    assert pattern.rstrip().endswith("Label:")
    words = [network.tokenizer.decode(ids).strip() for ids in network.label_ids()]
    assert words == ["food", "the bank", "sport"]
    with torch.no_grad():
        hidden = network.pooled([text])
        every = cast(CausalLM, network.backbone).logits(hidden)[0]
        scores = network.score_pooled(hidden)[0]
    for score, ids in zip(scores.tolist(), network.label_ids(), strict=True):
        assert score == pytest.approx(float(every[ids].mean()), abs=1e-4)


def test_bias_of_an_lm_head_is_not_added_to_the_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, biased = decoder(folder), decoder(folder)
    lm = cast(CausalLM, biased.backbone)
    without = lm.logits_of
    monkeypatch.setattr(lm, "logits_of", lambda hidden, tokens: without(hidden, tokens) + tokens.float())
    for network in (plain, biased):
        begin_with_label_words(network, {})
    rows, others = (cast(nn.Linear, network.head).weight for network in (plain, biased))
    assert torch.allclose(rows, others, atol=1e-4)


def test_beginning_draws_nothing_and_leaves_the_decoder_as_it_was(folder: Path) -> None:
    network, other = decoder(folder), decoder(folder)
    before = {name: weight.clone() for name, weight in network.backbone.state_dict().items()}
    for each in (network, other):
        begin_with_label_words(each, {})
    head, again = cast(nn.Linear, network.head), cast(nn.Linear, other.head)
    assert torch.equal(head.weight, again.weight)
    assert not head.bias.any()
    assert all(torch.equal(weight, before[name]) for name, weight in network.backbone.state_dict().items())


def test_calibrated_scores_have_mean_zero_over_the_texts(folder: Path) -> None:
    network = decoder(folder)
    begin_with_label_words(network, {})
    with torch.no_grad():
        before = network.score_pooled(network.pooled(PART.texts))
        calibrate(network, cast(nn.Linear, network.head).bias, PART.texts)
        after = network.score_pooled(network.pooled(PART.texts))
    assert float(before.mean(0).abs().max()) > 1e-3
    assert float(after.mean(0).abs().max()) < 1e-4
    assert torch.allclose(after, before - before.mean(0), atol=1e-4)


def test_saved_network_has_the_pattern(folder: Path, tmp_path: Path) -> None:
    network = decoder(folder)
    begin_with_label_words(network, {"money": "the bank"})
    network.save(tmp_path)
    again = FAMILY.restore(tmp_path)
    assert isinstance(again, DecoderClassifier)
    assert again.options.label_words == ("food", "the bank", "sport")
    wanted, got = network.predict(PART.texts[:4]), again.predict(PART.texts[:4])
    assert np.abs(got.probabilities - wanted.probabilities).max() < 1e-5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"mony": "bank"}, r"'mony', which is not a label\. Did you mean 'money'\? Correct options\.pet\.words"),
        ({"money": "x", "food": "x"}, "two labels have the words 'x'; give each its own"),
        ({"money": "food"}, "two labels have the words 'food'"),
    ],
)
def test_words_that_fit_no_label_are_refused(folder: Path, words: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        begin_with_label_words(decoder(folder), words)
    assert "\n" not in str(caught.value)


def test_labels_that_leave_no_room_for_an_item_are_refused(folder: Path) -> None:
    labels = tuple(f"a label with very many words number {number}" for number in range(90))
    with pytest.raises(InputError, match=r"the pattern takes [\d,]+ tokens, the context has 2,048; .* or use `lora`"):
        begin_with_label_words(decoder(folder, Goal(labels=labels)), {})
