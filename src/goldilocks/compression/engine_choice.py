"""Which engine runs a model: each that can is measured on this machine, in a process of its own.

An engine replaces the one that a model was written for only where its answers pass the gate, and its median latency is
lower by more than the measurements' intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from goldilocks import plugins
from goldilocks.compression.trial import Comparison, SavedModel, failed
from goldilocks.errors import GoldilocksError
from goldilocks.protocols import Engine, Model, ReadsFolders
from goldilocks.records import CompressionTrial


def alternatives(model: SavedModel) -> tuple[dict[str, Engine], dict[str, str]]:
    """Engines other than its own that can run a model, by name; and those that could, but are not installed here, with
    the reason.
    """
    able: dict[str, Engine] = {}
    missing: dict[str, str] = {}
    loaded: Model | None = None
    for name in plugins.names("engines"):
        engine = plugins.load("engines", name)
        if not isinstance(engine, ReadsFolders) or model.engine != engine.READS:
            continue
        loaded = model.load() if loaded is None else loaded
        if engine.incompatibility(loaded) is not None:
            continue
        reason = engine.unavailable()
        if reason is None:
            able[name] = engine
        else:
            missing[f"engine {name}"] = reason
    return able, missing


def trials_of(
    model: SavedModel, names: dict[str, Engine], comparison: Comparison
) -> Iterator[tuple[SavedModel, CompressionTrial]]:
    """The model on each of these engines, measured."""
    for name in names:
        tried = replace(model, engine=name, steps=(*model.steps, f"on {name}"))
        try:
            trial = comparison.trial(tried)
        except GoldilocksError as error:  # it answered, but took too long or too much memory to be measured
            trial = failed(tried, f"could not be measured ({' '.join(str(error).split())})")
        yield tried, trial


def is_faster(trial: CompressionTrial, other: CompressionTrial) -> bool:
    """Whether a trial that passed has a lower median latency than another, with intervals that do not overlap."""
    if not trial.passed or trial.footprint is None or other.footprint is None:
        return False
    return trial.footprint.latency_p50_ms.high < other.footprint.latency_p50_ms.low
