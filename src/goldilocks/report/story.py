"""Sentences that explain the numbers of a decision."""

from __future__ import annotations

from collections.abc import Mapping

from goldilocks.records import AlphaRange, Decision
from goldilocks.report.words import number, score
from goldilocks.support.text.translation import _


def task_name(task_yaml: str) -> str:
    """The name in a task file; empty if there is none."""
    import yaml

    try:
        loaded = yaml.safe_load(task_yaml)
    except (yaml.YAMLError, RecursionError):
        return ""
    return str(loaded.get("name") or "") if isinstance(loaded, dict) else ""


def range_at(decision: Decision) -> int | None:
    """Position in the decision map of the range that contains the task's α."""
    for position, interval in enumerate(decision.map):
        if interval.alpha_from <= decision.alpha and (interval.alpha_to is None or decision.alpha < interval.alpha_to):
            return position
    return None


def distance(decision: Decision, labels: Mapping[str, str]) -> list[str]:
    """How far the task's α is from the next change of the best candidate, one sentence per direction."""
    position = range_at(decision)
    if position is None or decision.alpha <= 0:
        return [_("An error costs nothing in this task, so the cheapest candidate wins; set objective.error_cost.")]
    alpha_range = decision.map[position]
    if len(decision.map) == 1 and alpha_range.candidate == decision.winner.candidate:
        return [_("No cost of an error changes this decision.")]
    both_sides = [_upwards(decision, position, labels), _downwards(decision, position, labels)]
    if alpha_range.candidate == decision.winner.candidate:
        return both_sides
    observed = _(
        "At this α, {name} has the lowest observed J; the winner has the lowest expected J, or is cheaper within the "
        "stated margin."
    ).format(name=_name(alpha_range, labels))
    return [observed, *both_sides]


def _upwards(decision: Decision, position: int, labels: Mapping[str, str]) -> str:
    end = decision.map[position].alpha_to
    if end is None:
        return _("No higher error cost changes this decision.")
    last = position + 1 >= len(decision.map)
    following = _("another candidate") if last else _name(decision.map[position + 1], labels)
    return _would_be_best(_more(end / decision.alpha), _each(end, decision), following)


def _downwards(decision: Decision, position: int, labels: Mapping[str, str]) -> str:
    start = decision.map[position].alpha_from
    if start <= 0:
        return _("No lower error cost changes this decision.")
    return _would_be_best(
        _less(start / decision.alpha), _each(start, decision), _name(decision.map[position - 1], labels)
    )


def _would_be_best(change: str, price: str, name: str) -> str:
    return _("If an error cost {change} ({price}), {name} would be best.").format(change=change, price=price, name=name)


def holds(decision: Decision) -> tuple[float, float | None] | None:
    """The range of α in which the winner has the lowest J; ``None`` if there is none."""
    for interval in decision.map:
        if interval.candidate == decision.winner.candidate:
            return interval.alpha_from, interval.alpha_to
    return None


def _opened(decision: Decision) -> str:
    if decision.test_openings > 1:
        message = _("scored {n} times in this run, as it was resumed after a decision")
        return message.format(n=decision.test_openings)
    return _("opened once, after the decision")


def winners_curse(decision: Decision) -> str:
    """How to interpret the validation and the test score of the winner."""
    chosen, test = decision.winner.score, decision.test_score
    why = _("The best of many scores is partly chance (winner's curse), so the validation score is optimistic.")
    if test is None or not test.n:
        return _("{why} There is no test score; expect slightly less than the validation score.").format(why=why)
    if chosen is None:
        return _("{why} Expect the test score.").format(why=why)
    change = test.value - chosen.value
    if abs(change) < 0.0005:
        changed = _("the same")
    elif change < 0:
        changed = _("{amount} lower").format(amount=score(-change))
    else:
        changed = _("{amount} higher").format(amount=score(change))
    if test.low <= chosen.high and chosen.low <= test.high:
        overlap = _("their intervals overlap")
    else:
        overlap = _("their intervals do not overlap, which is rare by chance: check how the two sets differ")
    return _("{why} The test set was {opened}; its score is {changed}, and {overlap}. Expect the test score.").format(
        why=why, opened=_opened(decision), changed=changed, overlap=overlap
    )


def noise(decision: Decision) -> str:
    """How far the winner's loss may be off by the validation items and by the training seed, separately."""
    winner = decision.winner
    if winner.item_error is None or winner.seed_error is None:
        return ""
    items = f"The winner's validation loss is uncertain by ±{score(winner.item_error)} from the choice of items"
    if winner.seed_losses:
        seeds = ", ".join(score(loss) for loss in winner.seed_losses)
        return (
            f"{items} and by ±{score(winner.seed_error)} from the training seed (one standard error each); trained "
            f"with {len(winner.seed_losses)} seeds, its losses were {seeds}, and their mean is used."
        )
    if winner.seed_error > 0:
        return (
            f"{items} and by about ±{score(winner.seed_error)} from the training seed (one standard error each; it was "
            "trained with one seed, so the second is that of published runs)."
        )
    return f"{items} (one standard error); its training is deterministic, so another seed changes nothing."


def _more(factor: float) -> str:
    if factor >= 1.5:
        return _("{factor} times as much").format(factor=number(factor, 2))
    return _("{percent}% more").format(percent=number((factor - 1) * 100, 2))


def _less(factor: float) -> str:
    if factor <= 0.5:
        return _("at most 1/{factor} as much").format(factor=number(1 / factor, 2))
    return _("{percent}% less").format(percent=number((1 - factor) * 100, 2))


def _each(alpha: float, decision: Decision) -> str:
    work = decision.objective
    return _("{amount} {currency} per error, α = {alpha}").format(
        amount=number(alpha / work.requests_per_month), currency=work.currency, alpha=number(alpha)
    )


def _name(interval: AlphaRange, labels: Mapping[str, str]) -> str:
    return labels.get(interval.candidate, interval.candidate)
