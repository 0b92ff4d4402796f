"""What every compressor and engine must do; see ``testing/contracts``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from goldilocks import plugins
from goldilocks.compression.distil import SeededDistil
from goldilocks.compression.search import KINDS
from goldilocks.errors import GoldilocksError
from goldilocks.protocols import (
    Calibration,
    ChangesFamily,
    ChoosesStudents,
    Compressor,
    Engine,
    Model,
    NeedsTexts,
    PretrainedModel,
    ReadsFolders,
)
from goldilocks.records import Goal, Text, TrainingConfig
from goldilocks.testing import tiny
from goldilocks.testing.contracts import PICKLES, check_answers

_QUANTISED = 0.05
"""Largest change of a score that quantising a small model may make."""


@dataclass(frozen=True, slots=True)
class CompressionCase:
    """A model to try compressors on."""

    name: str
    family: str
    make: Callable[[], Model]
    """Makes it again, since compressing may change it."""
    texts: tuple[Text, ...]
    goal: Goal
    training_texts: tuple[Text, ...] = ()
    """What the model was trained on: the calibration texts."""
    most_change: float = _QUANTISED
    """Largest change of a probability that quantising it may make."""


def calibration(texts: Sequence[Text] = (), *, most_epochs: float = 1.0) -> Calibration:
    """Calibration texts, with training that is cut short."""

    def distil(student: Any, teacher: Any, texts: Sequence[Text], config: TrainingConfig) -> None:
        SeededDistil()(student, teacher, texts, replace(config, epochs=min(config.epochs, most_epochs)))

    return Calibration(tuple(texts), distil)


def pretrained(folder: Path, *, width: int = 16) -> PretrainedModel:
    """An encoder with one layer, smaller than those of the cases, as a student to start from."""
    info = plugins.load("families", "encoder").describe(tiny.encoder_folder(folder, width=width, depth=1), str(folder))
    assert info is not None
    return PretrainedModel(info, lambda: folder)


def check_compressor(compressor: Compressor, cases: Sequence[CompressionCase], folder: Path) -> list[str]:
    """What it writes of each model that it does not decline runs on its engine and answers as a model must.

    Args:
        compressor: The plug-in.
        cases: Small models.
        folder: An empty folder to write to.

    Returns:
        Names of the cases that it could be tried on.
    """
    assert compressor.KIND in KINDS, f"KIND is {compressor.KIND!r}"
    assert compressor.ENGINE in plugins.names("engines"), f"ENGINE is {compressor.ENGINE!r}, no file in engines/"
    levels = compressor.LEVELS
    assert levels, "LEVELS is empty; (1.0,) where there is nothing to choose"
    assert all(0 < level <= 1 for level in levels), f"LEVELS are {levels}; shares kept, above 0 and up to 1"
    assert list(levels) == sorted(set(levels), reverse=True), f"LEVELS are {levels}; mildest first, none twice"
    assert compressor.SOURCE.strip(), "SOURCE is empty"
    if isinstance(compressor, NeedsTexts):
        assert compressor.FEWEST_TEXTS > 0, "FEWEST_TEXTS is 0; leave it out"
    tried = []
    for case in cases:
        reason = compressor.incompatibility(case.make())
        assert reason is None or reason.strip(), f"{case.name}: declined without a reason"
        if reason is None:
            tried.append(case.name)
            for level in levels:
                _check_compressed(compressor, case, level, folder / f"{case.name} {level:g}")
    return tried


def _check_compressed(compressor: Compressor, case: CompressionCase, level: float, folder: Path) -> None:
    folder.mkdir(parents=True)
    given = calibration(case.training_texts)
    if isinstance(compressor, ChoosesStudents):
        given = replace(given, pretrained=(pretrained(folder.with_name(f"{folder.name} student")),))
        assert compressor.students(case.make(), given.pretrained) == list(given.pretrained)
        assert not compressor.students(case.make(), ())
    compressor.compress(case.make(), level, folder, given)
    for path in folder.rglob("*"):
        assert path.suffix not in PICKLES, f"{path.name}: no pickles"
    family = compressor.FAMILY if isinstance(compressor, ChangesFamily) else case.family
    model = plugins.load("engines", compressor.ENGINE).load(folder, family)
    original = case.make()
    assert model.labels == original.labels, f"{case.name}: labels are {model.labels}, were {original.labels}"
    check_answers(model, case.texts, case.goal)
    if compressor.KIND == "quantise":
        before, after = original.predict(case.texts), model.predict(case.texts)
        table, other = before.probabilities, after.probabilities
        worst = float(np.abs(table - other).max(initial=0.0))
        assert worst < case.most_change, f"{case.name}: a probability changed by {worst:.2g}"


def check_engine(engine: Engine, name: str, folder: Path, compressors: Sequence[Compressor]) -> None:
    """It says in words why it cannot run, reads nothing from an empty folder, and serves a compressor or the families.

    Args:
        engine: The plug-in.
        name: Its file name.
        folder: An empty folder.
        compressors: All of them.
    """
    reason = engine.unavailable()
    assert reason is None or reason.strip(), "unavailable gives an empty reason"
    made_for = any(name == compressor.ENGINE for compressor in compressors)
    assert name == "native" or made_for or isinstance(engine, ReadsFolders), "nothing is made for it"
    if isinstance(engine, ReadsFolders):
        assert engine.READS in plugins.names("engines"), f"READS is {engine.READS!r}, no file in engines/"
    try:
        engine.load(folder, "naive_bayes")
    except (GoldilocksError, OSError, ValueError, KeyError):
        return
    raise AssertionError("load reads a model from an empty folder")
