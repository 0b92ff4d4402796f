"""One trial: compress a model, let it answer the rows, compare it with the original, and measure what passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.compression.gate import changed_share, fewest_rows, paired_loss
from goldilocks.errors import GoldilocksError, IntegrityError
from goldilocks.evaluation.calibration import calibration
from goldilocks.evaluation.score import measured
from goldilocks.protocols import Metric, Model
from goldilocks.records import CompressionTrial, Footprint, Goal, Measured, Part, Text

Measure = Callable[[str, str, Path, Sequence[Text]], Footprint]
"""(family, engine, folder, texts) -> what the model in the folder needs, in a process of its own."""


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A model on disk, and how it came about."""

    folder: Path
    family: str
    engine: str
    steps: tuple[str, ...] = ()

    def load(self) -> Model:
        """The model, ready for inference."""
        return plugins.load("engines", self.engine).load(self.folder, self.family)

    def size_bytes(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@dataclass(frozen=True, slots=True)
class Comparison:
    """What every trial of a model is measured on and against."""

    part: Part
    goal: Goal
    metric: Metric
    max_loss: float
    original: Answers
    """Answers of the original to the rows."""
    measure: Measure
    answer: Callable[[Model, Sequence[Text]], Answers] = lambda model, texts: model.predict(texts)
    """How a model's predictions become answers, as they did for ``original``."""
    seed: int = 0
    price: Callable[[Answers, Footprint], tuple[float, float]] | None = None
    """Answers to the rows and footprint -> cost and J, money per month; ``None``: trials have no price."""

    def trial(self, model: SavedModel, *, footprint: Footprint | None = None) -> CompressionTrial:
        """Compare a model with the original; its footprint, unless it is given, is measured where it passes."""
        try:
            answers = _finite(self.answer(model.load(), self.part.texts))
        except (GoldilocksError, RuntimeError, ValueError, KeyError, TypeError) as error:
            return failed(model, f"cannot be run ({type(error).__name__}: {' '.join(str(error).split())})")
        loss = paired_loss(self.metric, self.part.gold, self.original.values, answers.values, seed=self.seed)
        passed = loss.high <= self.max_loss
        if passed and footprint is None:
            try:
                footprint = self.measure(model.family, model.engine, model.folder, self.part.texts)
            except GoldilocksError as error:  # it answered here, but not in a process of its own
                return failed(model, f"could not be measured ({' '.join(str(error).split())})")
        return CompressionTrial(
            steps=model.steps,
            engine=model.engine,
            footprint=footprint if passed else None,
            score=measured(self.metric, self.part.gold, answers.values, seed=self.seed),
            loss=loss,
            changed=changed_share(self.original.values, answers.values),
            ece_change=self._ece_change(answers),
            size_bytes=model.size_bytes(),
            passed=passed,
            reason="" if passed else self._why_not(loss),
            family=model.family,
            **self._priced(answers, footprint if passed else None),
        )

    def baseline(self, model: SavedModel) -> CompressionTrial:
        """The original itself."""
        answers = self.original
        footprint = self.measure(model.family, model.engine, model.folder, self.part.texts)
        return CompressionTrial(
            steps=(),
            engine=model.engine,
            footprint=footprint,
            score=measured(self.metric, self.part.gold, answers.values, seed=self.seed),
            loss=None,
            changed=None,
            ece_change=None,
            size_bytes=model.size_bytes(),
            passed=True,
            reason="",
            family=model.family,
            **self._priced(answers, footprint),
        )

    def _priced(self, answers: Answers, footprint: Footprint | None) -> dict[str, float]:
        if self.price is None or footprint is None:
            return {}
        cost, j = self.price(answers, footprint)
        return {"cost": cost, "j": j}

    def _ece_change(self, answers: Answers) -> float | None:
        before, after = (
            calibration(side, self.part.gold, self.goal, seed=self.seed) for side in (self.original, answers)
        )
        return after.ece.value - before.ece.value if before and after else None

    def _why_not(self, loss: Measured) -> str:
        words = f"its loss may be {loss.high:.4f} (95% bound), more than {self.max_loss:g}"
        fewest = fewest_rows(self.max_loss)
        few = loss.n < fewest and 0 < self.max_loss < 1
        return f"{words}; {loss.n} rows cannot show less, at least {fewest} are needed" if few else words


def failed(model: SavedModel, reason: str) -> CompressionTrial:
    """A trial that gave no answers."""
    size = model.size_bytes() if model.folder.exists() else 0
    return CompressionTrial(model.steps, model.engine, None, None, None, None, None, size, False, reason)


def _finite(answers: Answers) -> Answers:
    if not np.isfinite(answers.probabilities).all():
        raise IntegrityError("probabilities that are not finite numbers")
    return answers
