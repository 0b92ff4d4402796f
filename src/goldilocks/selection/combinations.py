"""Candidates whose parts are other, finished candidates: ensembles, soups and cascades (``candidates.combine``).

They are made after the race. What an ensemble or a cascade answers to the validation items follows from the stored
answers of its parts; a soup answers them again. From then on they are candidates like any other: a trial, a footprint,
a cost, a place in the decision, a bundle. Why so: decision record 12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, certainty
from goldilocks.classical.combination import (
    CASCADE,
    ENSEMBLE,
    CombinationConfig,
    escalated,
    mean_answers,
    write_combination,
)
from goldilocks.errors import InputError
from goldilocks.evaluation.error_cost import FOLDS, LossRule, threshold
from goldilocks.evaluation.score import measured
from goldilocks.protocols import Model
from goldilocks.records import Candidate, Footprint, Forecast, ModelInfo, Pool, Text, Trial
from goldilocks.selection.cost import running_cost, service_ms
from goldilocks.selection.race_context import FOOTPRINT_TEXTS, RaceContext
from goldilocks.selection.standings import RUNGS
from goldilocks.selection.workspace import Workspace
from goldilocks.support.endpoints.usage import Usage
from goldilocks.support.files import remove, sha256_of, sha256_of_folder, with_checksum, write_text
from goldilocks.support.suggest import suggest

KINDS = ("ensemble", "soup", "cascade")
METHOD = "combined"
_LARGEST_ENSEMBLE = 3
_WHY = "made from"
"""How the reason of a combination's trial begins."""
_SECONDS = 15.0
"""Seconds of the budget that must be left, since the footprint of a combination is measured too."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A finished candidate that may be a part."""

    candidate: Candidate
    trial: Trial
    answers: Answers
    """To the validation items, by the loss rule."""
    seconds: float
    """Seconds of all its purchases."""

    @property
    def label(self) -> str:
        """What it is called in a combination's name."""
        return f"{self.candidate.model.name}-{self.candidate.method}".replace("/", "-")


@dataclass(frozen=True, slots=True)
class _Combination:
    """A combination before it is written."""

    candidate: Candidate
    parts: tuple[_Member, ...]
    answers: Answers
    write: Callable[[Path], None]
    usage: Usage | None = None


class Models(Protocol):
    """What making combinations needs of the finished models (``run_store.RunStore``)."""

    def model_folder(self, name: str) -> Path:
        """Where the model of a candidate is."""

    def restore(self, candidate: Candidate) -> Model:
        """The model of a candidate, ready for inference."""

    def footprint(self, candidate: Candidate, texts: Sequence[Text]) -> Footprint:
        """What it needs to answer."""


