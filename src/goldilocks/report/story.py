"""What the numbers of a decision mean, in words."""

from __future__ import annotations

from collections.abc import Mapping

from goldilocks.records import AlphaRange, Decision
from goldilocks.report.words import number, score


def task_name(task_yaml: str) -> str:
    """The task's own name, or nothing where the text does not tell."""
    import yaml

    try:
        loaded = yaml.safe_load(task_yaml)
    except yaml.YAMLError:
        return ""
    return str(loaded.get("name") or "") if isinstance(loaded, dict) else ""


def range_at(decision: Decision) -> int | None:
    """Position in the map of the range that holds the task's own α."""
    for position, one in enumerate(decision.map):
        if one.alpha_from <= decision.alpha and (one.alpha_to is None or decision.alpha < one.alpha_to):
            return position
    return None


def distance(decision: Decision, labels: Mapping[str, str]) -> list[str]:
    """How far the task's α is from the next change of winner, a sentence for each side."""
    position = range_at(decision)
    if position is None or decision.alpha <= 0:
        return ["An error costs nothing in this task, so the cheapest candidate wins; state what an error costs."]
    here = decision.map[position]
    said: list[str] = []
    if len(decision.map) == 1 and here.candidate == decision.winner.candidate:
        return ["Whatever an error costs, nobody else takes over."]
    if here.candidate != decision.winner.candidate:
        said.append(
            f"At your α the lowest J belongs to {_name(here, labels)}, but the data cannot tell it apart from the "
            "winner, which is cheaper."
        )
    said.append(_upwards(decision, position, labels))
    said.append(_downwards(decision, position, labels))
    return said


def _upwards(decision: Decision, position: int, labels: Mapping[str, str]) -> str:
    end = decision.map[position].alpha_to
    if end is None:
        return "However much dearer an error gets, nobody else takes over."
    following = _name(decision.map[position + 1], labels) if position + 1 < len(decision.map) else "another"
    return f"If an error cost {_more(end / decision.alpha)} ({_each(end, decision)}), {following} would take over."


def _downwards(decision: Decision, position: int, labels: Mapping[str, str]) -> str:
    start = decision.map[position].alpha_from
    if start <= 0:
        return "However much cheaper an error gets, nobody else takes over."
    return (
        f"If an error cost {_less(start / decision.alpha)} ({_each(start, decision)}), "
        f"{_name(decision.map[position - 1], labels)} would do."
    )


def holds(decision: Decision) -> tuple[float, float | None] | None:
    """From which to which α the winner has the lowest J; ``None`` where it has it nowhere."""
    for one in decision.map:
        if one.candidate == decision.winner.candidate:
            return one.alpha_from, one.alpha_to
    return None


def winners_curse(decision: Decision) -> str:
    """What to make of two scores, one of which chose."""
    chosen, test = decision.winner.score, decision.test_score
    why = "The best of many scores is partly luck (the winner's curse), so the validation score flatters the winner."
    if test is None or not test.n:
        return f"{why} There is no test score to correct it here: expect somewhat less than the validation score says."
    if chosen is None:
        return f"{why} Expect the test score."
    change = test.value - chosen.value
    moved = "the same" if abs(change) < 0.0005 else f"{score(abs(change))} {'lower' if change < 0 else 'higher'}"
    overlap = "their intervals overlap" if test.low <= chosen.high and chosen.low <= test.high else (
        "their intervals do not overlap, which luck alone seldom does: look at how the parts differ"
    )  # fmt: skip
    return (
        f"{why} The test part was opened once, after the choice; its score is {moved}, and {overlap}. "
        "Expect the test score."
    )


def _more(factor: float) -> str:
    return f"{number(factor, 2)} times as much" if factor >= 1.5 else f"{number((factor - 1) * 100, 2)}% more"


def _less(factor: float) -> str:
    return f"1/{number(1 / factor, 2)} of that or less" if factor <= 0.5 else f"{number((1 - factor) * 100, 2)}% less"


def _each(alpha: float, decision: Decision) -> str:
    work = decision.objective
    return f"{number(alpha / work.requests_per_month)} {work.currency} an error, α = {number(alpha)}"


def _name(one: AlphaRange, labels: Mapping[str, str]) -> str:
    return labels.get(one.candidate, one.candidate)
