"""Typed progress events of long-running operations.

A progress callback takes one event. Match on its class::

    def on_event(event: Event) -> None:
        match event:
            case PurchaseFinished(trial=trial):
                print(trial.candidate, trial.share, trial.score.value)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from goldilocks.records import CompressionTrial, Failure, ProbeResult, Trial
from goldilocks.records.decision import Decision


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage of the path began."""

    name: str
    """``data``, ``candidates``, ``screening``, ``race``, ``decision``, ``compression``, ``test``, ``bundle``,
    ``tuning`` or ``comparison``; of pre-training ``tokenizer``, ``packing``, ``training`` and ``writing``."""
    candidates: int = 0
    """Number of candidates that take part, if known."""


@dataclass(frozen=True, slots=True)
class DataStep:
    """A step of reading and checking the data began."""

    doing: str
    """In words, e.g. ``looking for near duplicates``."""


@dataclass(frozen=True, slots=True)
class ModelScreened:
    """The linear probe of a pretrained model is done."""

    result: ProbeResult


@dataclass(frozen=True, slots=True)
class PurchaseStarted:
    """The race continues a candidate's run up to a rung."""

    candidate: str
    """``family/model/method``."""
    share: float
    """Share of the full run at that rung, above 0 to 1."""
    predicted_seconds: float
    """Expected seconds up to that rung."""
    why: str
    """The policy's reason, for the user."""


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """A training run has progressed."""

    candidate: str
    share: float
    """Share of the full run that is done, 0 to 1."""
    loss: float | None = None
    """Training loss of the last step; ``None``: the run has none."""


@dataclass(frozen=True, slots=True)
class PurchaseFinished:
    """A rung was reached and scored on the validation part."""

    trial: Trial
    """Score, seconds and reason of the purchase."""
    seconds_left: float
    """Seconds left of the budget."""


@dataclass(frozen=True, slots=True)
class FootprintStarted:
    """Latency, memory and size of a finished candidate are measured in a fresh process."""

    candidate: str
    number: int
    """Its number among ``of``, from 1."""
    of: int


@dataclass(frozen=True, slots=True)
class CompressionTried:
    """A compressed form of a finished candidate was compared with it; the first trial is the candidate itself."""

    candidate: str
    trial: CompressionTrial


@dataclass(frozen=True, slots=True)
class CandidateFailed:
    """A candidate was excluded because of an error; the others continue."""

    failure: Failure
    seconds_left: float
    """Seconds left of the budget."""


@dataclass(frozen=True, slots=True)
class AnswersTooSlow:
    """A candidate was set aside because its training, or its answers to the texts, would exceed the budget."""

    candidate: str
    seconds_left: float
    """Seconds left of the budget."""


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A worker ended in the middle of a rung; the rung is lost, and bought again if it is still worth its price."""

    candidate: str
    share: float
    """Share of the full run at the rung."""
    reason: str


@dataclass(frozen=True, slots=True)
class TrackerFailed:
    """An experiment tracker was switched off because of an error; the run continues."""

    tracker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision is made, the bundle and the report are written."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class CorpusRead:
    """Documents of a pre-training corpus were read."""

    documents: int
    """So far."""
    file: str


@dataclass(frozen=True, slots=True)
class PretrainingStep:
    """An optimiser step of pre-training is done."""

    step: int
    """From 1."""
    steps: int
    loss: float
    """Mean loss of the step's batch, in nats."""
    tokens_per_second: float


Event = (
    StageStarted
    | DataStep
    | ModelScreened
    | PurchaseStarted
    | TrainingStep
    | PurchaseFinished
    | FootprintStarted
    | CompressionTried
    | CandidateFailed
    | AnswersTooSlow
    | WorkerLost
    | TrackerFailed
    | Decided
    | CorpusRead
    | PretrainingStep
)

Progress = Callable[[Event], None]
"""Called with each event, in order, from the thread that works."""


def silent(event: Event) -> None:
    """The progress callback that shows nothing."""
