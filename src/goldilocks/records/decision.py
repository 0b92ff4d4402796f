"""Screening, trials, footprints, costs and the decision made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from goldilocks.records import display
from goldilocks.records.candidates import Excluded
from goldilocks.records.compression import Compression
from goldilocks.records.footprint import Footprint
from goldilocks.records.items import Measured
from goldilocks.records.task import Objective, Prices, Serving
from goldilocks.support.endpoints.usage import Usage
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
    paces: Mapping[str, float] = field(default_factory=dict)
    """Model -> seconds in which it encoded a text, also where there was no time for a probe."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One purchase of the race: a candidate run up to a rung and scored on the validation part."""

    candidate: str
    """``family/model/method``."""
    rung: int
    """Number of the rung that was reached, from 0."""
    share: float
    """Share of the full run that is done after this purchase, 0 to 1."""
    seconds: float
    """Wall clock of this purchase, scoring included."""
    score: Measured
    """The task's metric on the validation part."""
    loss: float
    """Loss by the task's metric, 0 (best) to 1 (worst)."""
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
    """The policy's reason for this purchase, for the user."""
    data_fingerprint: str
    """Of the rows that it was trained and scored on; a resumed run takes no trial of other rows."""
    usage: Usage | None = None
    """What its questions to an endpoint took; ``None``: it was answered on this machine."""
    scoring_seconds: float = 0.0
    """Seconds of the metric, which may run programs or compare long texts; part of ``seconds``."""
    repeat: int = 0
    """0: the run whose model may be handed over; 1 and more: the whole run once more from scratch with another seed
    (the task's seed plus this number), of which the score and the answers are kept."""
    schedule_share: float = 1.0
    """Share of the planned training schedule that the run had at its end: below 1 where it was finished with fewer
    epochs, its learning rate brought to zero earlier, to fit the budget."""
    predictions_sha256: str = ""
    """Of the file of the validation answers; empty in runs of older versions."""
    model_sha256: str = ""
    """Over the files of the finished model (``support.files.sha256_of_folder``); empty where none was kept."""


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
class Cost:
    """Running costs of a candidate by component, all in ``objective.currency`` per month."""

    tuning: float
    """Machine time of the tuning run and money for the questions of the search, spread over the horizon."""
    labour: float
    """Attended work of the tuning run at ``prices.labour_hour``, spread over the horizon."""
    requests: float
    """Machine time of the requests; 0 where an endpoint answers them (then see ``tokens``)."""
    memory: float
    """Memory at ``prices.memory_gb_month``, for the time that ``serving.mode`` bills."""
    storage: float
    """Bytes on disk at ``prices.storage_gb_month``."""
    energy: float = 0.0
    """Energy of the requests at ``prices.kwh``, in mode ``busy`` only; 0 where the machine reports none."""
    tokens: float = 0.0
    """Requests of a month × tokens of a request × the endpoint's prices; 0 where this machine answers."""
    error: float = 0.0
    """Half the 95% interval of the total from the measurement of times, money per month; 0: not known."""

    @property
    def total(self) -> float:
        """Sum of all components, money per month; errors are not part of it."""
        machine = self.tuning + self.labour + self.requests + self.memory + self.storage + self.energy
        return machine + self.tokens


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate in the decision: its status, and what was measured of it. ``None``: not measured."""

    candidate: str
    """``family/model/method``, whose parts follow."""
    family: str
    model: str
    method: str
    status: str
    """``winner``, ``tied``, ``raced`` (finished, beaten), ``stopped`` (not finished), ``screened`` or ``excluded``."""
    reason: str
    """Why it has this status, for the user."""
    parameters: int = 0
    """Number of weights, embeddings included."""
    licence: str = ""
    """SPDX identifier in lower case; empty: not stated."""
    share: float = 0.0
    """Share of its full run that was trained, 0 to 1."""
    seconds: float = 0.0
    """Seconds spent on it in the race."""
    score: Measured | None = None
    """Validation score."""
    footprint: Footprint | None = None
    cost: Cost | None = None
    J: float | None = None
    """cost + α · loss, money per month; only of candidates that finished."""
    gap: Measured | None = None
    """J minus the lowest J, paired on the same items; ``low`` and ``high`` from the bootstrap."""
    p_value: float | None = None
    """p-value of being as good as the best, adjusted for the number of candidates (bootstrap of the maximum)."""
    dropped: str = ""
    """Stage in which something went wrong with it (``Failure.stage``; status ``excluded``); empty: nothing did."""
    usage: Usage | None = None
    """What the search asked an endpoint for it; ``None``: nothing."""
    compressed: tuple[str, ...] = ()
    """Compressors applied to it, in order: score, footprint and cost are those of the compressed form."""
    expected_j: float | None = None
    """cost + α · posterior mean loss, money per month: what decides; only of candidates that finished."""
    p_best: float | None = None
    """Probability that its true J is the lowest of all candidates with a trial or a forecast."""
    forecast: Measured | None = None
    """Expected final loss of a candidate that did not finish, with a 95% interval."""
    seconds_to_finish: float | None = None
    """Predicted seconds of the rest of the run, of a candidate that did not finish."""
    budget_to_finish: float | None = None
    """Seconds by which the budget has to be raised for a resumed search to finish it, of the same, with the shortest
    schedule that a search would buy."""
    share_to_finish: float = 1.0
    """Share of its full training schedule that this is for, in training rows seen."""
    seed_noise: float | None = None
    """Standard deviation of the loss from one training seed to the next, noise of the items taken out; ``None``: it was
    run with one seed, and its interval covers the choice of items only."""
    seed_losses: tuple[float, ...] = ()
    """Validation loss of each seed, the one whose model is handed over first; score and J are of their mean. Empty: it
    was run with one seed."""
    item_error: float | None = None
    """Standard error of the (mean) loss by the choice of validation items; only of candidates that finished."""
    seed_error: float | None = None
    """Standard error of the (mean) loss by the choice of training seeds: 0 where the training is deterministic, from
    published runs where it was run with one seed; only of candidates that finished."""
    review_below: float | None = None
    """Certainty below which an answer goes to a person (``AnswerRule.review_below``); ``None``: none does."""
    review_share: float = 0.0
    """Share of the validation items whose answers do."""
    schedule_share: float = 1.0
    """Share of the usual training schedule that it was trained with; below 1 where the budget had no time for all."""


_UNLIKELY, _MOSTLY = 0.1, 0.5


def provisional(winner: Standing, standings: Sequence[Standing]) -> bool:
    """Whether the winner is only the best so far: candidates that did not finish are most probably better."""
    unfinished = sum(standing.p_best or 0.0 for standing in standings if standing.status == "stopped")
    return winner.p_best is not None and winner.p_best < _UNLIKELY and unfinished >= _MOSTLY


@dataclass(frozen=True, slots=True)
class Comparison:
    """The winner and one baseline on the same validation items."""

    baseline: str
    """``constant``, ``copy``, ``nearest``, ``random``, ``review`` (a person answers everything) or ``incumbent``."""
    answers: str
    """What it answers, for the user."""
    loss: float
    """Loss of the baseline, in the unit of J's loss."""
    winner_loss: float
    p_value: float
    """One-sided p-value of "not better than the baseline", by permutation, corrected for the number of candidates."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the winner is of any use: better than what takes no model, and than what the user has."""

    useful: bool
    against: str
    """The baseline it rests on: the strongest, or the one that is not beaten; ``floor``: the task's least score."""
    reason: str
    needs: tuple[str, ...] = ()
    """What could make a useful model; empty where the winner is one."""
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class LossNoise:
    """How far the losses of two candidates may differ by the choice of validation items alone."""

    candidates: tuple[str, ...]
    """The finished candidates that matter for some α (at most 40)."""
    standard_errors: tuple[tuple[float, ...], ...]
    """Standard errors of the paired differences in loss, a row and a column for each candidate."""
    critical: float
    """Standard errors by which a candidate must be behind to be excluded from the best set."""
    step: float
    """Loss that one item makes up; taken off a difference (continuity correction)."""


