"""Decision endpoints: typed questions about a text, answered with probabilities.

Two protocols, both of autumn 2026: ``POST /v1/decisions`` (OpenAI's Decisions API: predicate, choice, score) and
``POST /v1/systemone`` (System One: noul, choice, score). Of several exclusive labels one choice question is asked, of
labels that may hold together one yes/no question each. A choice question takes at most 255 options: more labels are
asked in rounds, first within groups, then between the winners of the groups.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from goldilocks.support.endpoints.address import Dialect
from goldilocks.support.endpoints.chat import (
    Completion,
    NoCompletionError,
    begins,
    body_of,
    error_in,
    tokens_stated,
)
from goldilocks.support.endpoints.server_errors import ServerError, cleaned

MAX_OPTIONS = 255
"""Options of a choice question."""
_OFF_ONE = 0.05
"""How far a sum of probabilities may be off 1; rounded ones are."""

Kind = Literal["decisions", "systemone"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question about the text."""

    options: tuple[str, ...]
    """Exclusive options, at least two; a single one is a yes/no question: does it hold?"""
    instructions: str
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Option -> what it means."""

    @property
    def characters(self) -> int:
        """Characters of the question."""
        options = sum(len(option) + len(self.descriptions.get(option, "")) for option in self.options)
        return len(self.instructions) + options

    def as_decision(self, name: str) -> dict[str, Any]:
        """In the form of the Decisions API."""
        if len(self.options) == 1:
            return {"type": "predicate", "name": name, "instructions": self._whether()}
        choices = [
            {"value": option} | ({"description": self.descriptions[option]} if option in self.descriptions else {})
            for option in self.options
        ]
        return {"type": "choice", "name": name, "instructions": self.instructions, "choices": choices}

    def as_system_one(self) -> dict[str, Any]:
        """In the form of System One."""
        if len(self.options) == 1:
            return {"type": "noul", "instructions": self._whether()}
        criteria = {option: self.descriptions.get(option) for option in self.options}
        return {"type": "choice", "instructions": self.instructions, "criteria": criteria}

    def _whether(self) -> str:
        (label,) = self.options
        meaning = f" ({self.descriptions[label]})" if label in self.descriptions else ""
        return f"{self.instructions} Does the label {label!r}{meaning} apply?".strip()


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A text and questions about it; see ``chat.ChatRequest`` for the members that clients use."""

    text: str
    questions: Sequence[Question]
    kind: Kind

    max_tokens: int = 0
    stops: Sequence[str] = ()
    sampling: Mapping[str, float] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None

    @property
    def path(self) -> str:
        """Behind the version of the API."""
        return self.kind

    @property
    def characters(self) -> int:
        """Characters of the text that is sent and paid for."""
        asked = sum(
            len(question.instructions)
            + sum(len(name) + len(question.descriptions.get(name, "")) for name in question.options)
            for question in self.questions
        )
        return len(self.text) + asked

    def body(self, model: str, dialect: Dialect) -> dict[str, Any]:  # noqa: ARG002
        """The request's body."""
        if self.kind == "decisions":
            questions = [question.as_decision(str(place)) for place, question in enumerate(self.questions)]
            return {"model": model, "input": self.text, "questions": questions}
        named = {str(place): question.as_system_one() for place, question in enumerate(self.questions)}
        return {"model": model, "state": self.text, "questions": named}

    def limit(self, dialect: Dialect) -> int:  # noqa: ARG002
        """Nothing is written."""
        return 0

    def read(self, raw: bytes, *, n_sent: int, seconds: float, key: str) -> Completion | ServerError:
        """The probabilities in the body of an answer of status 200, or the error that it holds instead.

        Raises:
            NoCompletionError: it is neither.
        """
        content = body_of(raw, key, streamed=_no_stream)
        if (wrong := error_in(content, key, besides="answers")) is not None:
            return wrong
        try:
            answers = content["answers"] or {}
            given = [self._answer(answers, place) for place in range(len(self.questions))]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise NoCompletionError(begins(raw, key)) from error
        stated = content.get("usage")
        used: Mapping[str, Any] = stated if isinstance(stated, dict) else {}
        shares: list[Mapping[str, float]] = []
        refusal = problem = ""
        for question, answer in zip(self.questions, given, strict=True):
            read, why = _shares(answer, question)
            shares.append(read)
            refusal = refusal or (why if _refused(answer) else "")
            problem = problem or why
        return Completion(
            text="" if problem else "answered",
            input_tokens=tokens_stated(used.get("input_tokens"), n_sent),
            output_tokens=int(used.get("output_tokens") or 0) if type(used.get("output_tokens")) is int else 0,
            seconds=seconds,
            refusal=cleaned(refusal or problem, key),
            probabilities=tuple(shares),
        )

    def _answer(self, answers: Any, place: int) -> Any:
        """The answer to one question: by place, or by name; a missing one is none."""
        if isinstance(answers, Mapping):
            return answers.get(str(place))
        named = [answer for answer in answers if isinstance(answer, Mapping) and answer.get("name") == str(place)]
        if len(named) > 1:
            return None
        return named[0] if named else answers[place] if place < len(answers) else None


