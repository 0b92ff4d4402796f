"""From a finished race to the decision record: footprints and costs measured, the choice made, nobody left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import metadata

from goldilocks.records import Candidate, Cost, Decision, Footprint, Pool, Search, Standing, Text, Trial
from goldilocks.select.cost import cost
from goldilocks.select.decide import Finished, decide
from goldilocks.select.digests import digests
from goldilocks.select.drop import Guard
from goldilocks.select.explain_choice import sentence
from goldilocks.select.pace import pace
from goldilocks.select.race import FOOTPRINT_TEXTS, Setting

_VERSIONS = ("goldilocks-lm", "torch", "transformers", "tokenizers", "scikit-learn", "numpy")


def conclude(
    setting: Setting,
    trials: Sequence[Trial],
    stopped: str,
    policy: str,
    *,
    measure: Callable[[Candidate, Sequence[Text]], Footprint],
    metric_name: str,
) -> Decision | None:
    """Measure what finished, decide, and write down why.

    ``None`` where somebody fell out while being measured: perhaps others were not bought for its sake, so the race goes
    on before anything is decided.

    Args:
        setting: What the race was run with.
        trials: All purchases.
        stopped: Why the race stopped.
        policy: Name of the policy.
        measure: Footprint of a finished candidate, answering the given texts.
        metric_name: File name of the metric that decides.

    Raises:
        LimitError: nobody keeps the hard limits.
    """
    dataset, spec = setting.dataset, setting.spec
    finished = _finished(setting, trials, measure)
    if finished is None:
        return None
    choice = decide(finished, dataset.validation.gold, setting.metric, spec)
    standings = (*choice.standings, *_unfinished(setting, trials, stopped))
    return Decision(
        winner=choice.winner,
        tied=choice.tied,
        map=choice.map,
        candidates=standings,
        objective=spec.objective,
        prices=spec.prices,
        alpha=spec.objective.alpha,
        metric=metric_name,
        sentence=sentence(choice.winner, choice.standings, choice.tied, choice.map, spec.objective, metric_name),
        search=Search(
            seconds=setting.clock.elapsed(),
            trials=len(trials),
            exhaustive_seconds_estimate=exhaustive_seconds(setting.pool, trials),
            policy=policy,
            stopped=stopped,
            money=setting.workspace.account().total().money,
        ),
        task=spec.task,
        seed=spec.seed,
        data_fingerprint=dataset.fingerprint,
        versions={name: metadata.version(name) for name in _VERSIONS},
        machine=setting.machine,
        inputs=digests(setting.workspace, len(trials)),
    )


def exhaustive_seconds(pool: Pool, trials: Sequence[Trial]) -> float:
    """What running everybody to the end would take: measured where bought, else forecast, corrected by family."""
    spent: dict[str, float] = {}
    share: dict[str, float] = {}
    for one in trials:
        spent[one.candidate] = spent.get(one.candidate, 0.0) + one.seconds
        share[one.candidate] = max(share.get(one.candidate, 0.0), one.share)
    behind = {name: pool.forecasts[name].behind(share[name]) for name in spent}
    full = {name: spent[name] / behind[name] for name in spent}
    forecast = {name: behind[name] * pool.forecasts[name].seconds for name in spent}

    def guess(name: str) -> float:
        family = {other: took for other, took in spent.items() if other.split("/")[0] == name.split("/")[0]}
        return pool.forecasts[name].seconds * pace(family or spent, forecast)

    return sum(full.get(one.name) or guess(one.name) for one in pool.candidates)


def _finished(
    setting: Setting, trials: Sequence[Trial], measure: Callable[[Candidate, Sequence[Text]], Footprint]
) -> list[Finished] | None:
    dataset = setting.dataset
    guard = Guard(setting.workspace, setting.clock, setting.progress)
    by_name = {one.name: one for one in setting.pool.candidates}
    texts = dataset.validation.texts[:FOOTPRINT_TEXTS]
    found: list[Finished] = []
    out = setting.workspace.read_dropped()
    done = [one for one in trials if one.share >= 1 and one.candidate not in out]
    for number, trial in enumerate(done):
        candidate = by_name[trial.candidate]
        setting.progress("measuring", {"candidate": trial.candidate, "number": number + 1, "of": len(done)})
        with guard.watch("measuring", [trial.candidate]) as fallen:
            needs = _with_tokens(measure(candidate, texts), trial)
        if fallen:
            continue
        answers = setting.workspace.read_answers(trial.predictions, dataset.goal)
        seconds = sum(one.seconds for one in trials if one.candidate == trial.candidate)
        usage = setting.workspace.account(trial.candidate).own() if candidate.model.remote else None
        spent = usage.money if usage else 0.0
        monthly: Cost = cost(seconds, needs, setting.spec, setting.machine, asked=trial.usage, spent=spent)
        found.append(
            Finished(
                candidate=candidate,
                trial=trial,
                answers=answers.values,
                seconds=seconds,
                footprint=needs,
                cost=monthly,
                usage=usage,
            )
        )
    return found if len(found) == len(done) else None


def _with_tokens(footprint: Footprint, trial: Trial) -> Footprint:
    """Of an endpoint, what the validation part tells better than the few questions it was timed on."""
    asked = trial.usage
    if asked is None or not asked.questions:
        return footprint
    return replace(
        footprint,
        texts_per_second=1 / trial.seconds_per_text,
        tokens_read=asked.tokens_read / asked.questions,
        tokens_written=asked.tokens_written / asked.questions,
    )


def _unfinished(setting: Setting, trials: Sequence[Trial], stopped: str) -> list[Standing]:
    """Who did not finish: fell out, stopped in the race, never bought, cut by the screening, never in the pool."""
    latest = {one.candidate: one for one in trials}
    spent: dict[str, float] = {}
    for one in trials:
        spent[one.candidate] = spent.get(one.candidate, 0.0) + one.seconds
    cut = {one.candidate: one.reason for one in setting.screening.cut}
    dropped = setting.workspace.read_dropped()
    found: list[Standing] = []
    for candidate in setting.pool.candidates:
        trial = latest.get(candidate.name)
        fell = dropped.get(candidate.name)
        if fell is None and trial is not None and trial.share >= 1:
            continue
        if fell is not None:
            status, reason = "excluded", f"fell out in the {fell.stage}: {fell.reason}"
        elif candidate.name in cut:
            status, reason = "screened", cut[candidate.name]
        elif trial is None:
            status, reason = "stopped", f"never bought: {stopped}"
        else:
            status, reason = "stopped", f"stopped at {trial.share:.0%} of its run: {stopped}"
        found.append(
            Standing(
                candidate=candidate.name,
                family=candidate.model.family,
                model=candidate.model.name,
                method=candidate.method,
                status=status,
                reason=reason,
                parameters=candidate.model.parameters,
                licence=candidate.model.licence,
                share=trial.share if trial else 0.0,
                seconds=spent.get(candidate.name, 0.0) + (fell.seconds if fell else 0.0),
                score=trial.score if trial else None,
                dropped=fell.stage if fell else "",
                usage=setting.workspace.account(candidate.name).own() if candidate.model.remote else None,
            )
        )
    for out in setting.pool.excluded:
        family, model, method = (*out.candidate.split("/", 2), "", "")[:3]
        found.append(Standing(out.candidate, family, model, method, "excluded", out.reason))
    return found
