"""The compressed form of one model, with the record of how it was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from goldilocks.compression.search import SearchPlan, frontier, load_per_core, search
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.data.fingerprint import fingerprint
from goldilocks.protocols import Calibration
from goldilocks.records import Compression, CompressionTrial
from goldilocks.support.machine.hardware import machine


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the record of a compression names: metric, rows and bundle."""

    metric: str
    """File name in metrics/ of the metric whose loss is limited."""
    data: str
    """Name of the rows that the gate compares answers on."""
    parent: str = ""
    """As in ``Compression``."""


def compressed_form(
    original: SavedModel,
    comparison: Comparison,
    calibration: Calibration,
    scratch: Path,
    plan: SearchPlan,
    *,
    provenance: Provenance,
    progress: Callable[[CompressionTrial], None] = lambda _: None,
) -> tuple[Compression, SavedModel | None]:
    """Search the compressed form of a model.

    Args:
        original: The model.
        comparison: Rows of the gate, and measurement.
        calibration: Texts that compressors learn from.
        scratch: An empty folder for the models of the trials; the one that is taken is there.
        plan: What to minimise, and the compressors to try.
        provenance: What the record names.
        progress: Called after each trial, the original's first.

    Returns:
        The record, and the model that was taken; ``None``: nothing passed and improved on the original.
    """
    baseline = comparison.baseline(original)
    progress(baseline)
    result = search(
        original,
        baseline,
        comparison,
        scratch,
        calibration=calibration,
        plan=plan,
        progress=progress,
    )
    record = Compression(
        parent=provenance.parent,
        metric=provenance.metric,
        max_loss=comparison.max_loss,
        prefer=plan.prefer,
        data=provenance.data,
        data_fingerprint=fingerprint([comparison.part]),
        n=len(comparison.part),
        original=baseline,
        trials=result.trials,
        skipped=result.skipped,
        chosen=result.taken.steps if result.taken else (),
        frontier=frontier(baseline, result.trials),
        machine=f"{machine().name} ({machine().cores} cores)",
        load=load_per_core(),
        n_texts=len(calibration.texts),
    )
    return record, result.taken
