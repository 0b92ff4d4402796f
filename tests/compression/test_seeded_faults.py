"""Faults that a compressor could have, put in on purpose: the gate drops every one of them, and passes without them.

Each stands in for a compressor in a whole search over a tuned encoder; footprints are made up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.compression.search import SearchPlan, SearchResult, search
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.nets.network import Network
from goldilocks.protocols import Calibration, Model
from goldilocks.records import Footprint, Measured, Text, TrainingConfig
from goldilocks.testing import tiny
from goldilocks.testing.compression import calibration
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

TRAIN, GATE = tiny.part(200), tiny.part(400, seed=1)
CHINESE = tiny.part(200, language="zh").texts
Fault = Callable[[Network], None]


def footprint(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
    second = Measured(1.0, 1.0, 1.0, 1, "ms")
    size = sum(path.stat().st_size for path in folder.iterdir())
    return Footprint(0.1, second, second, 1000.0, 10**8, size)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    folder = tmp_path_factory.mktemp("faults")
    network = tiny.encoder(folder / "checkpoint", TRAIN, depth=3)
    learner = Learner(network, TrainingConfig(8, 2e-3, 2e-3), TrainingSet(TRAIN.texts, TRAIN.gold), seed=0)
    learner.advance(1.0)
    (folder / "model").mkdir()
    learner.write_back().save(folder / "model")
    return SavedModel(folder / "model", "encoder", "native")


@pytest.fixture(scope="module")
def comparison(model: SavedModel) -> Comparison:
    answers = model.load().predict(GATE.texts)
    return Comparison(GATE, tiny.GOAL, plugins.load("metrics", "accuracy"), 0.01, answers, footprint)


def searched(
    model: SavedModel, comparison: Comparison, folder: Path, name: str, texts: Sequence[Text] = TRAIN.texts
) -> SearchResult:
    brief = calibration(texts, most_epochs=4)
    return search(
        model, comparison.baseline(model), comparison, folder, calibration=brief, plan=SearchPlan(only=(name,))
    )


def broken_layer(network: Network) -> None:
    """A block whose output is lost: the weights of its last normalisation were not written."""
    with torch.no_grad():
        network.backbone.get_parameter("blocks.1.norm.weight").zero_()


def swapped_labels(network: Network) -> None:
    """Two rows of the head in each other's place."""
    with torch.no_grad():
        for name in ("head.weight", "head.bias"):
            weight = network.module.get_parameter(name)
            weight[[0, 1]] = weight[[1, 0]]


def saturated(network: Network) -> None:
    """Int8 with a scale for a hundredth of the range: nearly all weights end at the largest step."""
    with torch.no_grad():
        for name, weight in network.module.named_parameters():
            if weight.ndim == 2 and not name.startswith("head."):
                scale = weight.abs().max() / 127 / 100
                weight.copy_((weight / scale).round().clamp(-127, 127) * scale)


def with_fault(fault: Fault) -> Callable[[Model, float, Path, Calibration], None]:
    def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:
        assert isinstance(model, Network)
        with torch.no_grad():
            for weight in model.module.parameters():
                weight.copy_(weight.half().float())
        fault(model)
        model.save(folder)

    return compress


@pytest.mark.parametrize("fault", [broken_layer, swapped_labels, saturated])
def test_faulty_compressor_is_dropped_with_its_loss(
    fault: Fault, model: SavedModel, comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins.load("compressors", "float16"), "compress", with_fault(fault))

    result = searched(model, comparison, tmp_path, "float16")

    (trial,) = result.trials
    assert result.taken is None
    assert not trial.passed
    assert trial.loss is not None
    assert trial.loss.value > 0.01
    assert "(95% bound), more than 0.01" in trial.reason


def test_same_compressor_without_a_fault_passes(
    model: SavedModel, comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins.load("compressors", "float16"), "compress", with_fault(lambda network: None))

    result = searched(model, comparison, tmp_path, "float16")

    assert result.taken is not None
    assert result.taken.steps == ("float16",)


@pytest.mark.parametrize("name", ["vocabulary_pruning", "distilled_embedding"])
def test_wrong_calibration_set_is_caught(
    name: str, model: SavedModel, comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins.load("compressors", name), "FEWEST_TEXTS", 100)

    wrong = searched(model, comparison, tmp_path / "wrong", name, CHINESE)

    assert wrong.taken is None
    assert wrong.trials[0].loss is not None
    assert wrong.trials[0].loss.value > 0.01
    if name == "vocabulary_pruning":
        assert searched(model, comparison, tmp_path / "right", name).trials[0].passed


def test_answers_in_another_order_are_caught(model: SavedModel, comparison: Comparison) -> None:
    def shifted(loaded: Model, texts: Sequence[Text]) -> Answers:
        return loaded.predict([*texts[1:], texts[0]])

    assert not replace(comparison, answer=shifted).trial(model).passed
    assert comparison.trial(model).passed