def check_kinds(kinds: Sequence[str]) -> None:
    """Check that ``candidates.combine`` names what there is.

    Raises:
        InputError: it does not; the nearest is named.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(
                f"task file: candidates.combine names {kind!r}.{suggest(kind, KINDS)} There are: {', '.join(KINDS)}."
            )


def with_combinations(
    context: RaceContext, trials: tuple[Trial, ...], models: Models
) -> tuple[RaceContext, tuple[Trial, ...]]:
    """The race with the combinations that the task file asks for as further finished candidates.

    Args:
        context: Context of the race.
        trials: All purchases.
        models: The finished ones.

    Returns:
        The context, whose pool holds the combinations too, and the trials with theirs; on the disk they are as well.
    """
    kinds = context.spec.candidates.combine
    if not kinds or context.rule is None or not context.dataset.goal.labels:
        return context, trials
    members = _members(context, trials)
    makers: dict[str, Callable[[], list[_Combination]]] = {
        "ensemble": lambda: _ensembles(members, context),
        "soup": lambda: _soups(members, context, models),
        "cascade": lambda: _cascades(members, context, models),
    }
    for kind in kinds:
        for combination in makers[kind]():
            if context.clock.left() < _SECONDS or _over_disk(combination, context):
                return context, trials
            context, trial = _entered(combination, context)
            trials = (*trials, trial)
    return context, trials


def forget_combinations(workspace: Workspace, pool: Pool) -> None:
    """Take back what ``with_combinations`` wrote: the race knows only candidates of its own pool."""
    pool_names = {candidate.name for candidate in pool.candidates}
    combined = {trial.candidate for trial in workspace.read_trials() if trial.why.startswith(_WHY)} - pool_names
    if combined:
        workspace.forget(combined)
        write_text(workspace.pool, with_checksum(pool))


def _over_disk(combination: _Combination, context: RaceContext) -> bool:
    return context.workspace.size_bytes() + combination.candidate.model.size_bytes > context.max_disk_bytes


def _members(context: RaceContext, trials: Sequence[Trial]) -> list[_Member]:
    """Finished candidates with probabilities, the best first; the majority answer adds nothing."""
    failures = context.workspace.read_failures()
    by_name = {candidate.name: candidate for candidate in context.pool.candidates}
    goal, rule = context.dataset.goal, context.rule
    assert rule is not None
    members = []
    for trial in trials:
        candidate = by_name.get(trial.candidate)
        ready = trial.share >= 1 and not trial.repeat and trial.candidate not in failures
        if candidate is None or not ready or candidate.model.family == "majority":
            continue
        answers = rule.answers(context.workspace.read_answers(trial.predictions, goal))
        spent = sum(other.seconds for other in trials if other.candidate == trial.candidate and not other.repeat)
        members.append(_Member(candidate, trial, answers, spent))
    return sorted(members, key=lambda member: (member.trial.loss, member.candidate.name))


def _entered(combination: _Combination, context: RaceContext) -> tuple[RaceContext, Trial]:
    """Write the model, its answers, its trial and the pool that holds it."""
    workspace, dataset, rule = context.workspace, context.dataset, context.rule
    assert rule is not None
    name = combination.candidate.name
    folder = workspace.of_candidate(name) / "model"
    beside = folder.with_name("model.part")
    for old in (folder, beside):
        remove(old)
    combination.write(beside)
    beside.rename(folder)
    answers = rule.answers(combination.answers)
    last = len(RUNGS) - 1
    predictions = workspace.write_answers(name, last, combination.answers)
    trial = Trial(
        candidate=name,
        rung=last,
        share=1.0,
        seconds=sum(part.seconds for part in combination.parts),
        score=measured(context.metric, dataset.validation.gold, answers.values, seed=context.spec.seed),
        loss=rule.loss(dataset.validation.gold, answers),
        predictions=predictions,
        seconds_per_text=sum(part.trial.seconds_per_text for part in combination.parts),
        elapsed=context.clock.elapsed(),
        predicted_seconds=0.0,
        value=0.0,
        why=f"{_WHY} {' and '.join(part.candidate.name for part in combination.parts)}",
        data_fingerprint=dataset.fingerprint,
        usage=combination.usage,
        predictions_sha256=sha256_of(workspace.inside(predictions)),
        model_sha256=sha256_of_folder(folder),
    )
    forecasts = {**context.pool.forecasts, name: Forecast(1.0, 0.0)}
    pool = replace(context.pool, candidates=(*context.pool.candidates, combination.candidate), forecasts=forecasts)
    write_text(workspace.pool, with_checksum(pool))
    workspace.add_trial(trial)
    return replace(context, pool=pool), trial


def _candidate(kind: str, parts: Sequence[_Member]) -> Candidate:
    """The candidate that an ensemble or a cascade is."""
    models = [part.candidate.model for part in parts]
    licences = sorted({model.licence for model in models} - {"none-needed"})
    info = ModelInfo(
        name="+".join(part.label for part in parts),
        family=kind,
        source=f"{ModelInfo.PARTS}{'+'.join(part.candidate.name for part in parts)}",
        architecture=f"{kind} of {' and '.join(model.architecture for model in models)}",
        pretraining="; ".join(dict.fromkeys(model.pretraining for model in models)),
        languages=tuple(dict.fromkeys(language for model in models for language in model.languages)),
        licence=" and ".join(licences) or "none-needed",
        parameters=sum(model.parameters for model in models),
        size_bytes=sum(model.size_bytes for model in models),
        max_tokens=min(model.max_tokens for model in models),
    )
    return Candidate(info, METHOD)


# ---------------------------------------------------------------------------------------------------------- ensembles


def _ensembles(members: Sequence[_Member], context: RaceContext) -> list[_Combination]:
    """Ensembles of the best two, and of the best three, that run on this machine."""
    able = [member for member in members if not member.candidate.model.remote]
    sizes = range(2, min(_LARGEST_ENSEMBLE, len(able)) + 1)
    return [_ensemble(able[:size], context) for size in sizes]


def _ensemble(parts: Sequence[_Member], context: RaceContext) -> _Combination:
    goal = context.dataset.goal
    answers = mean_answers([part.answers.probabilities for part in parts], goal.labels, several=goal.several)
    config = CombinationConfig(ENSEMBLE, _families(parts), goal.labels, goal.several)
    return _Combination(_candidate(ENSEMBLE, parts), tuple(parts), answers, _writer(parts, config, context))


def _families(parts: Sequence[_Member]) -> tuple[str, ...]:
    return tuple(part.candidate.model.family for part in parts)


def _writer(parts: Sequence[_Member], config: CombinationConfig, context: RaceContext) -> Callable[[Path], None]:
    folders = [context.workspace.of_candidate(part.candidate.name) / "model" for part in parts]
    return lambda folder: write_combination(folders, config, folder)


# ----------------------------------------------------------------------------------------------------------- cascades


@dataclass(frozen=True, slots=True)
class Escalation:
    """Which items go on to the second part, and under which threshold."""

    below: float
    """Certainty of the first part below which the second is asked, chosen on all items."""
    asked: npt.NDArray[np.bool_]
    """Whether the second model is asked, item by item, under the threshold that the other folds chose."""


def escalation(first: npt.NDArray[Any], second: npt.NDArray[Any], sure: npt.NDArray[Any], price: float) -> Escalation:
    """The threshold with the lowest expected J, cross-fitted.

    Args:
        first: Loss of each item under the first part, ``(n_items,)``.
        second: The same under the second part.
        sure: Certainty of the first part, ``(n_items,)``.
        price: What asking the second part costs, in units of loss.

    Example: asking saves 1 where the first is unsure, and costs .3.
        >>> wrong = np.array([1.0] * 10 + [0.0] * 10)
        >>> found = escalation(wrong, np.zeros(20), np.array([0.2] * 10 + [0.9] * 10), 0.3)
        >>> round(found.below, 2), int(found.asked.sum())
        (0.55, 10)
    """
    saved = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    asked = np.zeros(len(saved), dtype=bool)
    folds = np.random.default_rng(0).permutation(len(saved)) % FOLDS
    for fold in range(FOLDS):
        in_fold = folds == fold
        if in_fold.any() and not in_fold.all():
            asked[in_fold] = sure[in_fold] < threshold(saved[~in_fold], sure[~in_fold], price)
    return Escalation(threshold(saved, sure, price), asked)


def _cascades(members: Sequence[_Member], context: RaceContext, models: Models) -> list[_Combination]:
    """The pair of a cheap and a more expensive candidate with the lowest J; none where no pair escalates some items."""
    texts = context.dataset.validation.texts[:FOOTPRINT_TEXTS]
    priced = [(member, _each(member, context, models, texts)) for member in members]
    best: tuple[float, _Combination] | None = None
    for (a, a_cost), (b, b_cost) in combinations(priced, 2):
        (cheap, low), (expensive, high) = sorted([(a, a_cost), (b, b_cost)], key=lambda pair: pair[1])
        if cheap.candidate.model.remote or not np.isfinite(certainty(cheap.answers, _rule(context).answer_rule)).any():
            continue
        j, combination = _cascade((cheap, expensive), (low, high), context)
        if combination is not None and (best is None or j < best[0]):
            best = j, combination
    return [] if best is None else [best[1]]


def _rule(context: RaceContext) -> LossRule:
    assert context.rule is not None
    return context.rule


def _each(member: _Member, context: RaceContext, models: Models, texts: Sequence[Text]) -> float:
    """Money per month for answering every request with a candidate."""
    if member.candidate.model.remote:
        return running_cost(0.0, context.spec, context.machine, member.trial.usage)
    seconds = service_ms(models.footprint(member.candidate, texts), context.spec.serving).value / 1000
    return running_cost(seconds, context.spec, context.machine, model=member.candidate.model)


def _cascade(
    parts: tuple[_Member, _Member], costs: tuple[float, float], context: RaceContext
) -> tuple[float, _Combination | None]:
    """Expected J, money per month, and the cascade; ``None`` where it would ask the second part never or always."""
    (cheap, expensive), goal, rule = parts, context.dataset.goal, _rule(context)
    gold, alpha = context.dataset.validation.gold, max(context.spec.objective.alpha, 1e-9)
    losses = [rule.item_losses(gold, part.answers.values) for part in parts]
    sure = certainty(cheap.answers, rule.answer_rule)
    plan = escalation(losses[0], losses[1], sure, costs[1] / alpha)
    share = float(plan.asked.mean())
    if not np.isfinite(plan.below) or not 0 < share < 1:
        return np.inf, None
    answers = escalated(cheap.answers, expensive.answers.probabilities[plan.asked], plan.asked, several=goal.several)
    matrix = tuple(tuple(map(float, row)) for row in rule.answer_rule.error_costs or ())
    config = CombinationConfig(CASCADE, _families(parts), goal.labels, goal.several, plan.below, matrix)
    usage = expensive.trial.usage
    if usage is not None:  # a request costs the endpoint's price where it is asked, and nothing elsewhere
        usage = replace(usage, money=usage.money * share)
    combination = _Combination(_candidate(CASCADE, parts), parts, answers, _writer(parts, config, context), usage)
    loss = float(np.where(plan.asked, losses[1], losses[0]).mean())
    return alpha * loss + costs[0] + share * costs[1], combination


# -------------------------------------------------------------------------------------------------------------- soups


def _soups(members: Sequence[_Member], context: RaceContext, models: Models) -> list[_Combination]:
    """A greedy soup of the runs of each pretrained network that at least two methods have finished."""
    groups: dict[tuple[str, str], list[_Member]] = {}
    for member in members:
        info = member.candidate.model
        if info.pretrained and not info.remote and set(info.groups) - {"prompt"}:
            groups.setdefault((info.family, info.name), []).append(member)
    soups = [_soup(group, context, models) for group in groups.values() if len(group) > 1]
    return [soup for soup in soups if soup is not None]


def _soup(group: Sequence[_Member], context: RaceContext, models: Models) -> _Combination | None:
    """Add runs, the best first, as long as the validation loss does not rise; ``None`` where none could be added."""
    from goldilocks.nets.soup import averaged, mixable

    validation, rule = context.dataset.validation, _rule(context)
    folders = {member.candidate.name: models.model_folder(member.candidate.name) for member in group}
    chosen, loss = [group[0]], group[0].trial.loss
    answers = group[0].answers
    for member in group[1:]:
        trial = [*chosen, member]
        if not mixable(folders[chosen[0].candidate.name], folders[member.candidate.name]):
            continue
        network: Any = models.restore(group[0].candidate)
        averaged(network, [folders[part.candidate.name] for part in trial])
        attempt = rule.answers(network.predict(validation.texts))
        now = rule.loss(validation.gold, attempt)
        if now <= loss:
            chosen, loss, answers = trial, now, attempt
    if len(chosen) < 2:
        return None
    info = chosen[0].candidate.model
    source = f"{ModelInfo.PARTS}{'+'.join(part.candidate.name for part in chosen)}"
    candidate = Candidate(replace(info, source=source, groups=()), "soup")

    def write(folder: Path) -> None:
        network: Any = models.restore(chosen[0].candidate)
        averaged(network, [folders[part.candidate.name] for part in chosen])
        network.save(folder)

    return _Combination(candidate, tuple(chosen), answers, write)
