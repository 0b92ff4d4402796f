"""More data, a larger model, or stop? The expected J of each, with an interval and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.errors import GoldilocksError
from goldilocks.evaluation.pseudo_values import pseudo_values
from goldilocks.evaluation.score import loss_of
from goldilocks.records import Candidate, HostedOrOwn, Measured, NextStep, Standing
from goldilocks.selection.decide import Choice, Prospect
from goldilocks.selection.hosted_or_own import HOSTED, hosted_or_own
from goldilocks.selection.learning_curve import HalfRows, exponent, half_rows
from goldilocks.selection.loss_money import monthly_loss
from goldilocks.selection.loss_table import Finished
from goldilocks.selection.run_records import RunRecords
from goldilocks.selection.seeds import depends_on_seed
from goldilocks.support.files import read_object

STOP, MORE_DATA, LARGER_MODEL = "stop", "more_data", "larger_model"


def next_steps(
    records: RunRecords, choice: Choice, finished: Sequence[Finished], prospects: Sequence[Prospect]
) -> tuple[NextStep, ...]:
    """What could be done next: stop, label as many rows again, take the next larger candidate (where there is one).

    More labels are not proposed for a winner that a short budget let train on a part of the rows only.

    Args:
        records: Records of the run.
        choice: The decision.
        finished: Candidates that ran to the end.
        prospects: Candidates that did not.
    """
    steps = [_stop(records, choice), _more_data(records, choice, finished), _larger(records, choice, prospects)]
    return tuple(step for step in steps if step is not None)


def compared_with_hosted(records: RunRecords, choice: Choice, finished: Sequence[Finished]) -> HostedOrOwn | None:
    """The best endpoint compared with the best owned model; see ``hosted_or_own``."""
    if not any(standing.family == HOSTED for standing in choice.standings):
        return None
    member = next(member for member in finished if member.candidate.name == choice.winner.candidate)
    law = exponent(measured_half(records, choice, member))
    return hosted_or_own(choice, records.spec, law, _training_rows(records))


def _stop(records: RunRecords, choice: Choice) -> NextStep:
    winner = choice.winner
    seeds = f" and {len(winner.seed_losses)} training seeds" if winner.seed_losses else ""
    basis = f"measured on {len(records.gold):,} validation items{seeds}"
    drawn = _draws(choice, winner)  # as P(best) and the expected regret, which could else be more than all that J is
    return NextStep(STOP, winner.candidate, _measured(float(drawn.mean()), drawn, records), basis)


def _more_data(records: RunRecords, choice: Choice, finished: Sequence[Finished]) -> NextStep | None:
    winner = choice.winner
    schedule = records.pool.short_schedules.get(winner.candidate)
    if schedule is not None and schedule.rows < 1:  # it has not used the rows that there are
        return None
    assert winner.cost is not None
    member = next(member for member in finished if member.candidate.name == winner.candidate)
    half = measured_half(records, choice, member)
    law = exponent(half)
    now = choice.loss_of(winner.candidate)
    losses = np.maximum(now, 0.0) * law.factors(len(now), records.spec.seed)
    cost = winner.cost.total + winner.cost.tuning + winner.cost.labour  # twice the rows train twice as long
    drawn = cost + monthly_loss(losses, records.spec.objective)
    rows = _training_rows(records)
    shown = f"{rows:,} training rows" if rows else "training rows"
    if half is None:
        low, high = (1 - float(np.quantile(law.factors(4_000), end)) for end in (0.95, 0.05))
        basis = f"learning curves of other data ({low:.0%} to {high:.0%} less loss with twice the rows)"
    else:
        basis = f"a refit on half of the {shown} (loss {half.loss:.3f}, with all of them {half.full_loss:.3f})"
    return NextStep(
        MORE_DATA,
        winner.candidate,
        _measured(float(drawn.mean()), drawn, records),
        f"{basis}; without the cost of labelling",
        rows,
    )


def measured_half(records: RunRecords, choice: Choice, member: Finished) -> HalfRows | None:
    """The losses after half of the rows and all of them; ``None`` where no refit is stored."""
    stored = records.workspace.half_answers(member.candidate.name)
    if stored is None:
        return None
    try:
        answers = records.workspace.read_answers(stored, records.goal)
    except GoldilocksError:
        return None
    rule = records.rule
    if rule is not None:
        answers = rule.answers(answers)
    if rule is not None and rule.count is not None:
        losses = [rule.count(records.gold, given) for given in (answers.values, member.answers)]
    else:
        table = pseudo_values(records.metric, records.gold, [answers.values, member.answers], seed=records.spec.seed)
        losses = list(np.nan_to_num(loss_of(records.metric, table)).T)
    seeds = choice.seed_spread if depends_on_seed(member.candidate) else 0.0
    return half_rows(losses[0], losses[1], seeds)


def _larger(records: RunRecords, choice: Choice, prospects: Sequence[Prospect]) -> NextStep | None:
    """The next larger model, with its best method."""
    pool = {candidate.name: candidate for candidate in records.pool.candidates}
    size = pool[choice.winner.candidate].model.parameters
    unfinished = {prospect.candidate: prospect for prospect in prospects}
    names = [name for name in (*choice.names, *unfinished) if pool[name].model.parameters > size]
    if not names:
        return None
    smallest = min(pool[name].model.parameters for name in names)
    steps = [
        _forecast(records, unfinished[name]) if name in unfinished else _finished_step(records, choice, pool[name])
        for name in names
        if pool[name].model.parameters == smallest
    ]
    return min(steps, key=lambda step: step.expected_j.value)


def _finished_step(records: RunRecords, choice: Choice, candidate: Candidate) -> NextStep:
    standing = next(standing for standing in choice.standings if standing.candidate == candidate.name)
    winner = choice.winner
    assert standing.expected_j is not None
    assert winner.expected_j is not None
    # Above the winner by as much as the rule that chose between them says.
    expected = float(_draws(choice, winner).mean()) + standing.expected_j - winner.expected_j
    measured = _measured(expected, _draws(choice, standing), records)
    return NextStep(
        LARGER_MODEL, candidate.name, measured, f"measured on {len(records.gold):,} validation items: it has finished"
    )


def _forecast(records: RunRecords, prospect: Prospect) -> NextStep:
    # No worse than the commonest answer, where that was measured; forecasts before the first rung are wide.
    ends = [t.loss for t in records.trials if t.share >= 1 and t.candidate.startswith("majority/")]
    losses = np.minimum(prospect.draws(4_000, records.spec.seed), min(ends, default=1.0))
    drawn = prospect.cost + monthly_loss(losses, records.spec.objective)
    share = max((trial.share for trial in records.trials if trial.candidate == prospect.candidate), default=0.0)
    basis = f"its forecast after {share:.0%} of its run" if share else "its forecast: it has not been run"
    return NextStep(LARGER_MODEL, prospect.candidate, _measured(float(drawn.mean()), drawn, records), basis)


def _draws(choice: Choice, standing: Standing) -> npt.NDArray[np.float64]:
    """Draws of J, which is never below the cost: no loss is below 0."""
    assert standing.cost is not None
    return np.maximum(choice.j_of(standing.candidate), standing.cost.total)


def _measured(value: float, drawn: npt.NDArray[np.float64], records: RunRecords) -> Measured:
    low, high = (float(end) for end in np.quantile(drawn, [0.025, 0.975]))
    unit = f"{records.spec.objective.currency} per month"
    return Measured(value, min(low, value), max(high, value), len(records.gold), unit)


def _training_rows(records: RunRecords) -> int:
    """0: not known."""
    try:
        return int(read_object(records.workspace.data)["profile"]["rows"]["train"])
    except (GoldilocksError, OSError, ValueError, LookupError, TypeError):
        return 0
