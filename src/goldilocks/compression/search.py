"""Which compressors to apply: a greedy chain in which every step is a trial against the original.

Distillation first, then pruning, vocabulary and quantisation, each from the model that the step before left. Of a
step's alternatives the one is taken that is smallest (or fastest, as asked) among those that pass the gate; where none
improves on the current model, the step is left out. Losses do not add up unseen, because every trial is compared with
the original. Once a level of a compressor fails, its harsher levels are not tried: they could pass by chance only.
Last, the engines that can run the model are measured, and the fastest is taken (``engine_choice``).

The gate holds for each trial separately. With k trials, an inferior one passes with a probability of up to k times 5 %;
the score of what was taken is therefore slightly optimistic on these rows, and a test set is still needed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from goldilocks import plugins
from goldilocks.compression.engine_choice import alternatives, is_faster, trials_of
from goldilocks.compression.temperature import recalibrated
from goldilocks.compression.trial import Comparison, SavedModel, failed
from goldilocks.errors import GoldilocksError
from goldilocks.protocols import Calibration, ChangesFamily, ChoosesStudents, Compressor, Model, NeedsTexts
from goldilocks.records import CompressionTrial
from goldilocks.support.machine.hardware import cores

KINDS = ("distil", "prune", "vocabulary", "quantise")
"""In this order."""
PREFERENCES = {"size": "smaller", "latency": "faster"}
"""What a user may prefer, and what a form is that has less of it; ``J`` is for searches
that price their trials (``Comparison.price``)."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """All trials, and the model that was taken."""

    trials: tuple[CompressionTrial, ...]
    skipped: tuple[tuple[str, str], ...]
    """Compressor, and why it was not tried."""
    taken: SavedModel | None
    """``None``: no trial passed and improved on the original."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What a search minimises, and which compressors it tries."""

    prefer: str = "size"
    """What to minimise among the trials that pass: ``size``, ``latency`` (median of one text) or ``J``."""
    only: tuple[str, ...] = ()
    """File names in compressors/; empty: all."""
    announce: Callable[[str], None] = lambda _: None
    """Called with the name of each form, such as ``prune 0.5``, before it is made."""


def search(
    original: SavedModel,
    baseline: CompressionTrial,
    comparison: Comparison,
    scratch: Path,
    *,
    calibration: Calibration,
    plan: SearchPlan = SearchPlan(),
    progress: Callable[[CompressionTrial], None] = lambda _: None,
) -> SearchResult:
    """Try the compressors, fit the temperature of the model that is taken, and choose its engine.

    Args:
        original: The model; its folder is read only.
        baseline: The original's own measurements.
        comparison: Rows, metric, margin and measurement.
        scratch: An empty folder; each trial's model stays there.
        calibration: Texts that none of the rows is among, for compressors that need some.
        plan: What to minimise, and the compressors to try.
        progress: Called after each trial.

    Raises:
        MissingError: the plan names a compressor that there is not.
    """
    compressors = {name: plugins.load("compressors", name) for name in plan.only or plugins.names("compressors")}
    chain = _Chain(original, baseline, comparison, scratch, calibration, plan, progress)
    for kind in KINDS:
        chain.apply({name: compressor for name, compressor in compressors.items() if kind == compressor.KIND})
    if chain.model is not original:
        chain.recalibrate()
    # Another engine makes nothing smaller, and compiling for one takes a minute.
    if chain.model.engine != "native" or plan.prefer == "latency":
        chain.choose_engine()
    taken = None if chain.model is original else chain.model
    return SearchResult(tuple(chain.trials), tuple(chain.skipped.items()), taken)


