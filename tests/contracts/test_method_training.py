from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.protocols import DeclinesOutputs
from goldilocks.records import Candidate, ModelInfo, Output, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.testing.contracts import alike, check_restores
from goldilocks.testing.method_training import check_method_trains, teacher_for
from goldilocks.tuning.run import Run, RunSetup

_CONFIG = TrainingConfig(epochs=1, learning_rate=1e-4, head_learning_rate=1e-3)
TRAINED = [name for name in plugins.names("methods") if plugins.load("methods", name).training_config(_CONFIG)]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    result = {"bert": tiny.encoder_folder(folder / "bert"), "gemma": tiny.decoder_folder(folder / "gemma")}
    result["modernbert"] = tiny.hub_encoder_folder(folder / "modernbert")
    return result


@pytest.mark.parametrize("model", ["bert", "modernbert", "gemma"])
@pytest.mark.parametrize("name", TRAINED)
def test_method_trains_as_promised(name: str, model: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    checkpoint = checkpoints[model]
    info = described(checkpoint)
    method = plugins.load("methods", name)
    reason = method.incompatibility(info)
    if reason is not None:
        pytest.skip(reason)
    with skipped_if_refused():
        check_method_trains(name, info, checkpoint, tmp_path)


@contextmanager
def skipped_if_refused() -> Iterator[None]:
    """Some misfits are known only once the model is loaded; a refusal must name a method that can be used."""
    try:
        yield
    except InputError as error:
        if "; use `" not in str(error):
            raise
        pytest.skip(str(error))


_CASES = [case for case in tiny.cases([Output.TAGS, Output.SPAN, Output.SCORE, Output.LABEL]) if case.name != "zh"]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("name", [name for name in TRAINED if name != "scratch"])
def test_method_trains_every_kind_of_answer(
    name: str, case: tiny.Case, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    checkpoint = checkpoints["bert"]
    info, method, family = described(checkpoint), plugins.load("methods", name), plugins.load("families", "encoder")
    if isinstance(method, DeclinesOutputs) and method.declined(case.goal.output):
        pytest.skip(str(method.declined(case.goal.output)))
    part = case.part.take(list(range(16)))
    work = Workload(16, 30, 6, 3, output=case.goal.output)
    config = method.training_config(TrainingConfig(epochs=1, learning_rate=1e-4, head_learning_rate=1e-3))
    setup = RunSetup(checkpoint, work, seed=0, config=config, teacher=teacher_for(part))
    run = Run(Candidate(info, name), part, case.goal, setup)
    with skipped_if_refused():
        run.advance(1.0)
    model = run.model
    assert len(model.predict(part.texts)) == 16
    assert alike(model.predict(part.texts[:1]), run.predict(part.texts[:1])) < 1e-3
    check_restores(model, family.restore, part.texts, tmp_path / "model")


def described(checkpoint: Path) -> ModelInfo:
    for family in ("encoder", "decoder"):
        info = plugins.load("families", family).describe(checkpoint, str(checkpoint))
        if info is not None:
            return info
    raise AssertionError(f"no family reads {checkpoint}")
