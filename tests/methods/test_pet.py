from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.records import Candidate, Goal, Output, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

PART = tiny.part(24)
METHOD = plugins.load("methods", "pet")
FAMILY = plugins.load("families", "decoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.decoder_folder(tmp_path_factory.mktemp("pet") / "tiny-decoder")


def decoder(folder: Path, goal: Goal = tiny.GOAL) -> DecoderClassifier:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    made = FAMILY.create(info, folder, PART, goal, seed=0)
    assert isinstance(made, DecoderClassifier)
    return made


def test_calibrated_scores_have_mean_zero_over_the_training_texts(folder: Path) -> None:
    network = decoder(folder)
    METHOD.prepare(network, METHOD.Options())
    METHOD.objective(network, PART.texts, PART.gold, METHOD.Options())  # type: ignore[attr-defined]
    with torch.no_grad():
        means = network.score_pooled(network.pooled(PART.texts)).mean(0)
    assert means.abs().max() < 1e-4


def test_without_calibration_the_bias_is_zero(folder: Path) -> None:
    network = decoder(folder)
    options = METHOD.Options(calibrate=False)
    METHOD.prepare(network, options)
    METHOD.objective(network, PART.texts, PART.gold, options)  # type: ignore[attr-defined]
    assert not network.head.bias.any()  # type: ignore[operator]


def test_a_long_item_is_cut_and_the_pattern_is_not(folder: Path) -> None:
    network = decoder(folder)
    METHOD.prepare(network, METHOD.Options())
    long, short = network.rows(["soup " * 5_000, "soup"])
    assert len(long.ids) <= network.max_positions
    assert long.ids[-3:].tolist() == short.ids[-3:].tolist()


def test_words_may_stand_for_labels(folder: Path) -> None:
    network = decoder(folder)
    METHOD.prepare(network, METHOD.Options(words={"money": "the bank"}))
    (row,) = network.rows(["soup"])
    assert "the bank" in network.tokenizer.decode(row.ids.tolist(), skip_special_tokens=False)
    own = network.label_ids()[network.labels.index("money")]
    assert network.tokenizer.decode(own).strip() == "the bank"


def test_several_labels_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="several labels have no single label word; use `lora`"):
        METHOD.prepare(decoder(folder, Goal(labels=tiny.LABELS, several=True)), METHOD.Options())


def test_models_without_scores_of_words_are_refused(tmp_path: Path) -> None:
    encoder = tiny.encoder_folder(tmp_path / "encoder")
    info = plugins.load("families", "encoder").describe(encoder, str(encoder))
    assert info is not None
    assert "use `contrastive`" in str(METHOD.incompatibility(info))
    assert "use `lora`" in str(METHOD.declined(Output.SCORE))  # type: ignore[attr-defined]


def test_a_tuned_model_answers_alike_after_loading(folder: Path, tmp_path: Path) -> None:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    rates = {"learning_rate": 1e-3, "head_learning_rate": 1e-3}  # untrained weights need more than pretrained ones
    run = Run(Candidate(info, "pet"), PART, tiny.GOAL, RunSetup(folder, Workload(24, 30, 6, 3), seed=0, training=rates))
    run.advance(1.0)
    model = run.model
    right = [answer == gold for answer, gold in zip(model.predict(PART.texts).values, PART.gold, strict=True)]
    assert sum(right) >= 20
    model.save(tmp_path / "model")
    again = FAMILY.restore(tmp_path / "model").predict(PART.texts)
    assert np.abs(again.probabilities - model.predict(PART.texts).probabilities).max() < 1e-3
