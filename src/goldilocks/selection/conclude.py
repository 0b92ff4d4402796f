"""From a finished race to the decision: footprints, costs, the choice, and the standings of all candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata

from goldilocks.answers import certainty
from goldilocks.events import FootprintStarted
from goldilocks.records import Candidate, Decision, Footprint, Pool, Search, Standing, Text, Trial, Verdict
from goldilocks.selection.cost import cost
from goldilocks.selection.decide import Choice, decide
from goldilocks.selection.digests import digests
from goldilocks.selection.explain_choice import advice, sentence, shortened
from goldilocks.selection.failures import Guard, own_fault
from goldilocks.selection.loss_table import Finished, SeedRun
from goldilocks.selection.needs import needs
from goldilocks.selection.next_steps import compared_with_hosted, next_steps
from goldilocks.selection.prospects import Forecasts, forecasts_of
from goldilocks.selection.race_context import FOOTPRINT_TEXTS, RaceContext
from goldilocks.selection.run_records import RunRecords
from goldilocks.selection.second_chance import compressed_form
from goldilocks.selection.time_correction import time_ratio
from goldilocks.selection.verdict import VerdictContext, headline, verdict_on
from goldilocks.selection.watchdog import time_limit

_VERSIONS = ("goldilocks-lm", "torch", "transformers", "tokenizers", "scikit-learn", "numpy")
FOOTPRINT_SECONDS = 4.0
"""By judgement: what measuring a finished model in a fresh process takes, loading included."""
_DISTURBED = 1.3
"""A second measurement of the latency that differs by this factor is no accident: something else used the machine."""


def conclude(
    setting: RaceContext,
    trials: Sequence[Trial],
    stopped: str,
    policy: str,
    *,
    compressed: bool = False,
    measure: Callable[[Candidate, Sequence[Text]], Footprint],
    metric_name: str,
) -> Decision | None:
    """Measure what finished, decide, and write down why.

    ``None`` where a candidate failed while being measured: others may have been passed over because of it, so the race
    goes on before anything is decided.

    Args:
        setting: What the race was run with.
        trials: All purchases.
        stopped: Why the race stopped.
        policy: Name of the policy.
        compressed: Whether candidates that were compressed count as their compressed form.
        measure: Footprint of a finished candidate, answering the given texts.
        metric_name: File name of the metric that decides.

    Raises:
        LimitError: no candidate meets the hard limits.
    """
    footprints = _measured(setting, trials, measure)
    if footprints is None:
        return None
    setting.workspace.write_validation(setting.dataset.goal, setting.dataset.validation.gold)
    records = _records(setting, trials, metric_name, compressed=compressed)
    search = Search(
        seconds=setting.clock.elapsed(),
        trials=len(trials),
        exhaustive_seconds_estimate=exhaustive_seconds(setting.pool, trials),
        policy=policy,
        stopped=stopped,
        money=setting.workspace.spending_log().total().money,
        lacking=max(setting.restart_seconds + setting.reserve.seconds(trials) - setting.clock.left(), -_ENDLESS),
    )
    decision = decision_from(records, footprints, search)
    if _refit_on_half(decision, setting):
        decision = decision_from(records, footprints, search)
    return replace(decision, inputs=digests(setting.workspace, len(trials)))


def _records(setting: RaceContext, trials: Sequence[Trial], metric_name: str, *, compressed: bool) -> RunRecords:
    return RunRecords(
        workspace=setting.workspace,
        spec=setting.spec,
        pool=setting.pool,
        screening=setting.screening,
        trials=trials,
        machine=setting.machine,
        gold=setting.dataset.validation.gold,
        goal=setting.dataset.goal,
        metric=setting.metric,
        metric_name=metric_name,
        data_fingerprint=setting.dataset.fingerprint,
        rule=setting.rule,
        task=setting.task,
        baselines=setting.workspace.read_baselines(),
        compressed=setting.workspace.read_compressed() if compressed else {},
    )


_ENDLESS = 1e9
"""Seconds that stand for what is left of a budget without end."""
_CHEAP_SECONDS = 4.0
"""A winner whose run took no longer is trained once more on half of the rows, for its learning curve."""


def _refit_on_half(decision: Decision, setting: RaceContext) -> bool:
    """Train a cheap winner on half of the rows and keep its validation answers; whether that was done now."""
    name, workspace = decision.winner.candidate, setting.workspace
    seconds = sum(trial.seconds for trial in workspace.read_trials() if trial.candidate == name and not trial.repeat)
    candidate = next(candidate for candidate in setting.pool.candidates if candidate.name == name)
    if (
        setting.start_on_half is None
        or candidate.model.remote
        or candidate.model.combined
        or workspace.half_answers(name) is not None
    ):
        return False
    affordable = seconds <= _CHEAP_SECONDS and setting.clock.left() >= 2 * _CHEAP_SECONDS
    if not affordable or len(setting.dataset.train) < _MIN_ROWS:
        return False
    try:
        with time_limit(_PATIENCE * _CHEAP_SECONDS, f"{name}, on half of the rows"):
            run = setting.start_on_half(candidate)
            run.advance(1.0)
            answers = run.predict(setting.dataset.validation.texts)
    except Exception as error:  # without the refit the prior stands
        if own_fault(error) is None:
            raise
        return False
    workspace.write_half(name, answers)
    return True


_MIN_ROWS = 20
"""Half of fewer training rows says nothing."""
_PATIENCE = 10.0


def decision_from(records: RunRecords, footprints: Mapping[str, Footprint], search: Search) -> Decision:
    """The decision that records and measured footprints lead to; nothing is run or measured.

    Args:
        records: Records of the run.
        footprints: Candidate -> what it needs to answer, of every candidate that finished.
        search: What the search took.

    Raises:
        LimitError: no candidate meets the hard limits.
        IntegrityError: stored answers are missing or damaged.
    """
    spec = records.spec
    finished = _finished(records, footprints)
    forecasts = forecasts_of(records, finished)
    choice = decide(finished, records.gold, records.metric, spec, prospects=forecasts.prospects, rule=records.rule)
    standings = (*choice.standings, *_unfinished(records, search, forecasts, choice))
    verdict = _verdict(records, choice, finished, standings)
    in_words = sentence(
        choice.winner,
        standings,
        choice.tied,
        choice.map,
        spec.objective,
        records.metric_name,
        useful=verdict is None or verdict.useful,
    )
    return Decision(
        winner=choice.winner,
        tied=choice.tied,
        map=choice.map,
        candidates=standings,
        objective=spec.objective,
        prices=spec.prices,
        alpha=spec.objective.alpha,
        metric=records.metric_name,
        sentence=" ".join(filter(None, (headline(verdict) if verdict else "", in_words, _in_form(choice.winner)))),
        search=search,
        task=spec.task,
        seed=spec.seed,
        data_fingerprint=records.data_fingerprint,
        versions={name: metadata.version(name) for name in _VERSIONS},
        machine=records.machine,
        serving=spec.serving,
        p_best=choice.winner.p_best,
        expected_regret=choice.expected_regret,
        advice=(
            *advice(standings, choice.winner, spec.objective, choice.expected_regret),
            *_schedule(choice.winner, records),
        ),
        warnings=_disturbances(footprints),
        loss_noise=choice.loss_noise,
        verdict=verdict,
        error=records.rule.what if records.rule else "",
        next_steps=next_steps(records, choice, finished, forecasts.prospects.members),
        hosted_or_own=compared_with_hosted(records, choice, finished),
        assumed=spec.assumed,
        compression={name: record.compression for name, record in records.compressed.items()},
    )


def _schedule(winner: Standing, records: RunRecords) -> tuple[str, ...]:
    """That the winner had a shorter training schedule than usual, if so."""
    name, share, planned = winner.candidate, winner.schedule_share, records.pool.short_schedules.get(winner.candidate)
    if planned is not None:
        return shortened(name, planned.full_seconds, planned, share)
    spent = sum(trial.seconds for trial in records.trials if trial.candidate == name and not trial.repeat)
    return shortened(name, spent / records.pool.forecasts[name].behind(share), None, share)


def _in_form(winner: Standing) -> str:
    """What form of the winner the numbers are of; empty: as it was tuned."""
    steps = ", ".join(winner.compressed)
    return f"Measured and bundled is its compressed form ({steps})." if steps else ""


def _verdict(
    records: RunRecords, choice: Choice, finished: Sequence[Finished], standings: Sequence[Standing]
) -> Verdict | None:
    if records.baselines is None or records.rule is None or records.task is None:
        return None
    context = VerdictContext(
        task=records.task,
        metric_name=records.metric_name,
        gold=records.gold,
        rule=records.rule,
        objective=records.spec.objective,
        baselines=records.baselines,
        needs=needs(records.pool, standings),
        seed=records.spec.seed,
    )
    return verdict_on(choice, finished, context)


def _disturbances(footprints: Mapping[str, Footprint]) -> tuple[str, ...]:
    """Findings about measurements that disagree with themselves."""
    return tuple(
        f"{name}: latency changed by a factor of {footprint.drift:.2f} between two measurements; something else used "
        "the machine, so its cost may be off. Measure again on a quiet machine."
        for name, footprint in footprints.items()
        if footprint.drift is not None and not 1 / _DISTURBED <= footprint.drift <= _DISTURBED
    )


def exhaustive_seconds(pool: Pool, trials: Sequence[Trial]) -> float:
    """Seconds of an exhaustive search: measured where bought, else forecast, corrected by family."""
    spent: dict[str, float] = {}
    share: dict[str, float] = {}
    for trial in trials:
        if trial.repeat:
            continue
        spent[trial.candidate] = spent.get(trial.candidate, 0.0) + trial.seconds
        share[trial.candidate] = max(share.get(trial.candidate, 0.0), trial.share * trial.schedule_share)
    behind = {name: pool.forecasts[name].behind(share[name]) for name in spent}
    full = {name: spent[name] / behind[name] for name in spent}
    forecast = {name: behind[name] * pool.forecasts[name].seconds for name in spent}

    def guess(name: str) -> float:
        family = {other: took for other, took in spent.items() if other.split("/")[0] == name.split("/")[0]}
        return pool.forecasts[name].seconds * time_ratio(family or spent, forecast)

    return sum(full.get(candidate.name) or guess(candidate.name) for candidate in pool.candidates)


def _measured(
    setting: RaceContext, trials: Sequence[Trial], measure: Callable[[Candidate, Sequence[Text]], Footprint]
) -> dict[str, Footprint] | None:
    """Candidate -> footprint of every finished one; ``None`` where one failed."""
    guard = Guard(setting.workspace, setting.clock, setting.progress)
    by_name = {candidate.name: candidate for candidate in setting.pool.candidates}
    texts = setting.dataset.validation.texts[:FOOTPRINT_TEXTS]
    footprints: dict[str, Footprint] = {}
    failures = setting.workspace.read_failures()
    done = [trial for trial in trials if trial.share >= 1 and not trial.repeat and trial.candidate not in failures]
    for number, trial in enumerate(done):
        setting.progress(FootprintStarted(trial.candidate, number + 1, len(done)))
        with guard.watch("measuring", [trial.candidate]) as failed:
            footprints[trial.candidate] = _with_tokens(measure(by_name[trial.candidate], texts), trial)
        if failed:
            footprints.pop(trial.candidate, None)
    return footprints if len(footprints) == len({trial.candidate for trial in done}) else None


def _finished(records: RunRecords, footprints: Mapping[str, Footprint]) -> list[Finished]:
    by_name = {candidate.name: candidate for candidate in records.pool.candidates}
    spent: dict[str, float] = {}  # on the runs that are handed over; further seeds cost the search, not the model
    on_seeds: dict[str, float] = {}
    for trial in records.trials:
        seconds = on_seeds if trial.repeat else spent
        seconds[trial.candidate] = seconds.get(trial.candidate, 0.0) + trial.seconds
    ends = [trial for trial in records.trials if trial.share >= 1 and trial.candidate in footprints]
    last = {trial.candidate: trial for trial in ends if not trial.repeat}
    finished: list[Finished] = []
    for name, run in last.items():
        schedule = records.pool.short_schedules.get(name)
        if schedule is not None:
            run = replace(run, schedule_share=schedule.share * run.schedule_share)
        trial, footprint, steps = compressed_form(records, run, footprints[name])
        candidate, spent[name] = by_name[name], spent[name] + trial.seconds - run.seconds
        usage = records.workspace.spending_log(name).own() if candidate.model.remote else None
        monthly = cost(
            spent[name],
            footprint,
            records.spec,
            records.machine,
            model=candidate.model,
            usage=trial.usage,
            spent=usage.money if usage else 0.0,
        )
        repeats = [end for end in ends if end.repeat and end.candidate == name and not steps]
        first, *others = (_seed_run(run, records) for run in (trial, *repeats))
        finished.append(
            Finished(
                candidate=candidate,
                trial=trial,
                answers=first.answers,
                seconds=spent[name] + on_seeds.get(name, 0.0),
                footprint=footprint,
                cost=monthly,
                usage=usage,
                certainty=first.certainty,
                further=tuple(others),
                steps=steps,
            )
        )
    return finished


def _seed_run(trial: Trial, records: RunRecords) -> SeedRun:
    """What a finished run answered."""
    answers, rule = records.workspace.read_answers(trial.predictions, records.goal), records.rule
    if rule is not None:
        answers = rule.answers(answers)
    return SeedRun(trial, answers.values, certainty(answers, rule.answer_rule) if rule is not None else None)


def _with_tokens(footprint: Footprint, trial: Trial) -> Footprint:
    """An endpoint's footprint with token counts from the validation part: better than those of few questions."""
    usage = trial.usage
    if usage is None or not usage.questions:
        return footprint
    return replace(
        footprint,
        texts_per_second=1 / trial.seconds_per_text,
        tokens_read=usage.tokens_read / usage.questions,
        tokens_written=usage.tokens_written / usage.questions,
    )


