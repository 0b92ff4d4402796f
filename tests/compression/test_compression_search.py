"""Trials of a small n-gram model; footprints are made up, all else is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.classical.ngram_linear import NgramLinear
from goldilocks.compression.search import SearchPlan, frontier, search
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.errors import IntegrityError, MissingError
from goldilocks.records import CompressionTrial, Footprint, Measured, Part, Text
from goldilocks.testing import tiny
from goldilocks.testing.compression import calibration

FAMILY = "tfidf_linear"


def milliseconds(value: float) -> Measured:
    return Measured(value, value, value, 10, "ms")


def footprint(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
    size = sum(path.stat().st_size for path in folder.iterdir())
    return Footprint(0.1, milliseconds(1.0), milliseconds(2.0), 500.0, 10**8, size)


@pytest.fixture(scope="module")
def part() -> Part:
    return tiny.part(400, seed=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    train = tiny.part(300)
    family = plugins.load("families", FAMILY)
    fitted = family.create(family.models()[0], None, train, tiny.GOAL, seed=0)
    assert isinstance(fitted, NgramLinear)
    fitted.fit(train.texts, train.gold, seed=0)
    folder = tmp_path_factory.mktemp("model")
    fitted.save(folder)
    return SavedModel(folder, FAMILY, "native")


@pytest.fixture(scope="module")
def comparison(part: Part, model: SavedModel) -> Comparison:
    metric = plugins.load("metrics", "accuracy")
    return Comparison(part, tiny.GOAL, metric, 0.01, model.load().predict(part.texts), footprint)


def changed(model: SavedModel, folder: Path, weights: str) -> SavedModel:
    """The model with spoilt weights."""
    loaded = model.load()
    assert isinstance(loaded, NgramLinear)
    table = loaded.solution.dense().copy()
    match weights:
        case "signs of one label are flipped":
            table[:, 0] *= -1
        case "columns of two labels are swapped":
            table = table[:, [1, 0, 2]].copy()
        case "rows in another order":
            table = table[::-1].copy()
        case _:
            table[3] = np.nan
    loaded.solution = replace(loaded.solution, weights=table)
    folder.mkdir()
    loaded.save(folder)
    return replace(model, folder=folder, steps=("spoilt",))


@pytest.mark.parametrize(
    "weights", ["signs of one label are flipped", "columns of two labels are swapped", "rows in another order"]
)
def test_spoilt_weights_are_caught_by_the_gate(
    model: SavedModel, comparison: Comparison, tmp_path: Path, weights: str
) -> None:
    trial = comparison.trial(changed(model, tmp_path / "spoilt", weights))

    assert not trial.passed
    assert trial.loss is not None
    assert trial.loss.value > 0.01
    assert "95% bound), more than 0.01" in trial.reason
    assert trial.footprint is None


def test_weights_that_are_no_numbers_are_named(model: SavedModel, comparison: Comparison, tmp_path: Path) -> None:
    trial = comparison.trial(changed(model, tmp_path / "spoilt", "not a number"))

    assert not trial.passed
    assert "probabilities that are not finite numbers" in trial.reason


def test_model_that_cannot_be_read_is_a_failed_trial(comparison: Comparison, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")

    trial = comparison.trial(SavedModel(tmp_path, FAMILY, "native", ("broken",)))

    assert not trial.passed
    assert "cannot be run (KeyError" in trial.reason


def test_form_that_cannot_be_measured_is_a_failed_trial(model: SavedModel, comparison: Comparison) -> None:
    def killed(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
        raise IntegrityError("cnn: was killed while being measured; has the machine the memory for it?")

    trial = replace(comparison, measure=killed).trial(replace(model, steps=("too large",)))

    assert not trial.passed
    assert trial.reason.startswith("could not be measured (cnn: was killed")


def test_model_itself_loses_nothing(model: SavedModel, comparison: Comparison) -> None:
    trial = comparison.trial(replace(model, steps=("nothing",)))

    assert trial.passed
    assert trial.loss is not None
    assert trial.loss.value == 0
    assert trial.changed is not None
    assert trial.changed.value == 0
    assert trial.ece_change == 0


def test_too_few_rows_are_given_as_the_reason(model: SavedModel, part: Part) -> None:
    few = Part(part.texts[:50], part.gold[:50], part.rows[:50])
    metric = plugins.load("metrics", "accuracy")
    comparison = Comparison(few, tiny.GOAL, metric, 0.01, model.load().predict(few.texts), footprint)

    trial = comparison.trial(replace(model, steps=("nothing",)))

    assert not trial.passed
    assert "50 rows cannot show less, at least 268 are needed" in trial.reason


def test_steps_are_chained_and_the_smallest_that_passes_is_taken(
    model: SavedModel, comparison: Comparison, tmp_path: Path
) -> None:
    baseline = comparison.baseline(model)

    result = search(model, baseline, comparison, tmp_path, calibration=calibration())

    assert result.taken is not None
    passed = [trial for trial in result.trials if trial.passed]
    assert result.taken.steps == min(passed, key=lambda trial: trial.size_bytes).steps
    assert result.taken.steps[-1] == "int8_tables"  # a quarter of the weights' bytes, float16 half of them
    assert len({trial.steps for trial in result.trials}) == len(result.trials)
    assert dict(result.skipped)["onnx_int8"] == "it is not a neural network"
    assert result.taken.size_bytes() < baseline.size_bytes


def test_only_named_compressors_are_tried(model: SavedModel, comparison: Comparison, tmp_path: Path) -> None:
    result = search(
        model,
        comparison.baseline(model),
        comparison,
        tmp_path,
        calibration=calibration(),
        plan=SearchPlan(only=("float16",)),
    )

    assert [trial.steps for trial in result.trials] == [("float16",)]
    assert result.skipped == ()


def test_where_nothing_passes_nothing_is_taken(model: SavedModel, comparison: Comparison, tmp_path: Path) -> None:
    strict = replace(comparison, max_loss=1e-6)

    result = search(model, comparison.baseline(model), strict, tmp_path, calibration=calibration())

    assert result.taken is None
    assert all(trial.reason for trial in result.trials)


def test_where_nothing_is_faster_nothing_is_taken(model: SavedModel, comparison: Comparison, tmp_path: Path) -> None:
    result = search(
        model,
        comparison.baseline(model),
        comparison,
        tmp_path,
        calibration=calibration(),
        plan=SearchPlan("latency", ("float16",)),
    )

    assert result.trials[0].passed  # and takes 1 ms, as the original
    assert result.taken is None


def test_compressor_without_texts_and_harsher_levels_are_not_tried(
    model: SavedModel, comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressor = plugins.load("compressors", "feature_pruning")
    monkeypatch.setattr(compressor, "FEWEST_TEXTS", 10, raising=False)
    baseline = comparison.baseline(model)

    without = search(
        model,
        baseline,
        comparison,
        tmp_path / "1",
        calibration=calibration(),
        plan=SearchPlan(only=("feature_pruning",)),
    )
    assert without.trials == ()
    assert without.skipped == (
        ("feature_pruning", "it needs at least 10 unlabelled texts that are not rows of the gate, not 0"),
    )

    monkeypatch.setattr(compressor, "LEVELS", (0.9, 0.01, 0.001))
    texts = calibration([str(number) for number in range(10)])
    tried = search(
        model, baseline, comparison, tmp_path / "2", calibration=texts, plan=SearchPlan(only=("feature_pruning",))
    )
    assert [trial.passed for trial in tried.trials] == [True, False]  # 0.001 is harsher than what failed


def test_unknown_compressor_is_named(model: SavedModel, comparison: Comparison, tmp_path: Path) -> None:
    baseline = comparison.baseline(model)
    with pytest.raises(MissingError, match="No compressors plug-in is named 'int8'"):
        search(model, baseline, comparison, tmp_path, calibration=calibration(), plan=SearchPlan(only=("int8",)))


def trial(name: str, size: int, latency: float, loss: float, *, passed: bool = True) -> CompressionTrial:
    used = Footprint(0.1, milliseconds(latency), milliseconds(latency), 1.0, 1, size) if passed else None
    worse = Measured(loss, loss, loss, 10, "loss")
    return CompressionTrial((name,) if name else (), "native", used, None, worse, None, None, size, passed, "")


def test_frontier_holds_what_nothing_else_beats_in_size_latency_and_score() -> None:
    original = trial("", 100, 5.0, 0.0)
    trials = [
        trial("smaller", 50, 5.0, 0.0),  # beats the original
        trial("fast", 80, 1.0, 0.01),
        trial("worse", 80, 2.0, 0.01),  # beaten by "fast"
        trial("failed", 1, 0.1, 0.5, passed=False),
    ]

    assert frontier(original, trials) == (("smaller",), ("fast",))
