from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.protocols import Model, OneShotEstimator
from goldilocks.records import Output
from goldilocks.testing import tiny
from goldilocks.testing.compression import CompressionCase, check_compressor

FAMILIES = ("majority", "naive_bayes", "tfidf_linear", "cnn", "crf", "encoder", "decoder")


def _maker(family: str, checkpoint: Path, case: tiny.Case) -> Callable[[], Model]:
    plugin = plugins.load("families", family)
    info = plugin.models()[0] if plugin.models() else plugin.describe(checkpoint, str(checkpoint))
    assert info is not None

    def make() -> Model:
        model = plugin.create(info, checkpoint, case.part, case.goal, seed=0)
        if isinstance(model, OneShotEstimator):
            model.fit(case.part.texts, case.part.gold, seed=0)
        return model

    return make


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[CompressionCase]:
    """Models that are fitted, and networks that are not trained, for every kind of answer they give."""
    folder = tmp_path_factory.mktemp("checkpoints")
    encoder, decoder = tiny.encoder_folder(folder / "tiny-encoder"), tiny.decoder_folder(folder / "tiny-decoder")
    made = []
    for family in FAMILIES:
        outputs = plugins.load("families", family).OUTPUTS & {Output.LABEL, Output.TAGS, Output.SPAN, Output.SCORE}
        for case in tiny.cases(outputs):
            if case.name == "en" or (case.name != "zh" and family != "decoder"):  # "zh" is as "en" to a compressor
                texts = (*case.part.texts[:8], *case.odd)
                make = _maker(family, decoder if family == "decoder" else encoder, case)
                name = f"{family} {case.name}"
                # A decoder of random weights, prompted: its scores are those of many steps, and no weight is redundant.
                change = 0.3 if family == "decoder" else 0.05
                made.append(CompressionCase(name, family, make, texts, case.goal, case.part.texts, change))
    return made


@pytest.mark.parametrize("name", plugins.names("compressors"))
def test_compressor_keeps_its_contract(name: str, cases: list[CompressionCase], tmp_path: Path) -> None:
    compressor = plugins.load("compressors", name)
    engine = plugins.load("engines", compressor.ENGINE)
    if engine.unavailable():
        pytest.skip(str(engine.unavailable()))

    assert check_compressor(compressor, cases, tmp_path), f"{name} fits none of the models there are to try it on"