def _more_budget(seconds: float | None, lacking: float) -> float | None:
    """Seconds by which the budget has to be raised to finish a run that still takes ``seconds``; see ``Search``."""
    return None if seconds is None else max(seconds + FOOTPRINT_SECONDS + lacking, 1.0)


def _unfinished(records: RunRecords, search: Search, forecasts: Forecasts, choice: Choice) -> list[Standing]:
    """Candidates that did not finish: failed, stopped, never run, cut by the screening, or never in the pool."""
    stopped, lacking = search.stopped, search.lacking
    latest = {trial.candidate: trial for trial in records.trials}
    spent: dict[str, float] = {}
    for purchase in records.trials:
        spent[purchase.candidate] = spent.get(purchase.candidate, 0.0) + purchase.seconds
    cut = {cut_candidate.candidate: cut_candidate.reason for cut_candidate in records.screening.cut}
    failures = records.workspace.read_failures()
    decided = {standing.candidate for standing in choice.standings}
    rows: list[Standing] = []
    for candidate in records.pool.candidates:
        name, trial, failure = candidate.name, latest.get(candidate.name), failures.get(candidate.name)
        if name in decided:
            continue
        if failure is not None:
            status, reason = "excluded", f"failed in the {failure.stage}: {failure.reason}"
        elif name in cut:
            status, reason = "screened", cut[name]
        elif trial is None:
            status, reason = "stopped", f"never run: {stopped}"
        else:
            status, reason = "stopped", f"stopped at {trial.share:.0%} of its run: {stopped}"
        needed, part = forecasts.least.get(name, (None, 1.0))
        rows.append(
            Standing(
                candidate=name,
                family=candidate.model.family,
                model=candidate.model.name,
                method=candidate.method,
                status=status,
                reason=reason,
                parameters=candidate.model.parameters,
                licence=candidate.model.licence,
                share=trial.share if trial else 0.0,
                seconds=spent.get(name, 0.0) + (failure.seconds if failure else 0.0),
                score=trial.score if trial else None,
                dropped=failure.stage if failure else "",
                usage=records.workspace.spending_log(name).own() if candidate.model.remote else None,
                p_best=choice.p_best.get(name),
                forecast=forecasts.losses.get(name),
                seconds_to_finish=forecasts.seconds.get(name),
                budget_to_finish=_more_budget(needed, lacking),
                share_to_finish=part,
            )
        )
    for out in records.pool.excluded:
        family, model, method = (*out.candidate.split("/", 2), "", "")[:3]
        rows.append(Standing(out.candidate, family, model, method, "excluded", out.reason))
    return rows
