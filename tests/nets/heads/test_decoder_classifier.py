from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks.families import decoder
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier, DecoderClassifierConfig, _prefix_free
from goldilocks.records import Goal
from goldilocks.testing import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.decoder_folder(tmp_path_factory.mktemp("decoder") / "tiny")


def classifier(folder: Path) -> DecoderClassifier:
    info = decoder.describe(folder, str(folder))
    assert info is not None
    goal = Goal(labels=tiny.GOAL.labels, instruction="Give the label.")
    network = decoder.create(info, folder, tiny.part(6), goal, seed=0)
    assert isinstance(network, DecoderClassifier)
    return network


def test_config_holds_instruction_and_special_tokens_of_the_checkpoint(folder: Path) -> None:
    head = classifier(folder).config.head
    assert head == DecoderClassifierConfig("float32", "Give the label.", begin_ids=(0,), end_ids=(1,))


def test_without_a_prompt_the_head_predicts_and_with_one_the_likelihood_of_the_labels(folder: Path) -> None:
    network = classifier(folder)
    texts = tiny.part(6).texts
    by_head = network.predict(texts).probabilities

    network.fit(texts, tiny.part(6).gold, seed=0)
    prompted = network.predict(texts).probabilities

    assert network.prompt_state is not None
    assert network.prompt_state.prompt.examples == ()
    assert not np.allclose(by_head, prompted, atol=1e-3)
    assert prompted.sum(1) == pytest.approx(np.ones(6), abs=1e-5)


def test_calibration_subtracts_the_mean_score_over_the_training_texts(folder: Path) -> None:
    network = classifier(folder)
    part = tiny.part(6)
    network.fit(part.texts, part.gold, seed=0)
    assert network.prompt_state is not None

    # All six texts (fewer than PRIOR_TEXTS) are the sample that the prior is estimated from.
    assert network._label_scores(part.texts).mean(0).tolist() == pytest.approx(network.prompt_state.prior, abs=1e-3)


def test_label_that_begins_another_one_gets_its_line_end() -> None:
    assert _prefix_free([[5], [5, 6], [7]], [9]) == [[5, 9], [5, 6], [7]]
