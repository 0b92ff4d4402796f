"""Sentences that explain the numbers of a decision."""

from __future__ import annotations

from collections.abc import Mapping

from goldilocks.records import AlphaRange, Decision
from goldilocks.report.words import number, score


def task_name(task_yaml: str) -> str:
    """The name in a task file; empty if there is none."""
    import yaml

    try:
        loaded = yaml.safe_load(task_yaml)
    except yaml.YAMLError:
        return ""
    return str(loaded.get("name") or "") if isinstance(loaded, dict) else ""


def range_at(decision: Decision) -> int | None:
    """Position in the decision map of the range that contains the task's α."""
    for position, entry in enumerate(decision.map):
        if entry.alpha_from <= decision.alpha and (entry.alpha_to is None or decision.alpha < entry.alpha_to):
            return position
    return None


def distance(decision: Decision, labels: Mapping[str, str]) -> list[str]:
    """How far the task's α is from the next change of the best candidate, one sentence per direction."""
    position = range_at(decision)
    if position is None or decision.alpha <= 0:
        return ["An error costs nothing in this task, so the cheapest candidate wins; set objective.error_cost."]
    here = decision.map[position]
    if len(decision.map) == 1 and here.candidate == decision.winner.candidate:
        return ["No cost of an error changes this decision."]
    both_sides = [_upwards(decision, position, labels), _downwards(decision, position, labels)]
    if here.candidate == decision.winner.candidate:
        return both_sides
    observed = (
        f"At this α, {_name(here, labels)} has the lowest observed J; the winner has the lowest expected J, "
        "or is cheaper within the stated margin."
    )
    return [observed, *both_sides]


def _upwards(decision: Decision, position: int, labels: Mapping[str, str]) -> str:
    end = decision.map[position].alpha_to
    if end is None:
        return "No higher error cost changes this decision."
    following = _name(decision.map[position + 1], labels) if position + 1 < len(decision.map) else "another candidate"
    return f"If an error cost {_more(end / decision.alpha)} ({_each(end, decision)}), {following} would be best."


def _downwards(decision: Decision, position: int, labels: Mapping[str, str]) -> str:
    start = decision.map[position].alpha_from
    if start <= 0:
        return "No lower error cost changes this decision."
    return (
        f"If an error cost {_less(start / decision.alpha)} ({_each(start, decision)}), "
        f"{_name(decision.map[position - 1], labels)} would be best."
    )


def holds(decision: Decision) -> tuple[float, float | None] | None:
    """The range of α in which the winner has the lowest J; ``None`` if there is none."""
    for entry in decision.map:
        if entry.candidate == decision.winner.candidate:
            return entry.alpha_from, entry.alpha_to
    return None


def _opened(decision: Decision) -> str:
    if decision.test_openings > 1:
        return f"scored {decision.test_openings} times in this run, as it was resumed after a decision"
    return "opened once, after the decision"


def winners_curse(decision: Decision) -> str:
    """How to interpret the validation and the test score of the winner."""
    chosen, test = decision.winner.score, decision.test_score
    why = "The best of many scores is partly chance (winner's curse), so the validation score is optimistic."
    if test is None or not test.n:
        return f"{why} There is no test score; expect slightly less than the validation score."
    if chosen is None:
        return f"{why} Expect the test score."
    change = test.value - chosen.value
    change_text = "the same" if abs(change) < 0.0005 else f"{score(abs(change))} {'lower' if change < 0 else 'higher'}"
    overlap = "their intervals overlap" if test.low <= chosen.high and chosen.low <= test.high else (
        "their intervals do not overlap, which is rare by chance: check how the two sets differ"
    )  # fmt: skip
    return (
        f"{why} The test set was {_opened(decision)}; its score is {change_text}, and {overlap}. Expect the test score."
    )


def noise(decision: Decision) -> str:
    """How far the winner's loss may be off by the validation items and by the training seed, apart."""
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
    return f"{number(factor, 2)} times as much" if factor >= 1.5 else f"{number((factor - 1) * 100, 2)}% more"


def _less(factor: float) -> str:
    return f"at most 1/{number(1 / factor, 2)} as much" if factor <= 0.5 else f"{number((1 - factor) * 100, 2)}% less"


def _each(alpha: float, decision: Decision) -> str:
    work = decision.objective
    return f"{number(alpha / work.requests_per_month)} {work.currency} per error, α = {number(alpha)}"


def _name(entry: AlphaRange, labels: Mapping[str, str]) -> str:
    return labels.get(entry.candidate, entry.candidate)
