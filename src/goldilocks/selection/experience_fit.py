"""Fits the prior of the race to recorded races: per candidate where it was seen before, per kind for all others.

    y(d, c) = base + a(d) + level(kind of c) + effect(c) + F(c) · f(d) + rest

``y`` is the log of the loss that candidate c ends with on data set d. Effects are best linear unbiased predictions,
drawn to 0 by as much as few data sets leave them uncertain. ``F`` are a few principal directions of what data sets do
to candidates: two that always fail on the same data sets tell much about each other, whatever they are called. It is
the covariance of a Gaussian process over candidates, as Perrone et al. 2018, "Scalable Hyperparameter Transfer
Learning", have it over hyperparameters, in its low-rank form.

The relation of a rung to the end is fitted alike: per candidate, drawn to its kind, with the variance that all
candidates of a data set share besides their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from goldilocks.selection.experience import CandidateExperience, Experience, Rung, kind_of, recorded_experience
from goldilocks.selection.race_table import TableRace

Floats = npt.NDArray[np.float64]
Relations = dict[str, dict[str, Rung]]
"""Kind or candidate -> share -> relation of the rung to the end."""

MIN_SETS = 2
"""With fewer data sets nothing is fitted."""
_MAX_FACTORS = 3
_SETS_PER_FACTOR = 4
_MIN_SPREAD = 0.05
_ITERATIONS = 25
_BELIEVED_SETS = 4.0
"""Data sets that the belief about what candidates share at a rung counts for: few sets show little of it."""
_POOLED = 4.0
"""A candidate's own spread counts as if this many others had been seen with the mean spread."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Log final losses, ``(n_sets, n_candidates)``; not a number where a candidate was not run."""

    losses: Floats
    sets: tuple[str, ...]
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    counting: float
    """Mean variance of a log loss from counting it on the items of its data set."""


def fit_experience(
    races: Sequence[TableRace], base: Experience | None = None, *, keep_structure: bool = False
) -> Experience:
    """The experience of recorded races.

    Args:
        races: Races of at least ``MIN_SETS`` data sets; several seeds of one data set count as one.
        base: What holds for anything the races do not tell; the experience of the package where it is ``None``.
        keep_structure: Keep the spreads by family, group and model of ``base``, for pools most of whose candidates the
            races do not have.

    Returns:
        ``base`` itself where the races are of fewer data sets.
    """
    base = base or recorded_experience()
    table = _table(races)
    if len(table.sets) < MIN_SETS:
        return base
    doubt = _doubt(len(table.sets))
    centre, offsets, kind_levels, effects, variance = _additive(table)
    rest = table.losses - centre - offsets[:, None] - effects[None, :]
    factors = _factors(rest, table.counting)
    rest = rest - _explained(rest, factors)
    within = float(np.nanmean(rest**2)) * _degrees(table, factors) - table.counting
    candidate_spread = max(within, _MIN_SPREAD**2) ** 0.5
    shared, rungs = _rungs(races, base, doubt)
    between = float(np.std(offsets, ddof=1)) * doubt
    known = {
        name: CandidateExperience(
            level=round(float(effects[place]), 4),
            variance=round(float(variance[place]), 5),
            factors=tuple(round(float(value), 4) for value in factors[place]),
        )
        for place, name in enumerate(table.names)
    }
    if not keep_structure:
        base = replace(
            base,
            within_family=_MIN_SPREAD,
            within_group=_MIN_SPREAD,
            within_model=_MIN_SPREAD,
            groups={},
            level={},
        )
    return replace(
        base,
        level={**base.level, **{kind: round(value, 4) for kind, value in kind_levels.items()}, "*": 0.0},
        base=round(centre, 4),
        between_data=round(max(between, 0.2), 4),
        own=round(candidate_spread * doubt, 4),
        unseen=round(_unseen(table, effects, kind_levels), 4),
        rungs=_on_top(rungs, base.rungs) if keep_structure else rungs or base.rungs,
        shared={**base.shared, **shared} if rungs else base.shared,
        candidates=known,
        source=f"{len(races)} recorded races on {len(table.sets)} data sets",
    )


def _table(races: Sequence[TableRace]) -> _Table:
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    kinds: dict[str, str] = {}
    counting = []
    for race in races:
        for name, loss in race.final_losses.items():
            values[race.dataset, name].append(_log(loss, race.n_items))
            kinds[name] = kind_of(race.curves[name].candidate)
            counting.append(0.5 * (1 - min(loss, 0.99)) / max(loss * race.n_items, 0.5))
    sets = tuple(sorted({dataset for dataset, _ in values}))
    names = tuple(sorted(kinds))
    losses = np.full((len(sets), len(names)), np.nan)
    for (dataset, name), logs in values.items():
        losses[sets.index(dataset), names.index(name)] = np.mean(logs)
    return _Table(losses, sets, names, tuple(kinds[name] for name in names), float(np.mean(counting)))


