"""Screening: transferability estimates for every pretrained model from frozen features. It prunes; it does not decide.

Each model encodes the same training texts once; every estimate comes from that one pass. The estimators are given the
mean over the layers and the last layer; the linear probe also tries every layer for itself. All on several
stratified resamples, so that each number has an interval, and no model within the interval of the cut is cut.

    texts -> features of every layer -> estimates per model -> rankings -> candidates kept
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from goldilocks import plugins
from goldilocks.events import ModelScreened, Progress, silent
from goldilocks.protocols import Floats, Ints
from goldilocks.records import (
    Candidate,
    Dataset,
    Excluded,
    Measured,
    ModelInfo,
    Pool,
    ProbeResult,
    Screening,
    Text,
)
from goldilocks.selection.shorter_finish import MIN_SHARE
from goldilocks.support.machine.clock import OutOfTimeError
from goldilocks.support.scoring import linear_probe
from goldilocks.tuning.schedule import nested_order

_MIN_RESAMPLES = 2
"""An interval needs two."""
_ROWS, _ROWS_NONE_CUT = 1_500, 500
_LIMIT_NONE_CUT = 0.4
"""Share of the time limit that probes take where no model may be cut, each model as much of it."""
_MIN_SECONDS = 1.0
"""Time in which a pretrained model is hardly loaded."""
KEEP = 5
"""A model is only cut when at least this many are surely better."""
ACCURACY = "probe_accuracy"
"""Key of the held-out accuracy of the linear probe on the best layer: what the cut goes by."""
_UNITS = {"h_score": "trace", "log_me": "nats per text", "linear_probe": "nats per text"}
_DISTRUSTED = "log_me_distrusted"
"""What LogME is called, and kept out of its ranking under, where there are fewer texts than features."""


@dataclass(frozen=True, slots=True)
class ScreeningPlan:
    """How thoroughly models are probed."""

    seconds_limit: float
    """No further probe is begun that would probably end after this many seconds. Of a probe that takes longer, what
    matters least is left out: further estimators, then resamples beyond the second."""
    seed: int
    """Draws the rows and the resamples."""
    rows: int | None = None
    """Training rows to use, drawn stratified by label; absent: 1,500 where a model may be cut, else 500 (the probe then
    only tells the race where to begin)."""
    resamples: int = 5
    """Splits of these rows, three quarters against one."""
    keep: int = KEEP
    """A model is cut only when this many have a probe interval wholly better than its own."""


def screen(
    dataset: Dataset,
    pool: Pool,
    *,
    features: Callable[[ModelInfo, Sequence[Text], float], Floats],
    plan: ScreeningPlan,
    progress: Progress = silent,
    watch: Callable[[Sequence[str]], AbstractContextManager[Sequence[object]]] | None = None,
) -> Screening:
    """Probe every pretrained model of the pool and exclude the candidates of those that are surely worse.

    Only the train part is used. Candidates without features (counts, networks trained from scratch) are always kept,
    and so are those of models that there was no time to probe.

    Args:
        dataset: Its train part is used.
        pool: The candidates.
        features: Facts, texts and seconds that it may take -> ``Network.overview`` of every layer, ``(n_texts,
            depth + 1, width)``, of the first texts only where all of them would take longer; it may raise
            ``OutOfTimeError``.
        plan: How thoroughly.
        progress: Called with ``ModelScreened`` after each model.
        watch: Given the candidates of the model that is probed: a context in which an error of its own excludes it (the
            context then holds something) and does not end the screening; absent: the error ends it.

    Returns:
        The probe results, the rankings (best first, ``size_only`` and ``random`` included), the candidates kept, and
        those that are not, with the reason.
    """
    started = time.monotonic()
    # The estimators measure the separation of labels; for other kinds of answer no model is probed, and none is cut.
    models = _models(pool) if dataset.goal.one_label else []
    n_rows, budget = _rows_and_budget(plan, len(models), started)
    texts, labels = _sample(dataset, n_rows, plan.seed) if models else ((), np.zeros(0, dtype=np.int64))
    probes: list[ProbeResult] = []
    excluded: set[str] = set()
    for place, info in enumerate(models):
        seconds = budget.seconds(len(models) - place)
        if probes and not budget.suffices(info, seconds):
            continue
        names = [candidate.name for candidate in pool.candidates if _name(candidate.model) == _name(info)]
        try:
            with watch(names) if watch else nullcontext(()) as failed:
                timing = _Timing.begin(seconds)
                probes.append(_probe(info, features(info, texts, seconds), labels, plan, timing))
        except OutOfTimeError:  # as where there was no time to begin: its candidates go on
            continue
        if failed:
            excluded.update(names)
            continue
        budget.take(info, probes[-1].seconds)
        progress(ModelScreened(probes[-1]))
    kept, cut = _divide(pool, probes, plan.keep)
    return Screening(
        looks=tuple(probes),
        rankings=_rankings(probes, {_name(model): model.parameters for model in models}, plan.seed),
        kept=tuple(name for name in kept if name not in excluded),
        cut=cut,
        seconds=time.monotonic() - started,
        data_fingerprint=dataset.fingerprint,
    )


def _rows_and_budget(plan: ScreeningPlan, n_models: int, started: float) -> tuple[int, _ProbeBudget]:
    """How many rows are probed, and the time for it: less of both where there are too few models to cut one."""
    may_cut = n_models > plan.keep
    n_rows = plan.rows or (_ROWS if may_cut else _ROWS_NONE_CUT)
    return n_rows, _ProbeBudget(started, plan.seconds_limit * (1.0 if may_cut else _LIMIT_NONE_CUT), equal=not may_cut)


def nothing_screened(pool: Pool, fingerprint: str = "") -> Screening:
    """A screening that probed no model and cut none."""
    return Screening((), {}, tuple(candidate.name for candidate in pool.candidates), (), 0.0, fingerprint)


def worth_screening(pool: Pool, seconds_left: float) -> bool:
    """Whether a probe could change a purchase: one of the models that have features can be tuned in what is left.

    Args:
        pool: The candidates with forecasts.
        seconds_left: Of the budget, after the screening.
    """
    seconds = [pool.forecasts[candidate.name].seconds for candidate in pool.candidates if _has_features(candidate)]
    return bool(seconds) and MIN_SHARE * min(seconds) < seconds_left


def corrected_interval(values: Sequence[float], held_out_share: float) -> tuple[float, float, float]:
    """Mean and 95% interval of a number measured on several random splits of the same rows.

    The splits share rows, so their plain standard error is too small; the variance is multiplied by
    1/n_splits + held_out / learnt instead of 1/n_splits.

    Args:
        values: One per split.
        held_out_share: Share of the rows held out in each split, 0 to 1.

    Returns:
        ``(mean, low, high)``; the ends equal the mean for a single split.

    Source:
        Nadeau & Bengio 2003, "Inference for the Generalization Error" (corrected resampled t-test).
    """
    from scipy.special import stdtrit

    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    inflated = (1 / len(values) + held_out_share / (1 - held_out_share)) * float(np.var(values, ddof=1))
    half = float(stdtrit(len(values) - 1, 0.975)) * inflated**0.5
    return mean, mean - half, mean + half


# ------------------------------------------------------------------------------------------------------- one model


def _sample(dataset: Dataset, rows: int, seed: int) -> tuple[tuple[Text, ...], Ints]:
    """Texts and label numbers of at most ``rows`` training rows, in an order of which every beginning is stratified."""
    number = {label: place for place, label in enumerate(dataset.labels)}
    labels = np.array([number[str(label)] for label in dataset.train.gold])
    chosen: Ints = np.arange(len(labels))
    if len(labels) > rows:
        chosen = linear_probe.stratified(labels, rows / len(labels), np.random.default_rng(seed))[0]
    order = chosen[nested_order([str(dataset.train.gold[place]) for place in chosen.tolist()], seed)]
    return tuple(dataset.train.texts[place] for place in order.tolist()), labels[order]


@dataclass(slots=True)
class _ProbeBudget:
    """Seconds for the probes: each model gets an equal share of what is left, or as much of it as it needs."""

    started: float
    """On the monotonic clock."""
    limit: float
    """Seconds in all."""
    equal: bool
    seconds_per_weight: float = 0.0
    """Of the slowest probe so far, per weight in the blocks."""

    def seconds(self, n_models: int) -> float:
        """What the next of so many models that are left may take."""
        left = self.limit - (time.monotonic() - self.started)
        return max(left, 0.0) / n_models if self.equal else left

    def suffices(self, info: ModelInfo, seconds: float) -> bool:
        """Whether a probe of a model would probably end in time."""
        return seconds >= _MIN_SECONDS if self.equal else self.seconds_per_weight * _body(info) <= seconds

    def take(self, info: ModelInfo, seconds: float) -> None:
        """Count a probe."""
        self.seconds_per_weight = max(self.seconds_per_weight, seconds / _body(info))


@dataclass(frozen=True, slots=True)
class _Timing:
    """When a probe began, and when it should have ended, on the monotonic clock."""

    started: float
    until: float

    @classmethod
    def begin(cls, seconds: float) -> _Timing:
        """Of a probe that begins now."""
        now = time.monotonic()
        return cls(now, now + seconds)

    def over(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() > self.until


def _probe(info: ModelInfo, features: Floats, labels: Ints, plan: ScreeningPlan, timing: _Timing) -> ProbeResult:
    """The estimates of one model from its features ``(n_texts, depth + 1, width)``: the probe's, and others in time.

    Features may be those of the first texts only; the labels are of all.
    """
    labels, seed, resamples = labels[: len(features)], plan.seed, plan.resamples
    layers = [np.ascontiguousarray(features[:, layer]) for layer in range(features.shape[1])]
    best = _best_layer(layers, labels, seed, timing)
    errors: list[float] = []
    for split in range(seed, seed + resamples):
        if len(errors) >= _MIN_RESAMPLES and timing.over():
            break
        errors.append(linear_probe.held_out(layers[best], labels, split)[1])
    views = {"": features.mean(1)} | ({"@last": layers[-1]} if len(layers) > 1 else {})
    seeds = range(seed, seed + resamples)
    estimates: dict[str, Measured] = {}
    for name in plugins.names("estimators"):
        for view, states in views.items():
            if timing.over():
                continue
            trusted = name != "log_me" or (1 - linear_probe.HELD_OUT) * len(labels) >= states.shape[1]
            estimates[(name if trusted else _DISTRUSTED) + view] = _estimate(name, states, labels, seeds)
    mean, low, high = corrected_interval(errors, linear_probe.HELD_OUT)
    estimates[ACCURACY] = Measured(1 - mean, max(0.0, 1 - high), min(1.0, 1 - low), len(errors), "share")
    return ProbeResult(
        model=_name(info),
        layer=best,
        estimates=estimates,
        probe_loss=mean,
        seconds=time.monotonic() - timing.started,
    )


def _best_layer(layers: Sequence[Floats], labels: Ints, seed: int, timing: _Timing) -> int:
    """Layer whose probe is least wrong on one split; of equals the one with the lower log-loss."""
    if len(layers) == 1:
        return 0
    # A split of its own: the splits that the accuracy is measured on have no say in the choice of the layer.
    scores: dict[int, tuple[float, ...]] = {}
    for layer in reversed(range(len(layers))):  # the last one for certain, lower ones while there is time
        if scores and timing.over():
            break
        scores[layer] = linear_probe.held_out(layers[layer], labels, seed + 104_729)[::-1]
    return min(sorted(scores), key=lambda layer: scores[layer])


def _estimate(name: str, states: Floats, labels: Ints, seeds: Sequence[int]) -> Measured:
    estimator = plugins.load("estimators", name)
    values = []
    for seed in seeds:
        if name == "linear_probe":  # it holds rows out itself
            values.append(estimator.estimate(states, labels, seed=seed))
            continue
        held_out = linear_probe.stratified(labels, linear_probe.HELD_OUT, np.random.default_rng(seed))[1]
        values.append(estimator.estimate(states[held_out], labels[held_out], seed=seed))
    mean, low, high = corrected_interval(values, linear_probe.HELD_OUT)
    return Measured(mean, low, high, len(values), _UNITS.get(name, "share"))


# ------------------------------------------------------------------------------------------------ rankings and the cut


def _rankings(probes: Sequence[ProbeResult], sizes: Mapping[str, int], seed: int) -> dict[str, tuple[str, ...]]:
    """Estimator -> models, best first, with those by size alone (larger first) and what chance says."""
    names = list(dict.fromkeys(key for probe in probes for key in probe.estimates if not key.startswith(_DISTRUSTED)))
    rankings = {}
    for name in names:
        seen = [probe for probe in probes if name in probe.estimates]
        seen.sort(key=lambda probe: (-probe.estimates[name].value, probe.model))
        rankings[name] = tuple(probe.model for probe in seen)
    models = sorted(probe.model for probe in probes)
    rankings["size_only"] = tuple(sorted(models, key=lambda model: (-sizes[model], model)))
    rankings["random"] = tuple(np.random.default_rng(seed).permutation(np.array(models, dtype=object)).tolist())
    return rankings


def _divide(pool: Pool, probes: Sequence[ProbeResult], keep: int) -> tuple[tuple[str, ...], tuple[Excluded, ...]]:
    """The candidates kept, and those that are not, with the reason."""
    reasons: dict[str, str] = {}
    for probe in probes:
        own = probe.estimates[ACCURACY]
        better = [probe.estimates[ACCURACY] for probe in probes if probe.estimates[ACCURACY].low > own.high]
        if len(better) >= keep:
            bar = sorted(better, key=lambda accuracy: -accuracy.low)[keep - 1]
            reasons[probe.model] = (
                f"screening: a linear probe on its layer {probe.layer} gets {_percent(1 - own.value)} wrong "
                f"({_percent(1 - own.high)} to {_percent(1 - own.low)}, {own.n} resamples); {len(better)} models are "
                f"surely better, the {keep} best of them at most {_percent(1 - bar.low)}"
            )
    kept = tuple(candidate.name for candidate in pool.candidates if _name(candidate.model) not in reasons)
    cut = [
        Excluded(candidate.name, reasons[_name(candidate.model)])
        for candidate in pool.candidates
        if _name(candidate.model) in reasons
    ]
    return kept, tuple(cut)


def _models(pool: Pool) -> list[ModelInfo]:
    """The pretrained models of the pool, the cheapest to run first."""
    models = {_name(candidate.model): candidate.model for candidate in pool.candidates if _has_features(candidate)}
    return sorted(models.values(), key=lambda facts: (_body(facts), facts.parameters, _name(facts)))


def _body(info: ModelInfo) -> float:
    """About how many weights each token is multiplied with; tables are only looked up, so they count as a small net."""
    return max(12.0 * info.depth * info.width**2, 5e6)


def _has_features(candidate: Candidate) -> bool:
    """Pretrained networks have; prompted models (weight group ``prompt``) have none."""
    groups = candidate.model.groups
    return candidate.model.pretrained and bool(groups) and "prompt" not in groups


def _name(info: ModelInfo) -> str:
    return f"{info.family}/{info.name}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
