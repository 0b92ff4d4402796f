"""Calibration after compression: one temperature, fitted on the rows of the gate, divides the model's logits.

It moves probabilities, not the most probable label. Where answers follow costs of errors they may change; then the gate
decides again. One parameter is fitted on rows that are also those of the measured calibration error, which is therefore
slightly optimistic (with 300 rows or more hardly).

Source:
    Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from goldilocks.answers import Answers, logits_of
from goldilocks.classical.ngram_linear import fitted_temperature, fitted_temperature_each
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.protocols import SupportsTemperature
from goldilocks.records import CompressionTrial, Output, Part

_NEARLY_ONE = 0.02
"""A temperature this close to 1 changes nothing that matters."""


def recalibrated(
    model: SavedModel, trial: CompressionTrial, comparison: Comparison, folder: Path
) -> tuple[SavedModel, CompressionTrial] | None:
    """The model with its temperature fitted again, and its trial; ``None`` where it has none, or it changes nothing.

    Args:
        model: A compressed model that passed the gate.
        trial: Its trial; the footprint is taken over, since a division costs no time.
        comparison: Rows and gate.
        folder: Where to write the model; must not exist.
    """
    loaded = model.load()
    if comparison.goal.output is not Output.LABEL or not isinstance(loaded, SupportsTemperature):
        return None
    temperature = temperature_of(
        comparison.answer(loaded, comparison.part.texts), comparison.part, several=comparison.goal.several
    )
    if abs(temperature - 1) < _NEARLY_ONE or not loaded.divide_logits(temperature):
        return None
    shutil.copytree(model.folder, folder)
    loaded.save(folder)
    fitted = replace(model, folder=folder)
    again = comparison.trial(fitted, footprint=trial.footprint)
    if not again.passed:
        return None
    return fitted, replace(again, temperature=temperature, ece_change_before=trial.ece_change)


def temperature_of(answers: Answers, part: Part, *, several: bool) -> float:
    """What the logits of probabilities must be divided by for the least log loss of the gold answers."""
    number = {label: place for place, label in enumerate(answers.labels)}
    logits = logits_of(answers.probabilities, several=several)
    if not several:
        return fitted_temperature(logits, np.array([number[str(gold)] for gold in part.gold]))
    table = np.zeros(logits.shape, dtype=np.int64)
    for row, gold in enumerate(part.gold):
        assert isinstance(gold, tuple)
        table[row, [number[str(label)] for label in gold]] = 1
    return fitted_temperature_each(logits, table)
