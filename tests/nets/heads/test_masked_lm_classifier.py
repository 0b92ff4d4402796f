from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.heads.masked_lm_classifier import MaskedLMClassifier, VerbalizerHead, mask_token, with_label_words
from goldilocks.nets.heads.verbalizers import calibrate
from goldilocks.nets.network import Network
from goldilocks.records import Goal
from goldilocks.testing import tiny
from goldilocks.testing.masked_lm import masked_lm_folder

PART = tiny.part(12)
FAMILY = plugins.load("families", "encoder")
WORDS = {"food": "soup", "money": "bank loan", "sport": "x"}
"""Of one, two and one tokens."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masked_lm_folder(tmp_path_factory.mktemp("mlm") / "tiny-mlm")


def fresh(folder: Path, goal: Goal = tiny.GOAL) -> Network:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    assert info.masked_lm
    return cast(Network, FAMILY.create(info, folder, PART, goal, seed=0))


def classifier(folder: Path, words: dict[str, str] = WORDS, template: str = "") -> MaskedLMClassifier:
    return with_label_words(fresh(folder), words, template)


def test_scores_are_the_mean_of_the_masked_lm_scores_of_the_label_words_at_their_masks(folder: Path) -> None:
    from transformers import AutoModelForMaskedLM

    network = classifier(folder, template="{mask}: {text}")
    text = str(PART.texts[0])
    (row,) = network.rows([text])
    tokens = [network.tokenizer.id_to_token(number) for number in row.ids.tolist()]
    assert tokens[:3] == ["[CLS]", "[MASK]", "[MASK]"]
    model: Any = AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.no_grad():
        every = model(input_ids=torch.from_numpy(row.ids[None].astype(np.int64))).logits[0]
        scores = network.score_pooled(network.pooled([text]))[0].tolist()

    def score(place: int, word: str) -> float:
        return float(every[1 + place, network.tokenizer.token_to_id(word)])

    wanted = [score(0, "soup"), (score(0, "bank") + score(1, "loan")) / 2, score(0, "x")]
    assert scores == pytest.approx(wanted, abs=1e-4)


def test_a_pattern_without_a_gap_has_it_at_its_end_and_pairs_have_their_own(folder: Path) -> None:
    (row,) = classifier(folder, template="{text} about").rows(["soup"])
    network = classifier(folder)
    tokens = [network.tokenizer.id_to_token(number) for number in row.ids.tolist()]
    assert tokens[-3:] == ["[MASK]", "[MASK]", "[SEP]"]
    (pair,) = network.rows([("soup", "bread")])
    shown = [network.tokenizer.id_to_token(number) for number in pair.ids.tolist()]
    assert shown.index("soup") < shown.index("[MASK]") < shown.index("bread")


def test_only_the_gap_has_masks_and_only_the_item_is_cut(folder: Path) -> None:
    network = classifier(folder)
    for text in ("[MASK] soup [MASK]", "soup " * 500, "", "{mask} {text}"):
        (row,) = network.rows([text])
        assert len(row.places) == 2
        assert len(row.ids) <= network.config.max_tokens
    assert len(network.predict(tiny.odd_texts())) == len(tiny.odd_texts())


def test_calibrated_scores_have_mean_zero_over_the_texts(folder: Path) -> None:
    network = classifier(folder)
    calibrate(network, cast(VerbalizerHead, network.head).out.bias, PART.texts)
    with torch.no_grad():
        means = network.score_pooled(network.pooled(PART.texts)).mean(0)
    assert float(means.abs().max()) < 1e-4


def test_saved_classifier_answers_alike(folder: Path, tmp_path: Path) -> None:
    network = classifier(folder, template="{text} ( {mask} ) again")
    network.save(tmp_path)
    again = FAMILY.restore(tmp_path)
    assert isinstance(again, MaskedLMClassifier)
    assert again.options == network.options
    wanted, got = network.predict(PART.texts), again.predict(PART.texts)
    assert np.abs(got.probabilities - wanted.probabilities).max() < 1e-5


def test_a_temperature_divides_the_scores(folder: Path) -> None:
    network = classifier(folder)
    with torch.no_grad():
        before = network.score_pooled(network.pooled(PART.texts))
        assert network.divide_logits(2.0)
        after = network.score_pooled(network.pooled(PART.texts))
    assert torch.allclose(after, before / 2, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "template", "message"),
    [
        ({"mony": "x"}, "", "'mony', which is not a label"),
        ({"money": "x", "food": "x"}, "", "two labels have the words 'x'"),
        ({"money": "€"}, "", r"no tokens for the label words '€'; give others in options\.pet\.words"),
        ({}, "It is {mask}", r"has no place for the item; write \{text\} there"),
        ({}, "{mask} {text} {mask}", r"has several gaps; write \{mask\} once"),
        ({"money": "soup bread " * 40}, "", r"the pattern takes \d+ tokens, a text may have 64; .* or use `lora`"),
    ],
)
def test_what_cannot_be_asked_is_refused(folder: Path, words: dict[str, str], template: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        with_label_words(fresh(folder), words, template)
    assert "\n" not in str(caught.value)


def test_an_encoder_without_the_head_is_refused(tmp_path: Path) -> None:
    network = tiny.encoder(tmp_path / "plain", PART)
    assert mask_token(network.tokenizer) is None
    with pytest.raises(InputError, match="has no masked-LM head; use `contrastive`"):
        with_label_words(network, {})