@dataclass(frozen=True, slots=True)
class AlphaRange:
    """A piece of the decision map: which candidate has the lowest J while α is in [alpha_from, alpha_to)."""

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
    lacking: float = 0.0
    """Seconds of budget that a resumed search needs beside the runs that it buys: to read the data again, and for what
    follows the race, less what was left. Below 0: so much was left."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What could be done after the decision, and what J it is expected to lead to."""

    step: str
    """``stop``, ``more_data`` (label as many rows again and train the winner on them) or ``larger_model``."""
    candidate: str
    """The candidate that would be used."""
    expected_j: Measured
    """Money per month, with a 95% interval. Of ``more_data`` without the cost of labelling."""
    basis: str
    """What the number rests on, for the user."""
    rows: int = 0
    """Rows to label; 0: none, or not known."""


@dataclass(frozen=True, slots=True)
class HostedOrOwn:
    """The best endpoint compared with the best owned model, errors included."""

    hosted: str
    """Candidate."""
    own: str
    requests: Measured | None
    """Requests per month at which both cost the same, with a 95% interval; ``None``: at none."""
    own_is_cheaper: str
    """``above`` or ``below`` that volume, ``always`` or ``never``."""
    labels: Measured | None
    """Training rows after which the owned model is expected to have the endpoint's J, with a 95% interval; ``None``:
    not known, or it never would."""
    rows: int
    """Training rows now; 0: not known."""
    label_price: float
    """Money for a label."""
    lines: tuple[tuple[float, float], tuple[float, float]]
    """Money per month without requests, and per request with its errors: of the endpoint, then of the owned model."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The winner, the candidates that may be as good, and for which α the choice holds."""

    winner: Standing
    """Its score's interval is corrected for having been selected."""
    tied: tuple[str, ...]
    """The best set: candidates that cannot be excluded as the best at 95%, the winner among them."""
    map: tuple[AlphaRange, ...]
    candidates: tuple[Standing, ...]
    objective: Objective
    prices: Prices
    alpha: float
    metric: str
    sentence: str
    """The decision as a paragraph of text."""
    search: Search
    task: str
    seed: int
    data_fingerprint: str
    versions: Mapping[str, str]
    machine: Machine
    test_score: Measured | None = None
    """Scored once, after everything above was written."""
    test_openings: int = 1
    """How often the test set was scored in this run: above 1 where the run was resumed after a decision, so that the
    user may have known a test score when the search went on."""
    test_scores: Mapping[str, Measured] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Metric -> under what it was measured on the test part (see ``Evaluation.conditions``)."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """File of the run that it was made from -> SHA-256 (see ``selection/digests.py``); empty in older decisions."""
    serving: Serving = field(default_factory=Serving)
    p_best: float | None = None
    """Probability that the winner's true J is the lowest, unfinished candidates included."""
    expected_regret: float | None = None
    """Money per month that the winner is expected to cost more than the best, unfinished candidates included."""
    advice: tuple[str, ...] = ()
    """What could improve the decision: candidates that did not finish and may be better."""
    warnings: tuple[str, ...] = ()
    """What makes a number of this decision doubtful: a disturbed machine, unequal measurements."""
    loss_noise: LossNoise | None = None
    """What the best set follows from for other values of α."""
    verdict: Verdict | None = None
    """Whether the winner is better than the baselines; ``None``: the records of an earlier version do not tell."""
    error: str = ""
    """What one error is (``a wrong label``); empty in older decisions: the loss is that of the metric."""
    next_steps: tuple[NextStep, ...] = ()
    """More data, a larger model, or stop: what each is expected to lead to; empty in older decisions."""
    hosted_or_own: HostedOrOwn | None = None
    """From which volume an owned model pays; ``None``: no endpoint, or no owned model, was finished."""
    assumed: tuple[str, ...] = ()
    """Keys of the task file that the user did not state and whose default values are part of the money above."""
    compression: Mapping[str, Compression] = field(default_factory=dict)
    """Candidate -> how it was compressed before the test set was opened, every trial included, whatever came of it."""

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

    @property
    def provisional(self) -> bool:
        """Whether the winner is only the best so far, because the budget ended before others had finished."""
        return provisional(self.winner, self.candidates)