@dataclass(slots=True)
class _Chain:
    """The model that the steps so far have led to, and every trial on the way."""

    model: SavedModel
    measured: CompressionTrial
    """Measurements of ``model``."""
    comparison: Comparison
    scratch: Path
    calibration: Calibration
    plan: SearchPlan
    progress: Callable[[CompressionTrial], None]
    trials: list[CompressionTrial] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Compressor -> why it was not tried."""

    def apply(self, compressors: Mapping[str, Compressor]) -> None:
        """Try the compressors of one kind on the model, and go on from the best form that passes and improves on it."""
        base = self.model
        loaded = base.load()
        for name, compressor in compressors.items():
            reason = _not_applicable(compressor, base, loaded, self.calibration)
            if reason:
                self.skipped[name] = reason
                continue
            folder = self.scratch / f"{len(self.trials):03d}"
            for form, problem in _levels(name, compressor, base, folder, self.calibration, self.plan):
                trial = failed(form, problem) if problem else self.comparison.trial(form)
                self._record(trial)
                if not trial.passed:
                    break
                if self._improves(trial):
                    self.model, self.measured = form, trial

    def recalibrate(self) -> None:
        """Fit the temperature of the model; its trial is replaced by one of the recalibrated form."""
        place = self.trials.index(self.measured)
        fitted = recalibrated(self.model, self.measured, self.comparison, self.scratch / "recalibrated")
        if fitted is not None:
            self.model, self.measured = fitted
            self.trials[place] = self.measured
            self.progress(self.measured)

    def choose_engine(self) -> None:
        """Measure the engines that can run the model, and take the fastest."""
        engines, missing = alternatives(self.model)
        self.skipped |= missing
        for form, trial in trials_of(self.model, engines, self.comparison):
            self._record(trial)
            if (self.plan.prefer != "J" or self._improves(trial)) and is_faster(trial, self.measured):
                self.model, self.measured = form, trial

    def _record(self, trial: CompressionTrial) -> None:
        self.trials.append(trial)
        self.progress(trial)

    def _improves(self, trial: CompressionTrial) -> bool:
        return _measure_of(trial, self.plan.prefer) < _measure_of(self.measured, self.plan.prefer)


def _not_applicable(compressor: Compressor, base: SavedModel, model: Model, calibration: Calibration) -> str | None:
    if base.engine != "native":
        return f"the model runs on {base.engine} already; only models in their family's own form are compressed"
    reason = plugins.load("engines", compressor.ENGINE).unavailable() or compressor.incompatibility(model)
    n_texts = len(calibration.texts)
    if reason is None and isinstance(compressor, NeedsTexts) and n_texts < compressor.FEWEST_TEXTS:
        return (
            f"it needs at least {compressor.FEWEST_TEXTS} unlabelled texts that are not rows of the gate, not {n_texts}"
        )
    if (
        reason is None
        and isinstance(compressor, ChoosesStudents)
        and not compressor.students(model, calibration.pretrained)
    ):
        return (
            f"none of the {len(calibration.pretrained)} pretrained models at hand is a smaller one to start from; name "
            "one with --student, or under candidates.models of a task file"
        )
    return reason


def _levels(
    name: str, compressor: Compressor, base: SavedModel, scratch: Path, calibration: Calibration, plan: SearchPlan
) -> Iterator[tuple[SavedModel, str]]:
    """The model at each level, mildest first, and why it could not be made."""
    for number, (step, level, given) in enumerate(_variants(name, compressor, base, calibration)):
        model = replace(base, folder=scratch / str(number), engine=compressor.ENGINE, steps=(*base.steps, step))
        if isinstance(compressor, ChangesFamily):
            model = replace(model, family=compressor.FAMILY)
        model.folder.mkdir(parents=True)
        plan.announce(step)
        try:
            compressor.compress(base.load(), level, model.folder, given)
        except (GoldilocksError, RuntimeError, ValueError) as error:
            yield model, f"could not be made ({type(error).__name__}: {' '.join(str(error).split())})"
            continue
        yield model, ""


def _variants(
    name: str, compressor: Compressor, base: SavedModel, calibration: Calibration
) -> Iterator[tuple[str, float, Calibration]]:
    """Name of the step, level, and what is learnt from: one for each level, or for each student."""
    if isinstance(compressor, ChoosesStudents):
        for student in compressor.students(base.load(), calibration.pretrained):
            yield f"{name} {student.info.name}", 1.0, replace(calibration, pretrained=(student,))
        return
    for level in compressor.LEVELS:
        yield (name if compressor.LEVELS == (1.0,) else f"{name} {level:g}"), level, calibration


def _measure_of(trial: CompressionTrial, prefer: str) -> float:
    if prefer == "J":
        return math.inf if trial.j is None else trial.j
    if prefer == "size" or trial.footprint is None:
        return float(trial.size_bytes)
    return trial.footprint.latency_p50_ms.value


def frontier(baseline: CompressionTrial, trials: Sequence[CompressionTrial]) -> tuple[tuple[str, ...], ...]:
    """Steps of those that passed and that no other is at least equal to in size, latency and score, and better in one.

    Args:
        baseline: The original, which takes part.
        trials: All of them.
    """
    points = {
        trial.steps: (trial.size_bytes, trial.footprint.latency_p50_ms.value, trial.loss.value if trial.loss else 0.0)
        for trial in (baseline, *trials)
        if trial.passed and trial.footprint
    }
    return tuple(steps for steps, point in points.items() if not any(_beats(other, point) for other in points.values()))


def _beats(candidate: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return candidate != other and all(mine <= theirs for mine, theirs in zip(candidate, other, strict=True))


def load_per_core() -> float | None:
    """Load average of the last minute divided by the cores; ``None``: this system does not say."""
    try:
        return round(os.getloadavg()[0] / cores(), 2)
    except OSError:
        return None