def _additive(table: _Table) -> tuple[float, Floats, dict[str, float], Floats, Floats]:
    """(base, offset of each set, level of each kind, effect of each candidate with its kind's level, its variance)."""
    losses = table.losses
    seen = ~np.isnan(losses)
    counts = seen.sum(0)
    members = {kind: [place for place, of in enumerate(table.kinds) if of == kind] for kind in set(table.kinds)}
    effects, ratio, within = np.zeros(losses.shape[1]), 1.0, 1.0
    levels = dict.fromkeys(members, 0.0)
    centre, offsets = 0.0, np.zeros(len(losses))
    for _ in range(_ITERATIONS):
        by_set = np.nanmean(losses - effects, axis=1)
        centre = float(by_set.mean())
        offsets = by_set - centre
        rest = losses - centre - offsets[:, None]
        for kind, places in members.items():
            sets = int(seen[:, places].any(1).sum())
            levels[kind] = float(np.nanmean(rest[:, places])) * sets / (sets + 1)
        of_kind = np.array([levels[kind] for kind in table.kinds])
        means = np.nanmean(rest - of_kind, axis=0)
        effects = of_kind + means * counts / (counts + ratio)
        within = float(np.nanmean((rest - effects) ** 2))
        between = max(float(np.var(means)) - within * float(np.mean(1 / counts)), 1e-4)
        ratio = within / between
    return centre, offsets, levels, effects, within / (counts + ratio)


