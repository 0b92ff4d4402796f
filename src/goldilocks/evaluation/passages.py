"""Passages of an error for the error analysis: the texts of the item, with the gold and predicted parts marked.

| output | passages |
|---|---|
| label, score of a pair | both texts |
| tags | the sentence with the gold and the predicted entities (or the words with a wrong tag) |
| span | the question; the context with the gold and the predicted span |
| ranking | the query (or the turns so far); the relevant candidate with its rank; the candidate ranked first |
| likelihood | the text with its log-likelihood per token and its least probable tokens |
| text | what was asked (of a dialogue the turns with their speakers), the gold and the predicted text; of a program the first test that fails |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from goldilocks.protocols import ExplainsErrors, Metric
from goldilocks.records import Answer, Goal, Gold, Mark, Output, Passage, Text, labels_of
from goldilocks.support.sandbox.harness import is_harness
from goldilocks.support.text.iob2 import entities, spaced, spells_entities, words_of
from goldilocks.support.text.sentences import without_ends
from goldilocks.support.text.units import references

LONGEST = 2_000
"""Characters of a passage that are kept; of one with marks, those around them."""
WORST_TOKENS = 5
"""Tokens of the lowest probability that are marked."""
SPEAKERS = ("Speaker A", "Speaker B")
TokenLikelihoods = Callable[[Text], Sequence[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """What is known about a task and its model, in addition to the answers."""

    goal: Goal
    metric: Metric
    roles: Sequence[str] = ()
    """``Task.READS``; a first role ``context`` means the turns of a dialogue."""
    token_likelihoods: TokenLikelihoods | None = None
    """See ``protocols.SupportsTokenLikelihoods``; ``None``: the model does not tell."""


def passages_of(item: Text, gold: Gold, answer: Answer, context: ErrorContext) -> tuple[Passage, ...]:
    """The passages of a wrong answer; none where the item as one text says it all."""
    goal = context.goal
    match goal.output:
        case Output.TAGS:
            return _tagged(item, gold, answer, spells_entities(goal.labels))
        case Output.SPAN if isinstance(item, tuple):
            return _span(item, gold, str(answer))
        case Output.SCORE if isinstance(gold, tuple) and isinstance(item, tuple):
            return _ranking(item, gold, answer, context)
        case Output.LIKELIHOOD:
            return _likelihood(item, answer, context)
        case Output.TEXT:
            return _generated(item, gold, str(answer), context)
        case _ if isinstance(item, tuple) and len(item) == 2:
            return tuple(_plain(f"Text {number}", text) for number, text in enumerate(item, start=1))
        case _:
            return ()


def _plain(role: str, text: str, note: str = "", *, code: bool = False) -> Passage:
    shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return Passage(role, shown, (), note, code)


def _tagged(item: Text, gold: Gold, answer: Answer, named: bool) -> tuple[Passage, ...]:
    """Entities of one sentence: missed, spurious, or right; of other tags the words with a wrong one."""
    words = without_ends(words_of(item))
    right, given = labels_of(gold, Output.TAGS), labels_of(answer, Output.TAGS)
    text, places = spaced(words)
    if not named:
        pairs = zip(places, right, given, strict=False)
        marks = [Mark(*place, "wrong", f"{tag} → {other}") for place, tag, other in pairs if tag != other]
        return (_around("", text, marks),)
    gold_entities, predicted_entities = entities(right), entities(given)
    kinds = {
        "found": [entity for entity in gold_entities if entity in predicted_entities],
        "gold": [entity for entity in gold_entities if entity not in predicted_entities],
        "predicted": [entity for entity in predicted_entities if entity not in gold_entities],
    }
    marks = [
        Mark(places[first][0], places[behind - 1][1], kind, label)
        for kind, spans in kinds.items()
        for label, first, behind in spans
        if behind <= len(places)
    ]
    return (_around("", text, marks),)


def _span(item: tuple[str, ...], gold: Gold, answer: str) -> tuple[Passage, ...]:
    question, context = item[0], item[-1]
    right = [(place, text) for place, text in _places(gold) if place >= 0]
    marks = [Mark(place, place + len(text), "gold", "") for place, text in right[:1]]
    if answer:
        near = right[0][0] if right else 0
        nearest = min(_occurrences(context, answer), key=lambda place: abs(place - near), default=None)
        if nearest is not None:
            marks.append(Mark(nearest, nearest + len(answer), "predicted", ""))
    note = "" if right else "the context holds no answer"
    return (_plain("Question", question), _around("Context", context, marks, note))


def _places(gold: Gold) -> list[tuple[int, str]]:
    pairs: list[Any] = list(gold) if isinstance(gold, tuple) else []
    return [(int(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, tuple)]


def _occurrences(text: str, part: str) -> list[int]:
    return [place for place in range(len(text) - len(part) + 1) if text.startswith(part, place)]


def _ranking(
    item: tuple[str, ...], gold: tuple[Any, ...], answer: Answer, context: ErrorContext
) -> tuple[Passage, ...]:
    query, candidates = item[0], item[1:]
    relevance = [float(number) for number in gold]
    scores = [float(score) for score in answer] if isinstance(answer, tuple) else []
    if len(scores) != len(candidates):
        return ()
    highest = max(relevance)
    relevant = max((place for place, value in enumerate(relevance) if value == highest), key=lambda i: scores[i])
    first = max(range(len(scores)), key=lambda i: scores[i])
    above = sum(score > scores[relevant] for score in scores)
    level = sum(score == scores[relevant] for score in scores) - 1
    note = f"rank {above + 1} of {len(scores)}" + (f", {level} others with the same score" if level else "")
    query_part = _turns(query.split("\n")) if _is_dialogue(context) else (_plain("Query", query),)
    gold_candidate = _plain("Gold candidate", candidates[relevant], note)
    if first == relevant:
        return (*query_part, gold_candidate)
    return (*query_part, gold_candidate, _plain("Ranked first", candidates[first], f"relevance {relevance[first]:g}"))


def _likelihood(item: Text, answer: Answer, context: ErrorContext) -> tuple[Passage, ...]:
    text = item if isinstance(item, str) else item[-1]
    before = () if isinstance(item, str) else (_plain("Context", "\n".join(item[:-1])),)
    total = float(answer) if isinstance(answer, float) else 0.0
    tokens = list(context.token_likelihoods(item)) if context.token_likelihoods else []
    if not tokens:
        per_character = total / max(len(text), 1)
        return (*before, _plain("Text", text, f"{per_character:.2f} nats per character (log-likelihood {total:.1f})"))
    note = f"{total / len(tokens):.2f} nats per token ({len(tokens)} tokens, log-likelihood {total:.1f})"
    marks: list[Mark] = []
    start = 0
    for piece, value in tokens:
        place = text.find(piece, start) if piece.strip() else -1
        if place >= 0:
            marks.append(Mark(place, place + len(piece), "wrong", f"{value:.1f}"))
            start = place + len(piece)
    worst = sorted(marks, key=lambda mark: float(mark.label))[:WORST_TOKENS]
    return (*before, _around("Text", text, sorted(worst, key=lambda mark: mark.start), note))


def _generated(item: Text, gold: Gold, answer: str, context: ErrorContext) -> tuple[Passage, ...]:
    given = references(gold)
    code = "tests" in context.roles or any(is_harness(text) for text in given)
    right = next((text for text in given if not is_harness(text)), "")
    if _is_dialogue(context):
        turns = (item,) if isinstance(item, str) else item
        context_passages = _turns(turns)
        speaker = SPEAKERS[len(turns) % 2]
        return (*context_passages, _plain("Gold reply", right, speaker), _plain("Predicted reply", answer, speaker))
    shown = item if isinstance(item, str) else "\n".join(item)
    passages = (
        _plain("Input", shown, code=code),
        _plain("Gold text", right, code=code),
        _plain("Predicted text", answer, code=code),
    )
    explained = context.metric.explanation(gold, answer) if isinstance(context.metric, ExplainsErrors) else None
    return passages if explained is None else (*passages, _plain("Failing test", explained[0], explained[1], code=True))


def _is_dialogue(context: ErrorContext) -> bool:
    return bool(context.roles) and context.roles[0] == "context"


def _turns(turns: Sequence[str]) -> tuple[Passage, ...]:
    """The turns of a dialogue; two speakers take turns."""
    return tuple(_plain(SPEAKERS[number % 2], turn) for number, turn in enumerate(turns))


def _around(role: str, text: str, marks: Sequence[Mark], note: str = "") -> Passage:
    """A text with marks, cut to what is around them where it is long."""
    ordered = tuple(sorted(marks, key=lambda mark: (mark.start, mark.end)))
    if len(text) <= LONGEST:
        return Passage(role, text, ordered, note)
    begin = max(0, min((mark.start for mark in ordered), default=0) - LONGEST // 2)
    end = begin + LONGEST
    kept = tuple(
        Mark(mark.start - begin + (begin > 0), mark.end - begin + (begin > 0), mark.kind, mark.label)
        for mark in ordered
        if mark.end <= end
    )
    return Passage(role, ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else ""), kept, note)
