"""Screening, trials, footprints, costs and the decision made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from goldilocks.records import display
from goldilocks.records.candidates import Excluded
from goldilocks.records.items import Measured
from goldilocks.records.task import Objective, Prices
from goldilocks.support.account import Usage
from goldilocks.support.machine.hardware import Machine


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Screening result of one pretrained model: estimates from its frozen features."""

    model: str
    """``family/model``."""
    layer: int
    """Layer whose features did best by the linear probe (0: embeddings)."""
    estimates: Mapping[str, Measured]
    """Estimator -> value over stratified resamples; higher is better."""
    probe_loss: float
    """Held-out share of wrong answers of the linear probe: what the race starts from."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Screening:
    """Results of screening all models with frozen features. Screening prunes; it does not choose."""

    looks: tuple[ProbeResult, ...]
    rankings: Mapping[str, tuple[str, ...]]
    """Estimator (and ``size_only``, ``random``) -> models, best first."""
    kept: tuple[str, ...]
    """Names of the candidates that enter the race."""
    cut: tuple[Excluded, ...]
    seconds: float
    data_fingerprint: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One purchase of the race: a candidate run up to a rung and scored on the validation part."""

    candidate: str
    rung: int
    share: float
    """Share of the full run that is done after this purchase, 0 to 1."""
    seconds: float
    """Wall clock of this purchase, scoring included."""
    score: Measured
    loss: float
    """Of the task's metric, 0 (best) to 1 (worst)."""
    predictions: str
    """File with the validation answers, relative to the run's folder."""
    seconds_per_text: float
    """Seconds one validation text took, in batches: what the race goes by until the footprint is measured."""
    elapsed: float
    """Seconds since the search began (over all sessions of it) when the purchase was done."""
    predicted_seconds: float
    """What the purchase was expected to take."""
    value: float
    """What it was expected to be worth, money per month (0 where the policy does not say)."""
    why: str
    data_fingerprint: str
    usage: Usage | None = None
    """What its questions to an endpoint took; ``None``: it was answered on this machine."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A candidate that was excluded because something went wrong with it alone."""

    candidate: str
    stage: str
    """``screening``, ``race``, ``measuring`` or ``test``."""
    reason: str
    seconds: float
    """What was spent on the step that went wrong."""
    elapsed: float
    """Seconds since the search began (over all sessions of it)."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a trained candidate needs to answer, measured in a fresh process on this machine."""

    load_seconds: float
    latency_p50_ms: Measured
    latency_p95_ms: Measured
    """One text at a time."""
    texts_per_second: float
    """In batches of 32; of an endpoint as it answered the validation part, several questions at once."""
    memory_bytes: int
    """Peak resident memory of the process."""
    size_bytes: int
    """On disk."""
    joules_per_text: float | None = None
    """Energy of the processor (and accelerator) while answering in batches of 32; ``None``: not reported."""
    tokens_read: float | None = None
    """Tokens that an endpoint reads for a request, mean over the validation part; ``None``: it answers here."""
    tokens_written: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Money per month, part by part."""

    tuning: float
    """Machine time of the tuning run and money for the questions of the search, spread over the horizon."""
    labour: float
    requests: float
    """Machine time of the requests; 0 where an endpoint answers them (then see ``tokens``)."""
    memory: float
    storage: float
    energy: float = 0.0
    """0 where the machine reports none."""
    tokens: float = 0.0
    """Requests of a month × tokens of a request × the endpoint's prices; 0 where this machine answers."""

    @property
    def total(self) -> float:
        """Money per month."""
        machine = self.tuning + self.labour + self.requests + self.memory + self.storage + self.energy
        return machine + self.tokens


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate as the decision saw it."""

    candidate: str
    family: str
    model: str
    method: str
    status: str
    """``winner``, ``tied``, ``raced`` (finished, beaten), ``stopped`` (not finished), ``screened`` or ``excluded``."""
    reason: str
    parameters: int = 0
    licence: str = ""
    share: float = 0.0
    seconds: float = 0.0
    """Seconds spent on it in the race."""
    score: Measured | None = None
    """Validation score."""
    footprint: Footprint | None = None
    cost: Cost | None = None
    J: float | None = None
    """cost + α · loss, money per month; only of candidates that finished."""
    gap: Measured | None = None
    """J minus the J of the best, paired on the same items; ``low`` and ``high`` from the bootstrap."""
    p_value: float | None = None
    """Holm-adjusted p-value of being worse than the best."""
    dropped: str = ""
    """Stage in which something went wrong with it (``Failure.stage``; status ``excluded``); empty: nothing did."""
    usage: Usage | None = None
    """What the search asked an endpoint for it; ``None``: nothing."""


@dataclass(frozen=True, slots=True)
class AlphaRange:
    """A segment of the decision map: the winner while α lies in [alpha_from, alpha_to)."""

    candidate: str
    alpha_from: float
    alpha_to: float | None
    """``None``: no upper end."""


@dataclass(frozen=True, slots=True)
class Search:
    """What the search took."""

    seconds: float
    trials: int
    exhaustive_seconds_estimate: float
    """What running every candidate of the pool to the end would have taken, by measured and predicted prices."""
    policy: str
    stopped: str
    """Why the race stopped."""
    money: float = 0.0
    """Spent at endpoints up to the decision; the test part, and what the bundle stores, come on top."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The winner, who could not be told apart from it, and for which α it holds."""

    winner: Standing
    tied: tuple[str, ...]
    map: tuple[AlphaRange, ...]
    candidates: tuple[Standing, ...]
    objective: Objective
    prices: Prices
    alpha: float
    metric: str
    sentence: str
    """The decision in words."""
    search: Search
    task: str
    seed: int
    data_fingerprint: str
    versions: Mapping[str, str]
    machine: Machine
    test_score: Measured | None = None
    """Opened once, after everything above was written."""
    test_scores: Mapping[str, Measured] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Metric -> under what it was measured on the test part (see ``Evaluation.conditions``)."""

    def __repr__(self) -> str:
        return display.decision_repr(self)

    def _repr_html_(self) -> str:
        return display.decision_html(self)

    def to_frame(self) -> Any:
        """See ``records.display.decision_frame``: a ``pandas.DataFrame``."""
        return display.decision_frame(self)

    def plot(self) -> Any:
        """See ``records.display.decision_plot``: matplotlib ``Axes``."""
        return display.decision_plot(self)
