"""The engine of a compressed model is the fastest that passes the gate; footprints are made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")

from goldilocks import plugins
from goldilocks.compression import engine_choice
from goldilocks.compression.search import SearchPlan, search
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.nets.network import Network
from goldilocks.records import Footprint, Measured, Output, Text
from goldilocks.testing import tiny
from goldilocks.testing.compression import calibration

CASE = next(case for case in tiny.cases({Output.LABEL}) if case.name == "en")
ROWS = tiny.part(300, seed=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    folder = tmp_path_factory.mktemp("model")
    family = plugins.load("families", "encoder")
    checkpoint = tiny.encoder_folder(folder / "checkpoint")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    cast(Network, family.create(info, checkpoint, CASE.part, CASE.goal, seed=0)).save(folder / "saved")
    return SavedModel(folder / "saved", "encoder", "native")


def comparison(model: SavedModel, milliseconds: dict[str, tuple[float, float]]) -> Comparison:
    def footprint(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
        low, high = milliseconds[engine]
        time = Measured((low + high) / 2, low, high, 10, "ms")
        return Footprint(0.1, time, time, 500.0, 10**8, sum(path.stat().st_size for path in folder.iterdir()))

    metric = plugins.load("metrics", "accuracy")
    return Comparison(ROWS, tiny.GOAL, metric, 0.02, model.load().predict(ROWS.texts), footprint)


class _Other:
    """An engine that runs graphs in some other way."""

    READS = "onnxruntime"

    def unavailable(self) -> str | None:
        return None

    def incompatibility(self, model: object) -> str | None:
        return None

    def load(self, folder: Path, family: str) -> object:
        return plugins.load("engines", "onnxruntime").load(folder, family)


@pytest.mark.parametrize(
    ("other", "engine"), [((1.0, 1.5), "other"), ((1.0, 2.5), "onnxruntime"), ((3.0, 4.0), "onnxruntime")]
)
def test_faster_engine_is_taken_where_the_intervals_do_not_overlap(
    model: SavedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: tuple[float, float], engine: str
) -> None:
    load = plugins.load
    monkeypatch.setattr(plugins, "names", lambda shelf: ["native", "onnxruntime", "other"])
    monkeypatch.setattr(plugins, "load", lambda shelf, name: _Other() if name == "other" else load(shelf, name))
    judged = comparison(model, {"native": (9.0, 10.0), "onnxruntime": (2.0, 2.8), "other": other})
    baseline = judged.baseline(model)

    result = search(
        model,
        baseline,
        judged,
        tmp_path,
        calibration=calibration(("a text",) * 5),
        plan=SearchPlan("latency", ("onnx_float32",)),
    )

    assert result.taken is not None
    assert result.taken.engine == engine
    assert result.trials[-1].steps == ("onnx_float32", "on other")  # tried and recorded either way


def test_engines_that_cannot_run_are_listed_with_the_reason(model: SavedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")

    able, reasons = engine_choice.alternatives(model)

    assert able == {}
    assert "there is no C++ compiler" in reasons["engine torch_compile"]


def test_trial_that_fails_the_gate_is_never_faster(model: SavedModel) -> None:
    judged = comparison(model, {"native": (1.0, 2.0)})
    baseline = judged.baseline(model)
    quick = replace(
        baseline, footprint=replace(cast(Footprint, baseline.footprint), latency_p50_ms=Measured(0, 0, 0, 1, "ms"))
    )

    assert engine_choice.is_faster(quick, baseline)
    assert not engine_choice.is_faster(replace(quick, passed=False), baseline)
