"""``POST /v1/decisions`` and ``POST /v1/systemone``: typed questions about an input, answered by a tuned bundle.

The formats are those of the OpenAI Decisions API (predicate, choice, score) and of the System One API (noul, choice,
score), both of autumn 2026. What a question says in words is not read: the bundle was tuned for one question, and its
labels are the options (see ``serving/decisions``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from goldilocks.errors import RequestError
from goldilocks.records import Prediction
from goldilocks.serving.decisions import Distribution, over, probability
from goldilocks.serving.items import check_text, count_tokens
from goldilocks.serving.routes.errors import ASKING
from goldilocks.serving.service import InferenceResponse, service_of

router = APIRouter(tags=["decisions"])

_DIGITS = 6


class Choice(BaseModel):
    """An option of a choice question."""

    value: str | bool
    description: str | None = None


class Level(BaseModel):
    """A level of a score question."""

    label: str
    description: str | None = None


class PredicateQuestion(BaseModel):
    """How likely is it that a statement is true?"""

    type: Literal["predicate"]
    instructions: JsonValue
    name: str | None = None


class ChoiceQuestion(BaseModel):
    """Which of the options?"""

    type: Literal["choice"]
    instructions: JsonValue
    choices: list[Choice] = Field(min_length=2, max_length=255)
    name: str | None = None


class ScoreQuestion(BaseModel):
    """Where between the first level and the last?"""

    type: Literal["score"]
    instructions: JsonValue
    levels: list[Level] = Field(min_length=2, max_length=10)
    name: str | None = None


Question = Annotated[PredicateQuestion | ChoiceQuestion | ScoreQuestion, Field(discriminator="type")]


class DecisionRequest(BaseModel):
    """An input and questions about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "input": "my card has not arrived",
                    "questions": [
                        {
                            "type": "choice",
                            "instructions": "Which topic?",
                            "choices": [{"value": "card_arrival"}, {"value": "lost_card"}],
                        }
                    ],
                }
            ]
        }
    )

    model: str | None = None
    input: str | list[dict[str, JsonValue]]
    questions: list[Question] = Field(min_length=1, max_length=400)


class Noul(BaseModel):
    """How likely is yes?"""

    type: Literal["noul"]
    instructions: JsonValue
    criteria: dict[str, JsonValue] | None = None


class SystemOneChoice(BaseModel):
    """Which of the keys of ``criteria``?"""

    type: Literal["choice"]
    instructions: JsonValue = None
    criteria: (
        Annotated[dict[str, JsonValue], Field(min_length=2, max_length=255)]
        | Annotated[list[str], Field(min_length=2, max_length=255)]
    )


class SystemOneScore(BaseModel):
    """Where on the levels, lowest first?"""

    type: Literal["score"]
    instructions: JsonValue = None
    criteria: list[JsonValue] = Field(min_length=2, max_length=10)


SystemOneQuestion = Annotated[Noul | SystemOneChoice | SystemOneScore, Field(discriminator="type")]


