"""Candidates as table rows: the leaderboard with costs, excluded candidates with reasons, ranks of the screening."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from goldilocks.records import Cost, Decision, Excluded, Measured, Pool, Screening, Standing, Trial
from goldilocks.report.cost_loss_chart import Point
from goldilocks.report.scales import Scale
from goldilocks.report.svg import tag

COST_PARTS = ("tuning", "labour", "requests", "memory", "storage", "energy", "tokens")
_ADDRESS = re.compile(r"^\w+://\S+: ")
"""A model's address in front of an exclusion reason, removed so that candidates with the same reason are grouped."""
_WHISKER = 110
"""Width in pixels of the inline plot of a score with its interval."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the leaderboard."""

    place: int
    standing: Standing
    label: str
    loss: float | None
    whisker: Markup


@dataclass(frozen=True, slots=True)
class ExcludedGroup:
    """Candidates that were excluded for the same reason."""

    stage: str
    reason: str
    candidates: tuple[str, ...]


def without_address(reason: str) -> str:
    """An exclusion reason without the model's address in front.

    Example:
        >>> without_address("hf://google/electra-small: not on this machine")
        'not on this machine'
    """
    return _ADDRESS.sub("", reason)


def labels_of(decision: Decision) -> dict[str, str]:
    """Candidate -> short name for plots: model and method if unambiguous, else the full name."""
    short = {
        standing.candidate: standing.model if standing.method == "scratch" else f"{standing.model} · {standing.method}"
        for standing in decision.candidates
    }
    names = list(short.values())
    return {name: label if label and names.count(label) == 1 else name for name, label in short.items()}


def colours_of(decision: Decision) -> dict[str, int]:
    """Candidate -> colour index, for the candidates that are best for some α, cheapest first, and the winner."""
    names = dict.fromkeys([*(piece.candidate for piece in decision.map), decision.winner.candidate])
    return {name: number % 8 for number, name in enumerate(names)}


def losses_of(decision: Decision, trials: Sequence[Trial]) -> dict[str, float]:
    """Candidate -> loss at its last rung, the mean over its seeds; derived from J if there is no trial."""
    losses: dict[str, float] = {}
    for standing in decision.candidates:
        if standing.J is not None and standing.cost is not None and decision.alpha > 0:
            losses[standing.candidate] = (standing.J - standing.cost.total) / decision.alpha
    for trial in sorted(trials, key=lambda trial: trial.share):
        if not trial.repeat:
            losses[trial.candidate] = trial.loss
    for standing in decision.candidates:
        if standing.seed_losses:
            losses[standing.candidate] = sum(standing.seed_losses) / len(standing.seed_losses)
    return losses


def loss_per_score(trials: Sequence[Trial]) -> float:
    """How much the loss changes when the score changes by 1; -1 for accuracy, 1 for an error rate.

    The loss is linear in the score, so any two trials with different scores determine the slope; -1 if there are none.
    """
    if not trials:
        return -1.0
    worst, best = max(trials, key=lambda trial: trial.score.value), min(trials, key=lambda trial: trial.score.value)
    change = worst.score.value - best.score.value
    return (worst.loss - best.loss) / change if change > 1e-6 else -1.0


def points_of(decision: Decision, trials: Sequence[Trial]) -> list[Point]:
    """The candidates with a cost and a loss, as points of the cost–loss plot."""
    labels, losses, slope = labels_of(decision), losses_of(decision, trials), loss_per_score(trials)
    points: list[Point] = []
    for standing in decision.candidates:
        loss = losses.get(standing.candidate)
        if standing.cost is None or standing.score is None or loss is None:
            continue
        ends = sorted(loss + slope * (end - standing.score.value) for end in (standing.score.low, standing.score.high))
        low, high = max(ends[0], 0.0), min(ends[1], 1.0)
        points.append(
            Point(
                standing.candidate,
                labels[standing.candidate],
                standing.cost.total,
                loss,
                low,
                high,
                standing.status,
            )
        )
    return points


def forms_of(decision: Decision) -> list[Point]:
    """The compressed forms that passed the gate, as points of the cost–loss plot; ``frontier`` or ``compressed``."""
    labels, points = labels_of(decision), []
    for name, record in decision.compression.items():
        for trial in record.trials:
            if not trial.passed or trial.cost is None or trial.j is None or decision.alpha <= 0:
                continue
            loss = (trial.j - trial.cost) / decision.alpha
            steps = " + ".join(trial.steps)
            status = "frontier" if trial.steps in record.frontier else "compressed"
            points.append(Point(name, f"{labels.get(name, name)}, {steps}", trial.cost, loss, loss, loss, status))
    return points


def leaderboard(decision: Decision, trials: Sequence[Trial]) -> list[Line]:
    """All candidates with a score: finished ones by J, then those that violate a limit, then stopped ones by score."""
    labels, losses = labels_of(decision), losses_of(decision, trials)
    rows = [candidate for candidate in decision.candidates if candidate.score is not None]
    rows.sort(key=lambda row: (row.J is None, row.J or 0.0, row.share < 1, losses.get(row.candidate, 1.0)))
    scale = whisker_scale([row.score for row in rows if row.score])
    return [
        Line(place, row, labels[row.candidate], losses.get(row.candidate), whisker(row.score, scale))
        for place, row in enumerate(rows, start=1)
        if row.score is not None
    ]


