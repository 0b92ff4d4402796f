"""The temperature after compression: fitted on rows, folded into the model, kept only where the gate still holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.answers import of_labels
from goldilocks.compression.temperature import recalibrated, temperature_of
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.nets.network import Network
from goldilocks.records import Footprint, Measured, Output, Part, Text, TrainingConfig
from goldilocks.testing import tiny
from goldilocks.testing.compression import calibration
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

PART = tiny.part(300, seed=1)


def footprint(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
    second = Measured(1.0, 1.0, 1.0, 1, "ms")
    return Footprint(0.1, second, second, 1000.0, 10**8, 1)


@pytest.fixture
def encoder(tmp_path: Path) -> SavedModel:
    """An encoder that is right and far too unsure."""
    train = tiny.part(200)
    learner = Learner(
        tiny.encoder(tmp_path / "checkpoint", train),
        TrainingConfig(6, 2e-3, 2e-3),
        TrainingSet(train.texts, train.gold),
        seed=0,
    )
    learner.advance(1.0)
    network = learner.write_back()
    assert network.divide_logits(8.0)
    (tmp_path / "model").mkdir()
    network.save(tmp_path / "model")
    return SavedModel(tmp_path / "model", "encoder", "native", ("made",))


def comparison(model: SavedModel) -> Comparison:
    metric = plugins.load("metrics", "accuracy")
    return Comparison(PART, tiny.GOAL, metric, 0.02, model.load().predict(PART.texts), footprint)


def test_temperature_that_was_applied_is_found_again() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (4_000, 3))
    table = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gold = [tiny.LABELS[int(rng.choice(3, p=row))] for row in table]
    part = Part(tuple("x" * len(gold)), tuple(gold), tuple(range(len(gold))))
    flat = np.exp(logits / 4) / np.exp(logits / 4).sum(1, keepdims=True)

    assert temperature_of(of_labels(flat.astype(np.float32), tiny.LABELS), part, several=False) == pytest.approx(
        1 / 4, rel=0.1
    )


def test_fitted_temperature_improves_calibration_and_is_part_of_the_model(encoder: SavedModel, tmp_path: Path) -> None:
    rows = comparison(encoder)
    before = rows.trial(encoder)

    fitted = recalibrated(encoder, before, rows, tmp_path / "fitted")

    assert fitted is not None
    model, trial = fitted
    assert trial.passed
    assert trial.temperature is not None
    assert trial.temperature < 0.5
    assert trial.ece_change is not None
    assert trial.ece_change_before == before.ece_change == 0
    assert trial.ece_change < -0.1  # far fewer doubts than the original, which is right
    assert trial.changed is not None
    assert trial.changed.value == 0
    assert trial.footprint == before.footprint
    unsure, sure = (
        np.asarray(saved.load().predict(PART.texts[:50]).probabilities).max(1).mean() for saved in (encoder, model)
    )
    assert sure > unsure + 0.1


def test_temperature_is_folded_into_the_head_of_an_onnx_model(encoder: SavedModel, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "onnx").mkdir()
    plugins.load("compressors", "onnx_float32").compress(encoder.load(), 1.0, tmp_path / "onnx", calibration())
    exported = replace(encoder, folder=tmp_path / "onnx", engine="onnxruntime")
    rows = comparison(encoder)

    fitted = recalibrated(exported, rows.trial(exported), rows, tmp_path / "fitted")

    assert fitted is not None
    before, after = (np.asarray(saved.load().predict(PART.texts[:20]).probabilities) for saved in (exported, fitted[0]))
    scaled = before ** (1 / float(fitted[1].temperature or 1))
    np.testing.assert_allclose(after, scaled / scaled.sum(1, keepdims=True), atol=5e-3)  # rounding, raised to 1/T


def test_model_that_fails_the_gate_after_fitting_stays_as_it_was(encoder: SavedModel, tmp_path: Path) -> None:
    rows = comparison(encoder)
    strict = replace(rows, max_loss=1e-9)

    assert recalibrated(encoder, rows.trial(encoder), strict, tmp_path / "fitted") is None


def test_taggers_have_no_temperature(tmp_path: Path) -> None:
    case = next(case for case in tiny.cases({Output.TAGS}))
    network = tiny.encoder(tmp_path / "checkpoint", case.part, case.goal)

    assert isinstance(network, Network)
    assert not network.divide_logits(2.0)
