"""Predictions, and a model's scores on one part of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from goldilocks.records import display
from goldilocks.records.items import Answer, Measured, Text
from goldilocks.support.text.sentences import without_ends


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one item."""

    answer: Answer
    score: float
    """How sure the model is, 0 to 1 (for a label its probability); NaN where it does not say."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Probability of every label; empty for other kinds of answer."""
    item: Text = ""
    """``tags``: what was asked, a text or the words of one; a ranking without given candidates: the context and the
    replies that were ranked. Empty for other kinds of answer."""
    spans: tuple[tuple[int, int], ...] = ()
    """``tags`` of a text: where each word begins and ends in it, in characters from 0, the end exclusive."""
    error: str = ""
    """Why there is no answer (an endpoint refused the item, or named no label); empty: there is one."""
    review: bool = False
    """Whether the answer is too unsure to be used without a person (``Objective.review_cost``)."""

    @property
    def words(self) -> tuple[str, ...]:
        """``tags``: the words that have them."""
        item = self.item
        if isinstance(item, str):
            return tuple(item[start:end] for start, end in self.spans)
        return without_ends(item)

    @property
    def ranked_replies(self) -> list[tuple[str, float]]:
        """The known replies with their scores, best first, of a ranking without given candidates."""
        if not isinstance(self.item, tuple) or not isinstance(self.answer, tuple):
            return []
        scores = [float(score) for score in self.answer]
        return sorted(zip(self.item[1:], scores, strict=True), key=lambda pair: -pair[1])

    @property
    def label(self) -> str:
        """The answer as a word: the label; several labels, or tags, with blanks between them."""
        return " ".join(map(str, self.answer)) if isinstance(self.answer, tuple) else str(self.answer)


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Precision, recall and F1 of one label, each 0 to 1 (0 where the denominator is 0)."""

    label: str
    precision: float
    """Of the rows predicted with the label, the share that have it."""
    recall: float
    """Of the rows with the label, the share predicted so."""
    f1: float
    """Harmonic mean of both."""
    support: int
    """Rows whose gold label it is."""


@dataclass(frozen=True, slots=True)
class SliceRow:
    """The metric on the rows of one slice (a range of lengths, a label, a language)."""

    by: str
    """What the rows were sorted by: ``length``, ``label`` or ``language``."""
    name: str
    """In words, e.g. ``up to 40 characters``."""
    n: int
    """Rows of the slice."""
    score: Measured
    """The deciding metric on them (of a label: its recall)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of a passage that matters."""

    start: int
    end: int
    """In characters from 0, the end exclusive."""
    kind: str
    """``gold`` (missed), ``predicted`` (spurious), ``found`` (both), or ``wrong``."""
    label: str = ""
    """Type of the entity, wrong tag, or log-likelihood."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that belongs to a wrong answer."""

    role: str
    """What it is, in English, e.g. ``Question``; may be empty."""
    text: str
    marks: tuple[Mark, ...] = ()
    note: str = ""
    """What there is to say about it, in English, e.g. ``rank 3 of 8``."""
    code: bool = False
    """A program: line ends and indentation matter."""


@dataclass(frozen=True, slots=True)
class EntityRow:
    """How well the entities of one type are found: type and both ends right."""

    type: str
    gold: int
    predicted: int
    found: int

    @property
    def precision(self) -> float:
        """Share of the predicted entities that are right; 0 where there are none."""
        return self.found / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold entities that are predicted; 0 where there are none."""
        return self.found / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """2 · found / (gold + predicted)."""
        return 2 * self.found / (self.gold + self.predicted) if self.gold + self.predicted else 0.0


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One text that was answered wrongly."""

    row: int
    """Row number in its file, from 1."""
    text: str
    gold: str
    predicted: str
    score: float
    """Probability the model gave to ``predicted``."""
    passages: tuple[Passage, ...] = ()
    """The texts it is about, for a person; empty: ``text`` says it all, or an earlier version wrote it."""


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """Answers of about the same confidence."""

    low: float
    high: float
    """Confidence from ``low`` up to, but not including, ``high`` (1 is included)."""
    n: int
    confidence: float
    """Mean; 0 where there are none."""
    right: Measured | None
    """Share of right answers: P(correct) with its interval; ``None``: there are no such answers."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well a model's confidence predicts that its answer is right. Lower is better for the three scores.

    Source: Brier 1950; Guo et al. 2017, "On Calibration of Modern Neural Networks" (ECE, reliability diagram).
    """

    n: int
    """Number of answers."""
    brier: Measured
    """Brier score: 0 to 2 over the labels of an item, else 0 to 1 for right or wrong."""
    log_loss: Measured
    """Mean negative log-likelihood, in nats, of the gold label (else of the answer being right or wrong)."""
    ece: Measured
    """Expected calibration error, 0 (a confidence of 0.9 is right nine times in ten) to 1."""
    bins: tuple[ConfidenceBin, ...]
    """By tenths of confidence: the reliability diagram."""
    above: tuple[ConfidenceBin, ...]
    """From a confidence upwards: how many answers there are, and how many of them are right."""
    confidence: float
    """Mean over all answers."""
    accuracy: float
    """Share of all answers that are right."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model on one part of the data."""

    metric: str
    """File name in metrics/ of the metric that decides."""
    score: Measured
    scores: Mapping[str, Measured]
    """Every metric of the task, the deciding one included."""
    classes: tuple[ClassRow, ...]
    labels: tuple[str, ...]
    """Order of the rows and columns of ``confusion``."""
    confusion: tuple[tuple[int, ...], ...]
    """Counts; a row per gold label, a column per predicted label."""
    slices: tuple[SliceRow, ...]
    errors: tuple[ErrorRow, ...]
    """The errors to inspect first: the most confident wrong answers."""
    part: str
    """``validation`` or ``test``."""
    data_fingerprint: str
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Metric -> under what it was measured and by which rules (see ``protocols.ReportsConditions``)."""
    unanswered: int = 0
    """Items that got no answer (from an endpoint); they count as wrong."""
    calibration: Calibration | None = None
    """``None``: the model does not say how sure it is, or its answers are not just right or wrong."""
    entities: tuple[EntityRow, ...] = ()
    """By type, most frequent first; empty for other kinds of answer."""

    def __repr__(self) -> str:
        return display.evaluation_repr(self)

    def _repr_html_(self) -> str:
        return display.evaluation_html(self)

    def to_frame(self) -> Any:
        """See ``records.display.evaluation_frame``: a ``pandas.DataFrame``."""
        return display.evaluation_frame(self)

    def plot(self) -> Any:
        """See ``records.display.evaluation_plot``: matplotlib ``Axes``."""
        return display.evaluation_plot(self)