def whisker_scale(scores: Sequence[Measured]) -> Scale:
    """A scale that resolves the good candidates; scores far below are drawn at the edge."""
    if not scores:
        return Scale(0.0, 1.0, 5, _WHISKER - 5)
    values = sorted(score.value for score in scores)
    high = max(score.high for score in scores)
    middle = values[len(values) // 2]
    low = max(min(score.low for score in scores), middle - 2 * (high - middle))
    return Scale(low, high if high > low else low + 1.0, 5, _WHISKER - 5)


def whisker(score: Measured, scale: Scale) -> Markup:
    """Inline plot of a score with its interval; the numbers are shown next to it."""
    at, left, right = scale(score.value), scale(score.low), scale(score.high)
    off = score.value < scale.low
    parts = [tag("line", class_="base", x1=0, x2=_WHISKER, y1=8, y2=8)]
    if off:
        parts.append(tag("path", class_="off", d="M9 4 L4 8 L9 12"))
    else:
        parts.append(tag("line", class_="interval", x1=left, x2=right, y1=8, y2=8))
        parts.append(tag("circle", class_="value", cx=at, cy=8, r=3.5))
    box = f"0 0 {_WHISKER} 16"
    return tag("svg", *parts, class_="whisker", viewBox=box, width=_WHISKER, height=16, aria_hidden="true")


def whole_scale(scores: Sequence[Measured]) -> Scale:
    """A scale that covers all intervals."""
    low, high = min(score.low for score in scores), max(score.high for score in scores)
    return Scale(low, high if high > low else low + 1.0, 5, _WHISKER - 5)


def cost_bar(cost: Cost, limit: float) -> list[tuple[str, float]]:
    """(part, percent of the most expensive candidate's total) for the parts that are not 0."""
    return [(name, 100 * getattr(cost, name) / limit) for name in COST_PARTS if limit > 0 and getattr(cost, name) > 0]


def excluded(decision: Decision, pool: Pool, screening: Screening | None) -> list[ExcludedGroup]:
    """All excluded candidates, those that violate a measured limit included, grouped by stage and reason."""
    stage_and_reason: dict[str, tuple[str, str]] = {}

    def note(stage: str, excluded_now: Iterable[Excluded]) -> None:
        for exclusion in excluded_now:
            stage_and_reason.setdefault(exclusion.candidate, (stage, without_address(exclusion.reason)))

    def of_status(status: str, scored: bool) -> list[Excluded]:
        return [
            Excluded(standing.candidate, standing.reason)
            for standing in decision.candidates
            if standing.status == status and (standing.score is not None) == scored and not standing.dropped
        ]

    for standing in decision.candidates:
        if standing.dropped:
            note("failed during the run", [Excluded(standing.candidate, standing.reason)])
    note("violates a limit, as measured", of_status("excluded", scored=True))
    note("excluded by screening", [*(screening.cut if screening else ()), *of_status("screened", scored=False)])
    note("in the race, never trained", of_status("stopped", scored=False))
    note("not eligible", [*pool.excluded, *of_status("excluded", scored=False)])
    groups: dict[tuple[str, str], list[str]] = {}
    for name, key in stage_and_reason.items():
        groups.setdefault(key, []).append(name)
    return [ExcludedGroup(stage, reason, tuple(sorted(names))) for (stage, reason), names in groups.items()]


def rank_table(
    trials: Sequence[Trial], screening: Screening
) -> tuple[list[tuple[str, float | None, dict[str, int]]], Mapping[str, float | None]]:
    """Rank of each model under each estimator, with its lowest loss in the race.

    Returns:
        Rows ``(model, lowest loss of a finished run or None, {ranking: place})``, best of the race first; and for each
        ranking the share of pairs of models that it orders as the race did (0.5: chance).
    """
    final: dict[str, float] = {}
    for trial in trials:
        if trial.share >= 1 and not trial.repeat:
            model = trial.candidate.rsplit("/", 1)[0]
            final[model] = min(final.get(model, trial.loss), trial.loss)
    places = {name: {model: i for i, model in enumerate(order, 1)} for name, order in screening.rankings.items()}
    models = dict.fromkeys(
        [*(probe.model for probe in screening.looks), *(model for order in places.values() for model in order)]
    )
    rows = [
        (model, final.get(model), {name: order[model] for name, order in places.items() if model in order})
        for model in models
    ]
    rows.sort(key=lambda row: (row[1] is None, row[1] or 0.0, row[0]))
    return rows, {name: agreement(order, final) for name, order in places.items()}


def agreement(places: Mapping[str, int], losses: Mapping[str, float]) -> float | None:
    """Share of pairs with different losses that are ranked correctly (concordance); ``None`` without a pair.

    Example: b and c are swapped, the other two of three pairs are correct.
        >>> round(agreement({"a": 1, "c": 2, "b": 3}, {"a": 0.1, "b": 0.2, "c": 0.3}), 3)
        0.667
    """
    known = [model for model in places if model in losses]
    compared = [(a, b) for a in known for b in known if losses[a] < losses[b]]
    return sum(places[a] < places[b] for a, b in compared) / len(compared) if compared else None