def _no_stream(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG001
    raise TypeError("answers of decision endpoints are not streamed")


def _refused(answer: Any) -> bool:
    return isinstance(answer, Mapping) and answer.get("type") == "refusal"


def _shares(answer: Any, question: Question) -> tuple[dict[str, float], str]:
    """(option -> probability, why there is none)."""
    if answer is None:
        return {}, "the endpoint left the question unanswered"
    if _refused(answer):
        return {}, f"the endpoint declined to answer ({answer.get('reason') or answer.get('refusal') or 'no reason'})"
    if not isinstance(answer, Mapping):
        return {}, "the endpoint gave no probabilities"
    if len(question.options) == 1:
        value = answer.get("probability", answer.get("noul"))
        if not _is_share(value):
            return {}, f"the endpoint's probability is {value!r}; a number from 0 to 1 is needed"
        return {question.options[0]: float(value)}, ""
    pairs = answer.get("probabilities")
    if isinstance(pairs, list):
        named = [pair for pair in pairs if isinstance(pair, Mapping)]
        pairs = {str(pair.get("value")): pair.get("probability") for pair in named}
        if len(pairs) < len(named):
            return {}, "the endpoint answered twice for one label"
    if not isinstance(pairs, Mapping):
        return {}, "the endpoint gave no probabilities"
    strange = [name for name in pairs if name not in question.options]
    if strange:
        return {}, f"the endpoint answered for other labels ({str(strange[0])[:40]!r})"
    if not all(_is_share(value) for value in pairs.values()):
        return {}, "the endpoint's probabilities are not all numbers from 0 to 1"
    total = sum(pairs.values())
    if abs(total - 1) > _OFF_ONE:
        return {}, f"the endpoint's probabilities sum to {total:.3g}"
    return {option: pairs.get(option, 0.0) / total for option in question.options}, ""


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # not so for NaN; an int may be too large for a float


def first_round(
    labels: Sequence[str], *, several: bool, instructions: str, descriptions: Mapping[str, str]
) -> list[Question]:
    """The questions about a text: one for each label, one for all, or one for each group of at most 255."""
    if several or len(labels) == 1:
        return [Question((label,), instructions, descriptions) for label in labels]
    groups = math.ceil(len(labels) / MAX_OPTIONS)
    size = math.ceil(len(labels) / groups)
    return [
        Question(tuple(labels[begins : begins + size]), instructions, descriptions)
        for begins in range(0, len(labels), size)
    ]


def final_round(answers: Sequence[Mapping[str, float]], question: Question) -> Question | None:
    """The question between the most probable labels of each group; ``None``: there was one group only."""
    if len(answers) < 2:
        return None
    winners = tuple(max(shares, key=shares.__getitem__) for shares in answers)
    return Question(winners, question.instructions, question.descriptions)


def joined(answers: Sequence[Mapping[str, float]], final: Mapping[str, float]) -> dict[str, float]:
    """Probabilities of all labels: each group has what its winner has among the winners, in its own proportions.

    Example:
        >>> joined([{"a": 0.5, "b": 0.5}, {"c": 1.0}], {"a": 0.25, "c": 0.5})
        {'a': 0.25, 'b': 0.25, 'c': 0.5}
    """
    masses = {}
    for shares in answers:
        winner = max(shares, key=shares.__getitem__)
        for label, share in shares.items():
            masses[label] = share * final[winner] / shares[winner] if shares[winner] > 0 else 0.0
    total = sum(masses.values())
    return {label: mass / total if total > 0 else 1 / len(masses) for label, mass in masses.items()}
