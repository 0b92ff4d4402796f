"""What compressing a model gained and cost: every trial, and what was taken."""

from __future__ import annotations

from dataclasses import dataclass

from goldilocks.records.footprint import Footprint
from goldilocks.records.items import Measured


@dataclass(frozen=True, slots=True)
class CompressionTrial:
    """One compressed form of a model, measured against the original on the same rows."""

    steps: tuple[str, ...]
    """Compressors applied, in order, e.g. ``("feature_pruning 0.25", "int8_tables")``; the last is what was tried."""
    engine: str
    """File name in engines/."""
    footprint: Footprint | None
    """Size, latency, throughput and memory in a process of its own; ``None``: it failed the gate, so they were not
    measured."""
    score: Measured | None
    """The metric on the rows; ``None``: the compressed model could not be run."""
    loss: Measured | None
    """How much worse the metric is than the original's on the same rows, in the metric's unit: ``value``, and the 5 %
    and 95% bounds ``low`` and ``high``. ``high`` is what the gate compares with ``max_loss``."""
    changed: Measured | None
    """Share of rows with another answer than the original's, with its 95% interval."""
    ece_change: float | None
    """Expected calibration error less the original's; ``None``: the model states no confidence."""
    size_bytes: int
    passed: bool
    """Whether it is not inferior by more than ``max_loss``."""
    reason: str
    """Why it failed, or was not taken; empty where it was."""
    family: str = ""
    """File name in families/ of what restores the model; empty: that of the original (records of earlier versions)."""
    temperature: float | None = None
    """What the logits were divided by after compression, fitted on the rows; ``None``: they are as compressed."""
    cost: float | None = None
    """Money per month, in a search that prices its trials (``goldilocks select``); ``None`` also where it failed."""
    j: float | None = None
    """``cost`` + α · loss on the rows, money per month."""
    ece_change_before: float | None = None
    """``ece_change`` before that; ``None``: the temperature was not fitted."""


@dataclass(frozen=True, slots=True)
class Compression:
    """How a compressed model came about."""

    parent: str
    """SHA-256 of the original's ``bundle.json``; empty: compressed while it was selected, so that there was none."""
    metric: str
    """File name in metrics/ of the metric that had to be kept."""
    max_loss: float
    """Maximum loss of that metric, in its own unit; the one-sided 95% bound is compared with it."""
    prefer: str
    """What was minimised among the trials that passed: ``size``, ``latency`` or ``J``."""
    data: str
    """Name of the rows that the trials were measured on."""
    data_fingerprint: str
    """Of these rows."""
    n: int
    """Number of these rows."""
    original: CompressionTrial
    """The model as it was, without steps."""
    trials: tuple[CompressionTrial, ...]
    skipped: tuple[tuple[str, str], ...]
    """Compressors that were not tried, and why."""
    chosen: tuple[str, ...]
    """Steps of the trial that was taken; empty: none passed."""
    frontier: tuple[tuple[str, ...], ...]
    """Steps of the trials (the original has none) that no other passing trial beats in size, latency and score."""
    machine: str
    load: float | None
    """Load average of the machine over the last minute, divided by its cores, when the trials ended: above about 1,
    times were measured on a busy machine."""
    n_texts: int = 0
    """Unlabelled texts that pruning and distillation learned from."""

    @property
    def taken(self) -> CompressionTrial | None:
        """The trial that was taken."""
        return next((trial for trial in self.trials if self.chosen and trial.steps == self.chosen), None)


@dataclass(frozen=True, slots=True)
class CompressedCandidate:
    """A finished candidate that was compressed before the test set was opened."""

    candidate: str
    compression: Compression
    seconds: float
    """Wall clock of all its trials; part of its tuning cost."""
    predictions: str = ""
    """File with the validation answers of the form that was taken, relative to the run's folder; empty: none was."""
    predictions_sha256: str = ""
    """Of that file; empty in runs of older versions."""
    model_sha256: str = ""
    """Over the files of the form (``support.files.sha256_of_folder``)."""