def _factors(rest: Floats, counting: float) -> Floats:
    """Loadings ``(n_candidates, k)`` of the principal directions of the residuals, less what chance would show."""
    n_sets, n_candidates = rest.shape
    k = min(_MAX_FACTORS, n_sets // _SETS_PER_FACTOR, n_candidates - 1)
    if k < 1:
        return np.zeros((n_candidates, 0))
    filled = np.where(np.isnan(rest), 0.0, rest)
    _, singular, directions = np.linalg.svd(filled, full_matrices=False)
    left = float((singular[k:] ** 2).sum()) / max((n_sets - k) * (n_candidates - k), 1)
    # The largest squared singular value of pure noise: Marchenko and Pastur 1967.
    noise = max(left, counting) * (np.sqrt(n_sets) + np.sqrt(n_candidates)) ** 2
    strength = np.sqrt(np.maximum(singular[:k] ** 2 - noise, 0.0) / n_sets)
    loadings = directions[:k].T * strength
    return np.asarray(loadings[:, strength > 0])


def _explained(rest: Floats, factors: Floats) -> Floats:
    """What the directions explain of each data set's residuals, by ridge regression on those that were seen."""
    explained = np.zeros_like(rest)
    if factors.shape[1] == 0:
        return explained
    left = float(np.nanvar(rest)) or 1.0
    for number, row in enumerate(rest):
        seen = ~np.isnan(row)
        design = factors[seen]
        score = np.linalg.solve(design.T @ design + left * np.eye(factors.shape[1]), design.T @ row[seen])
        explained[number] = factors @ score
    return explained


def _degrees(table: _Table, factors: Floats) -> float:
    """What mean squares are multiplied by, as offsets, effects and directions were fitted to the same numbers."""
    n = int((~np.isnan(table.losses)).sum())
    fitted = len(table.sets) * (1 + factors.shape[1]) + len(table.names)
    return float(n / max(n - fitted, 0.25 * n))


def _unseen(table: _Table, effects: Floats, levels: Mapping[str, float]) -> float:
    """Standard deviation of a candidate's effect about its kind's level, for one that was not seen."""
    about = effects - np.array([levels[kind] for kind in table.kinds])
    return max(float(np.sqrt(np.mean(about**2))), 0.1)


@dataclass(frozen=True, slots=True)
class _Gap:
    dataset: str
    name: str
    kind: str
    value: float


def _rungs(races: Sequence[TableRace], base: Experience, doubt: float) -> tuple[dict[str, float], Relations]:
    """Share -> spread that candidates share, and kind or candidate -> share -> its relation to the end."""
    gaps: dict[str, list[_Gap]] = defaultdict(list)
    for race in races:
        for name, curve in race.curves.items():
            end = _log(curve.points[1.0].loss, race.n_items)
            for share, point in curve.points.items():
                if share < 1:
                    gap = _log(point.loss, race.n_items) - end
                    gaps[f"{share:g}"].append(_Gap(race.dataset, name, kind_of(curve.candidate), gap))
    shared: dict[str, float] = {}
    rungs: dict[str, dict[str, Rung]] = defaultdict(dict)
    for text, seen in sorted(gaps.items(), key=lambda item: float(item[0])):
        shared[text], relations = _relations(seen, _believed(base, text, seen), doubt)
        for key, rung in relations.items():
            rungs[key][text] = rung
    # A candidate seen at some rungs only takes its kind's relation at the others.
    for of_key in rungs.values():
        for text, rung in rungs["*"].items():
            of_key.setdefault(text, rung)
    return shared, dict(rungs)


def _on_top(rungs: Mapping[str, Mapping[str, Rung]], base: Mapping[str, Mapping[str, Rung]]) -> Relations:
    return {
        key: {**base.get(key, {}), **rungs.get(key, {})} for key in (*base, *(key for key in rungs if key not in base))
    }


def _believed(base: Experience, text: str, seen: Sequence[_Gap]) -> float:
    """Spread that candidates would share at a rung after ``base``, for as much as is left to be learnt there."""
    known = {share: rung for share, rung in base.rungs["*"].items() if rung.bias > 0}
    nearest = min(known, key=lambda share: abs(np.log(float(share) / float(text))))
    bias = float(np.mean([gap.value for gap in seen]))
    return base.shared_spread(nearest) * max(bias, 0.0) / known[nearest].bias


def _relations(seen: Sequence[_Gap], believed: float, doubt: float) -> tuple[float, dict[str, Rung]]:
    overall = float(np.mean([gap.value for gap in seen]))
    kinds = _drawn(seen, lambda gap: gap.kind, lambda _: overall)
    names = _drawn(seen, lambda gap: gap.name, lambda gap: kinds[gap.kind])
    rests: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for gap in seen:
        rests[gap.dataset].append((gap.name, gap.value - names[gap.name]))
    means = {dataset: float(np.mean([value for _, value in values])) for dataset, values in rests.items()}
    own: dict[str, list[float]] = defaultdict(list)
    for dataset, values in rests.items():
        for name, value in values:
            own[name].append(value - means[dataset])
    # Biases and means were fitted to the same numbers; a bias that was drawn to its kind's counts for a part.
    fitted = sum(count / (count + 1) for count in (len(values) for values in own.values())) + len(means)
    freedom = len(seen) / max(len(seen) - fitted, 0.2 * len(seen))
    spread = float(np.sqrt(freedom * np.mean([value**2 for values in own.values() for value in values])))
    observed = sum(mean**2 for mean in means.values()) / max(len(means) - 1, 1)
    together = ((len(means) * observed + _BELIEVED_SETS * believed**2) / (len(means) + _BELIEVED_SETS)) ** 0.5

    def rung(bias: float, values: Sequence[float]) -> Rung:
        mean = (freedom * sum(value**2 for value in values) + _POOLED * spread**2) / (len(values) + _POOLED)
        return Rung(round(bias, 4), round(max(float(np.sqrt(mean)) * doubt, _MIN_SPREAD), 4))

    relations = {"*": rung(overall, [])}
    relations |= {kind: rung(bias, []) for kind, bias in kinds.items()}
    relations |= {name: rung(bias, own[name]) for name, bias in names.items()}
    return round(max(together * doubt, _MIN_SPREAD), 4), relations


def _drawn(seen: Sequence[_Gap], key: Callable[[_Gap], str], towards: Callable[[_Gap], float]) -> dict[str, float]:
    """Key -> mean gap over data sets, drawn to ``towards`` as if one more data set had shown that."""
    by_key: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    goal: dict[str, float] = {}
    for gap in seen:
        by_key[key(gap)][gap.dataset].append(gap.value)
        goal[key(gap)] = towards(gap)
    means = {of: [float(np.mean(values)) for values in sets.values()] for of, sets in by_key.items()}
    return {of: (sum(values) + goal[of]) / (len(values) + 1) for of, values in means.items()}


def _doubt(sets: int) -> float:
    """How much wider than normal a 90 % prediction for the next data set is, when spreads were seen on this many."""
    return float(stdtrit(max(sets - 1, 1), 0.95) / NormalDist().inv_cdf(0.95) * (1 + 1 / sets) ** 0.5)


def _log(loss: float, n_items: int) -> float:
    return float(np.log(max(loss, 0.5 / n_items)))