class SystemOneRequest(BaseModel):
    """A state and named questions about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "state": "my card has not arrived",
                    "questions": {"topic": {"type": "choice", "criteria": {"card_arrival": None, "lost_card": None}}},
                }
            ]
        }
    )

    model: str | None = None
    state: str | dict[str, JsonValue] | list[JsonValue]
    questions: dict[str, SystemOneQuestion] = Field(min_length=1, max_length=400)


@router.post("/v1/decisions", responses=ASKING)
async def decisions(request: Request, body: DecisionRequest) -> dict[str, Any]:
    """Answer predicate, choice and score questions, in their order."""
    check_text([question.name for question in body.questions], "the name of a question")
    response = await service_of(request).ask(request, body.model, [_row(body.input)])
    scores = _scores(response)
    shares: dict[str, float] = {}
    answers = []
    for place, question in enumerate(body.questions):
        answer, share = _decision(question, scores, response, f"question {place}")
        answers.append({"type": question.type, "name": question.name, **answer})
        if share < 1:
            shares[question.name or str(place)] = round(share, _DIGITS)
    tokens = count_tokens(response.items)
    usage = {
        "input_tokens": tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens,
    }
    return {"model": response.name, "answers": answers, "usage": usage, **_renormalised(shares)}


@router.post("/v1/systemone", responses=ASKING)
async def systemone(request: Request, body: SystemOneRequest) -> dict[str, Any]:
    """Answer noul, choice and score questions, by name."""
    state = body.state[0] if isinstance(body.state, list) and len(body.state) == 1 else body.state
    check_text(list(body.questions), "the name of a question")
    response = await service_of(request).ask(request, body.model, [state])
    scores = _scores(response)
    shares: dict[str, float] = {}
    answers: dict[str, Any] = {}
    for name, question in body.questions.items():
        answers[name], share = _system_one(name, question, scores, response)
        if share < 1:
            shares[name] = round(share, _DIGITS)
    usage = {"input_tokens": count_tokens(response.items), "output_tokens": 0}
    return {"model": response.name, "answers": answers, "usage": usage, **_renormalised(shares)}


def _renormalised(shares: Mapping[str, float]) -> dict[str, Any]:
    """Which answers are over some of the labels only, and what probability those had together."""
    return {"goldilocks": {"renormalised": dict(shares)}} if shares else {}


def _scores(response: InferenceResponse) -> Mapping[str, float]:
    result = response.results[0]
    return result.scores if isinstance(result, Prediction) else {}


def _decision(
    question: PredicateQuestion | ChoiceQuestion | ScoreQuestion,
    scores: Mapping[str, float],
    response: InferenceResponse,
    where: str,
) -> tuple[dict[str, Any], float]:
    if isinstance(question, PredicateQuestion):
        return {"probability": round(_yes(question.name, question.instructions, scores, response, where), _DIGITS)}, 1.0
    if isinstance(question, ChoiceQuestion):
        distribution = over([_label(choice.value, scores) for choice in question.choices], scores, response.card, where)
        pairs = zip(question.choices, distribution.probabilities, strict=True)
        each = [{"value": choice.value, "probability": round(share, _DIGITS)} for choice, share in pairs]
        best = question.choices[distribution.best].value
        return {
            "choice": best,
            "probabilities": each,
            "confidence": round(distribution.confidence, _DIGITS),
        }, distribution.share
    distribution = over([level.label for level in question.levels], scores, response.card, where)
    levels = [
        {"value": value, "label": level.label, "probability": round(share, _DIGITS)}
        for value, (level, share) in enumerate(zip(question.levels, distribution.probabilities, strict=True))
    ]
    return {
        "score": round(distribution.expected, _DIGITS),
        "probabilities": levels,
        **_confidence(distribution),
    }, distribution.share


def _system_one(
    name: str,
    question: Noul | SystemOneChoice | SystemOneScore,
    scores: Mapping[str, float],
    response: InferenceResponse,
) -> tuple[dict[str, Any], float]:
    where = f"question {name!r}"
    if isinstance(question, Noul):
        return {"type": "noul", "noul": round(_yes(name, question.instructions, scores, response, where), _DIGITS)}, 1.0
    options = [str(option) for option in question.criteria]
    distribution = over(options, scores, response.card, where)
    shares = [round(share, _DIGITS) for share in distribution.probabilities]
    if isinstance(question, SystemOneChoice):
        each = dict(zip(options, shares, strict=True))
        return {
            "type": "choice",
            "choice": options[distribution.best],
            "probabilities": each,
            **_confidence(distribution),
        }, distribution.share
    places = [str(place) for place in range(len(options))]
    return {
        "type": "score",
        "score": round(distribution.expected, _DIGITS),
        "legend": dict(zip(places, options, strict=True)),
        "probabilities": dict(zip(places, shares, strict=True)),
        **_confidence(distribution),
    }, distribution.share


def _confidence(distribution: Distribution) -> dict[str, float]:
    return {"confidence": round(distribution.confidence, _DIGITS)}


def _yes(
    name: str | None, text: JsonValue, scores: Mapping[str, float], response: InferenceResponse, where: str
) -> float:
    wording = text if isinstance(text, str) else ""
    positive = response.deployment.positive
    return probability(scores, response.card, name=name, text=wording, positive=positive, where=where)


def _label(value: str | bool, scores: Mapping[str, float]) -> str:
    """The label that a choice denotes; true and false are labels of that spelling in any case."""
    if isinstance(value, str):
        return value
    word = str(value).lower()
    return next((label for label in scores if label.lower() == word), word)


def _row(given: str | list[dict[str, JsonValue]]) -> Any:
    """The item in an input: a text, or the texts of its user messages."""
    if isinstance(given, str):
        return given
    texts: list[str] = []
    for message in given:
        if message.get("role") != "user":
            continue
        content = message.get("content")
        for part in content if isinstance(content, list) else [{"type": "input_text", "text": content}]:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind != "input_text" or not isinstance(part, dict) or not isinstance(part.get("text"), str):
                raise RequestError(
                    400, "not_supported", f"an input part is {str(kind)[:100]!r}; this model takes input_text only."
                )
            texts.append(str(part["text"]))
    if not texts:
        raise RequestError(422, "empty_input", "the input holds no text of the user; send one.")
    return "\n".join(texts)
