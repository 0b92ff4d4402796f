"""The losses of finished candidates, item by item, as means over their training seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldilocks.evaluation.error_cost import LossRule
from goldilocks.evaluation.pseudo_values import is_share, pseudo_values
from goldilocks.evaluation.score import loss_of
from goldilocks.protocols import Floats, Metric
from goldilocks.records import Answer, Candidate, Cost, Footprint, Gold, Trial, Usage
from goldilocks.selection.experience import recorded_experience
from goldilocks.selection.seeds import SeedSpread, depends_on_seed, learnt_spread, pairs_of


@dataclass(frozen=True, slots=True)
class SeedRun:
    """A finished run of a candidate, with one training seed."""

    trial: Trial
    answers: tuple[Answer, ...]
    """Its answer to each validation item, in order."""
    certainty: Floats | None = None
    """How sure each of ``answers`` is (``answers.certainty``); ``None``: not known, so no answer is reviewed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A candidate that ran to the end, with all that the decision needs of it."""

    candidate: Candidate
    trial: Trial
    answers: tuple[Answer, ...]
    """Its answer to each validation item, in order."""
    seconds: float
    """Spent on it in the race, further seeds included."""
    footprint: Footprint
    cost: Cost
    usage: Usage | None = None
    """What the search asked an endpoint for it."""
    certainty: Floats | None = None
    """See ``SeedRun.certainty``."""
    further: tuple[SeedRun, ...] = ()
    """Its runs with other seeds; the model that is handed over is that of ``trial``."""
    steps: tuple[str, ...] = ()
    """Compressors applied to it: everything above is of the compressed form."""

    def runs(self) -> Iterator[SeedRun]:
        """All its runs, the first one first."""
        yield SeedRun(self.trial, self.answers, self.certainty)
        yield from self.further


@dataclass(frozen=True, slots=True)
class LossTable:
    """Losses of candidates on the same items."""

    per_item: npt.NDArray[np.float64]
    """Mean over the seeds, ``(n_items, n_candidates)``."""
    losses: npt.NDArray[np.float64]
    """Mean over items and seeds, ``(n_candidates,)``."""
    bounded: bool
    """Whether losses are between 0 and 1; several errors in an item make more."""
    steps: bool
    """Whether an item is just right or wrong."""
    is_share: bool
    """Whether the displayed metric is a share of items."""
    reviews: Mapping[int, tuple[float, float]]
    """Position -> certainty below which answers are reviewed, and the share of items whose answers are."""
    seed_losses: tuple[tuple[float, ...], ...]
    """Loss of every seed of each candidate."""
    spread: SeedSpread
    """How far losses vary from seed to seed, as far as these candidates tell."""
    seed_errors: npt.NDArray[np.float64]
    """Standard error of ``losses`` by the choice of seeds, ``(n_candidates,)``; 0 where training is deterministic."""


def loss_table(
    members: Sequence[Finished], gold: Sequence[Gold], metric: Metric, rule: LossRule | None, *, seed: int
) -> LossTable:
    """The losses of finished candidates.

    Args:
        members: At least one.
        gold: Gold answers of the validation items.
        metric: The metric that decides.
        rule: How answers become loss in money; ``None``: by the metric's loss, as recorded in the trials.
        seed: Seed of the groups of items, where the metric needs some.
    """
    runs = [run for member in members for run in member.runs()]
    counts = np.array([1 + len(member.further) for member in members])
    firsts = np.cumsum(counts) - counts
    if rule is None or rule.count is None:
        by_run = _losses_by_metric(runs, gold, metric, seed)
    else:
        by_run = _losses_by_errors(runs, gold, metric, rule, seed)
    ends = (firsts + counts).tolist()
    listed = by_run.losses.tolist()
    seed_losses = tuple(tuple(listed[first:end]) for first, end in zip(firsts.tolist(), ends, strict=True))
    pairs = [
        pair
        for place, first in enumerate(firsts.tolist())
        if counts[place] > 1
        for pair in pairs_of(seed_losses[place], list(by_run.per_item[:, first : first + counts[place]].T))
    ]
    spread = learnt_spread(recorded_experience().seed_spread, pairs)
    per_item = by_run.per_item
    if len(runs) > len(members):
        per_item = np.add.reduceat(per_item, firsts, axis=1) / counts
    means = np.add.reduceat(by_run.losses, firsts) / counts
    return LossTable(
        per_item=per_item,
        losses=means,
        bounded=by_run.bounded,
        steps=by_run.steps,
        is_share=by_run.is_share,
        reviews={
            place: by_run.reviews[first] for place, first in enumerate(firsts.tolist()) if first in by_run.reviews
        },
        seed_losses=seed_losses,
        spread=spread,
        seed_errors=np.array(
            [
                spread.error(loss, count) if depends_on_seed(member.candidate) else 0.0
                for member, loss, count in zip(members, means.tolist(), counts.tolist(), strict=True)
            ]
        ),
    )


@dataclass(frozen=True, slots=True)
class _RunLosses:
    """As ``LossTable``, for each run instead of each candidate."""

    per_item: npt.NDArray[np.float64]
    """``(n_items, n_runs)``."""
    losses: npt.NDArray[np.float64]
    """``(n_runs,)``."""
    bounded: bool
    steps: bool
    is_share: bool
    reviews: Mapping[int, tuple[float, float]]
    """Position of a run -> as ``LossTable.reviews``."""


def _losses_by_metric(runs: Sequence[SeedRun], gold: Sequence[Gold], metric: Metric, seed: int) -> _RunLosses:
    table = pseudo_values(metric, gold, [run.answers for run in runs], seed=seed)
    per_item = np.asarray(loss_of(metric, table))
    losses = np.array([run.trial.loss for run in runs])
    # An item without which the metric is not defined tells nothing about the others.
    per_item = np.where(np.isfinite(per_item), per_item, losses)
    share = is_share(table, metric.RANGE)
    return _RunLosses(per_item, losses, bounded=True, steps=share, is_share=share, reviews={})


def _losses_by_errors(
    runs: Sequence[SeedRun], gold: Sequence[Gold], metric: Metric, rule: LossRule, seed: int
) -> _RunLosses:
    """Losses in money of the errors that ``rule`` counts; ``metric`` is only displayed."""
    assert rule.count is not None
    errors = np.stack([rule.count(gold, run.answers) for run in runs], axis=1)
    per_item, reviews = _with_reviews(errors, runs, rule)
    return _RunLosses(
        per_item,
        per_item.mean(axis=0),
        bounded=bool(per_item.max() <= 1 + 1e-6),
        steps=is_share(per_item, (0.0, 1.0)),
        is_share=is_share(pseudo_values(metric, gold, [runs[0].answers], seed=seed), metric.RANGE),
        reviews=reviews,
    )


def _with_reviews(
    raw: npt.NDArray[np.float64], runs: Sequence[SeedRun], rule: LossRule
) -> tuple[npt.NDArray[np.float64], dict[int, tuple[float, float]]]:
    """The losses of items with unsure answers reviewed, and each run's threshold and share of reviews."""
    if rule.review is None:
        return raw, {}
    priced, reviews = raw.copy(), {}
    for position, run in enumerate(runs):
        if run.certainty is not None:
            reviewed = rule.reviewed(raw[:, position], run.certainty)
            priced[:, position] = reviewed.losses
            if reviewed.below is not None:
                reviews[position] = reviewed.below, reviewed.share
    return priced, reviews
