"""Models that answer with other models: an ensemble averages them, a cascade asks the second where the first is unsure.

A saved combination holds its parts whole: combination.json, then parts/0, parts/1, … as their families saved them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from goldilocks import plugins
from goldilocks.answers import Answers, Floats, certainty, of_labels
from goldilocks.errors import IntegrityError, UnfinishedError
from goldilocks.protocols import Model
from goldilocks.records import AnswerRule, Text
from goldilocks.support.endpoints.spending_log import SpendingLog

FILE = "combination.json"
ENSEMBLE, CASCADE = "ensemble", "cascade"


@dataclass(frozen=True, slots=True)
class CombinationConfig:
    """What ``combination.json`` says."""

    kind: str
    """``ensemble`` or ``cascade``."""
    families: tuple[str, ...]
    """Family of each part."""
    labels: tuple[str, ...]
    several: bool
    """Whether an item may have several labels."""
    threshold: float = 0.0
    """Certainty of the first model of a cascade below which the second is asked."""
    error_costs: tuple[tuple[float, ...], ...] = ()
    """The matrix by which certainty is measured; empty: by probability."""


def mean_answers(tables: Sequence[Floats], labels: Sequence[str], *, several: bool) -> Answers:
    """Answers from the mean of several tables of probabilities; parts without an answer (NaN) are left out.

    Args:
        tables: ``(n_items, n_labels)`` each.
        labels: Labels of the columns.
        several: Whether an item may have several labels.
    """
    stacked = np.stack([np.asarray(table, dtype=np.float64) for table in tables])
    known = ~np.isnan(stacked)
    sums, counts = np.where(known, stacked, 0.0).sum(0), known.sum(0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return of_labels(means, labels, several=several)


def escalated(
    first: Answers,
    second: Floats,
    unsure: np.ndarray[Any, np.dtype[np.bool_]],
    *,
    several: bool,
    problems: Sequence[str] = (),
) -> Answers:
    """Answers of the first part, in rows ``unsure`` those of the second: ``(n_unsure, n_labels)``, in their order.

    ``problems``: why items have no answer of the second part, ``""`` where they have one.
    """
    table = np.array(first.probabilities, dtype=np.float64)
    table[unsure] = second
    answers = of_labels(table, first.labels, several=several)
    if not any(problems):
        return answers
    own = dict(zip(np.flatnonzero(unsure).tolist(), problems, strict=True))
    known = answers.problems or ("",) * len(answers)
    return replace(answers, problems=tuple(own.get(place) or problem for place, problem in enumerate(known)))


class Combination:
    """An ensemble or a cascade of models with the same labels."""

    def __init__(self, parts: Sequence[Model], config: CombinationConfig, folder: Path) -> None:
        """``folder``: where the parts are, for ``save``."""
        self.parts, self.config, self.labels, self._folder = parts, config, config.labels, folder

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``."""
        several = self.config.several
        if self.config.kind == ENSEMBLE:
            return self._averaged(texts)
        first = self.parts[0].predict(texts)
        unsure = certainty(first, AnswerRule(error_costs=self.config.error_costs)) < self.config.threshold
        unsure_texts = [text for text, ask in zip(texts, unsure.tolist(), strict=True) if ask]
        if not unsure_texts:
            return first
        try:
            second = self.parts[1].predict(unsure_texts)
        except UnfinishedError as error:
            so_far: Answers = error.answers
            error.answers = escalated(first, so_far.probabilities, unsure, several=several, problems=so_far.problems)
            raise
        return escalated(first, second.probabilities, unsure, several=several, problems=second.problems)

    def _averaged(self, texts: Sequence[Text]) -> Answers:
        tables: list[Floats] = []
        failures: list[UnfinishedError] = []
        for part in self.parts:
            try:
                tables.append(part.predict(texts).probabilities)
            except UnfinishedError as error:
                tables.append(error.answers.probabilities)
                failures.append(error)
        answers = mean_answers(tables, self.labels, several=self.config.several)
        if failures:  # an item of which a part is missing gets no answer, not that of the others
            problems: tuple[str, ...] = failures[0].answers.problems
            table = np.array(answers.probabilities)
            table[np.array([bool(problem) for problem in problems])] = np.nan
            answers = of_labels(table, self.labels, several=self.config.several)
            failures[0].answers = replace(answers, problems=problems)
            raise failures[0]
        return answers

    def size_bytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.size_bytes() for part in self.parts)

    def save(self, folder: Path) -> None:
        """Copy the parts into the folder of ``combination.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(len(self.parts)):
            shutil.copytree(self._folder / "parts" / str(number), folder / "parts" / str(number))
        (folder / FILE).write_text(json.dumps(asdict(self.config), ensure_ascii=False, indent=2), encoding="utf-8")


class PaidCombination(Combination):
    """A combination of which a part is behind an endpoint (``protocols.TracksSpending``)."""

    @property
    def _paid(self) -> Any:
        return next(part for part in self.parts if hasattr(part, "spending_log"))

    @property
    def spending_log(self) -> SpendingLog:
        """That of the part."""
        log: SpendingLog = self._paid.spending_log
        return log

    @spending_log.setter
    def spending_log(self, log: SpendingLog) -> None:
        self._paid.spending_log = log

    def rest(self) -> None:
        """See ``protocols.TracksSpending``."""
        self._paid.rest()


def write_combination(parts: Sequence[Path], config: CombinationConfig, folder: Path) -> None:
    """Write a combination from the folders of its parts."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts):
        shutil.copytree(part, folder / "parts" / str(number))
    (folder / FILE).write_text(json.dumps(asdict(config), ensure_ascii=False, indent=2), encoding="utf-8")


def restored(folder: Path) -> Combination:
    """What ``save`` wrote, ready for inference.

    Raises:
        IntegrityError: ``combination.json`` is damaged.
    """
    try:
        raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
        config = CombinationConfig(
            kind=str(raw["kind"]),
            families=tuple(map(str, raw["families"])),
            labels=tuple(map(str, raw["labels"])),
            several=bool(raw["several"]),
            threshold=float(raw["threshold"]),
            error_costs=tuple(tuple(map(float, row)) for row in raw["error_costs"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{folder / FILE}: damaged ({error}); make the bundle again.") from error
    if config.kind not in (ENSEMBLE, CASCADE) or len(config.families) < 2:
        n_members = len(config.families)
        raise IntegrityError(
            f"{folder / FILE}: says {config.kind!r} of {n_members} parts; the file is of a newer version."
        )
    parts = [
        plugins.load("families", family).restore(folder / "parts" / str(number))
        for number, family in enumerate(config.families)
    ]
    kind = PaidCombination if any(hasattr(part, "spending_log") for part in parts) else Combination
    return kind(parts, config, folder)
