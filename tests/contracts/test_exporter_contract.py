from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.protocols import HasPrecisions, Model, OneShotEstimator
from goldilocks.records import ExportSettings
from goldilocks.testing import tiny


def _model(family: str, case: tiny.Case, checkpoint: Path) -> Model:
    plugin = plugins.load("families", family)
    info = plugin.models()[0] if plugin.models() else plugin.describe(checkpoint, str(checkpoint))
    assert info is not None
    model = plugin.create(info, checkpoint, case.part, case.goal, seed=0)
    if isinstance(model, OneShotEstimator):
        model.fit(case.part.texts, case.part.gold, seed=0)
    return model


@pytest.mark.parametrize("name", plugins.names("exporters"))
def test_exporter_keeps_its_contract(name: str, tmp_path: Path) -> None:
    """It writes at least one of these models and says how it is used, and declines the others with a reason."""
    exporter = plugins.load("exporters", name)
    missing = exporter.unavailable()
    assert missing is None or "pip install" in missing
    if missing:
        pytest.skip(missing)
    encoder = tiny.encoder_folder(tmp_path / "checkpoints" / "encoder")
    decoder = tiny.decoder_folder(tmp_path / "checkpoints" / "decoder", kind="llama")
    written = 0
    for family, checkpoint in (("naive_bayes", encoder), ("cnn", encoder), ("encoder", encoder), ("decoder", decoder)):
        wanted = "text" if family == "decoder" else "en"
        case = next(case for case in tiny.cases(plugins.load("families", family).OUTPUTS) if case.name == wanted)
        model = _model(family, case, checkpoint)
        reason = exporter.incompatibility(model)
        assert reason is None or (reason.strip() and "\n" not in reason), f"{family}: declined without a reason"
        if reason is None:
            folder = tmp_path / family
            folder.mkdir()
            precision = exporter.PRECISIONS[0] if isinstance(exporter, HasPrecisions) else ""
            exported = exporter.export(model, ExportSettings(name="model", precision=precision), folder)
            assert exported.loaded_by
            assert exported.usage.startswith("## How to use")
            assert any(folder.iterdir())
            written += 1
    assert written, "it writes none of the models there are to try it on"
