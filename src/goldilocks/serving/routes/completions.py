"""``POST /v1/completions`` and ``POST /v1/chat/completions``, in the OpenAI API's shape.

A bundle whose task is a text (translation, summaries, replies, programs) answers the prompt as its item, as it was
tuned. A bundle of language modelling continues the prompt itself, and gives the log-probabilities of its tokens
(``echo`` with ``logprobs``), which is how evaluation harnesses compare answers. A classifier answers a chat with its
label. A stream of one text has its pieces as they are generated; beam search, labels, several prompts and texts in
which personal data is masked come in one piece.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from goldilocks.errors import RequestError
from goldilocks.nets.generation.streaming import OnText
from goldilocks.nets.generation.token_logprobs import TokenLogprobs
from goldilocks.protocols import RanksKnownReplies
from goldilocks.records import Output, Prediction, Text
from goldilocks.serving.engine import Call, ModelCard, Operation
from goldilocks.serving.gate import context_of
from goldilocks.serving.generation import generation
from goldilocks.serving.inference import InferenceRequest
from goldilocks.serving.items import count_tokens, items_from, plain_items, task_of
from goldilocks.serving.routes.errors import ASKING
from goldilocks.serving.service import service_of
from goldilocks.serving.streams import TextStream, event, respond

router = APIRouter(tags=["generation"])

_PROMPT_TOKENS = 32_768


class StreamOptions(BaseModel):
    """What a stream ends with."""

    include_usage: bool = False


class _Sampled(BaseModel):
    """Options that both routes have; others of the API are ignored."""

    model: str | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    n: int = Field(1, ge=1, le=1, description="One answer for a prompt.")
    stream: bool = False
    stream_options: StreamOptions | None = None


class CompletionRequest(_Sampled):
    """A prompt (or several), as text or as token ids."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": "Once upon a time", "max_tokens": 16}]})

    prompt: str | list[str] | list[int] | list[list[int]]
    max_tokens: int | None = Field(None, ge=0)
    echo: bool = False
    logprobs: int | None = Field(None, ge=0, le=1, description="1: also the most probable token at each position.")


class ChatRequest(_Sampled):
    """Messages; of several from the user the last one is the item, but for dialogues, which take all."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"messages": [{"role": "user", "content": "Hello"}]}]})

    messages: list[dict[str, JsonValue]] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)


@router.post("/v1/completions", responses=ASKING)
async def completions(request: Request, body: CompletionRequest) -> Any:
    """Complete prompts, or say how probable their tokens are."""
    service = service_of(request)
    deployment, version, card = service.chosen(request, body.model)
    items = _prompts(body.prompt)
    head = {"id": f"cmpl-{context_of(request).request_id}", "created": service.started, "model": deployment.name}
    kind = {"object": "text_completion"}

    async def ask(on_text: OnText | None) -> list[dict[str, Any]]:
        return await _choices(InferenceRequest(request, deployment, version, Call(), on_text), card, body, items)

    if body.stream and len(items) == 1 and not body.echo and body.logprobs is None:
        stream = await TextStream.start(ask)
        return respond(_pieces(stream, head | kind, body, items), context_of(request), service.metrics, stream.task)
    choices = await ask(None)
    usage = _usage(items, [str(choice["text"]) for choice in choices])
    if body.stream:
        return respond(_chunks(choices, head | kind, usage, body.stream_options), context_of(request), service.metrics)
    return {**head, **kind, "choices": choices, "usage": usage}


async def _choices(
    inference: InferenceRequest, card: ModelCard, body: CompletionRequest, items: Sequence[Text]
) -> list[dict[str, Any]]:
    """One choice for each prompt."""
    if Operation.CONTINUE in card.operations:
        return await _continued(inference, body, items)
    if any(not isinstance(item, str) for item in items) or body.logprobs is not None:
        raise RequestError(
            400,
            "not_supported",
            f"{inference.deployment.name} ({card.task}) is not a language model of whole texts; send text, "
            "no logprobs.",
        )
    return await _task_texts(inference, card, body, items)


@router.post("/v1/chat/completions", responses=ASKING)
async def chat(request: Request, body: ChatRequest) -> Any:
    """Answer the last message."""
    service = service_of(request)
    deployment, version, card = service.chosen(request, body.model)
    items = items_from([_chat_row(body.messages, card)], card, service.settings.limits)
    call = _call(body, body.max_completion_tokens or body.max_tokens, service.settings.limits.max_tokens)
    if Operation.GENERATE not in card.operations:
        if card.output not in (Output.TEXT, Output.LABEL) and not isinstance(task_of(card), RanksKnownReplies):
            raise RequestError(
                400, "not_supported", f"{deployment.name} gives {card.output.value}, which is not a chat reply."
            )
        call = Call()
    head = {"id": f"chatcmpl-{context_of(request).request_id}", "created": service.started, "model": deployment.name}

    async def ask(on_text: OnText | None) -> str:
        forward = on_text if call.operation is Operation.GENERATE else None
        (result,) = await service.run(InferenceRequest(request, deployment, version, call, forward), items)
        return _reply(result, card) if isinstance(result, Prediction) else ""

    if body.stream:
        stream = await TextStream.start(ask)
        head |= {"object": "chat.completion.chunk"}
        return respond(_deltas(stream, head, body, items), context_of(request), service.metrics, stream.task)
    text = await ask(None)
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(items, [text])}


def _call(body: _Sampled, max_tokens: int | None, limit: int, operation: Operation = Operation.GENERATE) -> Call:
    options = generation(
        limit, max_tokens=max_tokens, temperature=body.temperature, top_p=body.top_p, seed=body.seed, stop=body.stop
    )
    return Call(operation, options)


def _prompts(prompt: str | list[str] | list[int] | list[list[int]]) -> list[Text]:
    """Each a text, or token ids as decimal numbers."""
    if isinstance(prompt, str):
        return [prompt]
    if prompt and isinstance(prompt[0], int):
        return [tuple(map(str, prompt))]
    return [
        element if isinstance(element, str) else tuple(map(str, element)) if isinstance(element, list) else str(element)
        for element in prompt
    ]


async def _task_texts(
    inference: InferenceRequest, card: ModelCard, body: CompletionRequest, items: Sequence[Text]
) -> list[dict[str, Any]]:
    """Answers of a bundle that writes, the prompt being its item."""
    service = service_of(inference.request)
    checked = items_from(items, card, service.settings.limits)
    if card.output is not Output.TEXT:
        raise RequestError(
            400, "not_supported", f"{inference.deployment.name} gives {card.output.value}, no text; use /v1/classify."
        )
    call = Call()
    if Operation.GENERATE in card.operations:
        call = _call(body, body.max_tokens or None, service.settings.limits.max_tokens)
    results = await service.run(replace(inference, call=call), checked)
    return [
        _choice(index, (str(item) if body.echo else "") + result.label, None)
        for index, (item, result) in enumerate(zip(items, results, strict=True))
        if isinstance(result, Prediction)
    ]


async def _continued(
    inference: InferenceRequest, body: CompletionRequest, items: Sequence[Text]
) -> list[dict[str, Any]]:
    """Continuations by a language model, with log-probabilities of the prompt's tokens where they are asked for."""
    service = service_of(inference.request)
    limits = service.settings.limits
    texts = [item for item in items if isinstance(item, str)]
    if texts:
        plain_items(texts, limits)
    if (
        not items
        or len(items) > limits.items
        or any(not 0 < len(item) <= _PROMPT_TOKENS for item in items if item not in texts)
    ):
        raise RequestError(
            422, "invalid_input", f"send 1 to {limits.items:,} prompts of 1 to {_PROMPT_TOKENS:,} tokens."
        )
    limit = 16 if body.max_tokens is None else body.max_tokens
    if body.logprobs is not None and not body.echo and limit > 1:
        raise RequestError(400, "not_supported", "logprobs of more than one generated token are not given; set echo.")
    judged: list[Any] = [None] * len(items)
    if body.logprobs is not None or (body.echo and len(texts) < len(items)):
        judged = await service.run(replace(inference, call=Call(Operation.PROMPT_LOGPROBS), on_text=None), items)
    more = [""] * len(items)
    if limit > 1 or (limit == 1 and body.logprobs is None):
        call = _call(body, limit, limits.max_tokens, Operation.CONTINUE)
        written = await service.run(replace(inference, call=call), items)
        more = [text.label if isinstance(text, Prediction) else "" for text in written]
    elif limit == 1:
        more = [judgement.following for judgement in judged]
    return [
        _choice(
            index,
            (_text_of(item, judgement) if body.echo else "") + text,
            _logprobs(judgement, echo=body.echo, following=limit >= 1) if body.logprobs is not None else None,
        )
        for index, (item, judgement, text) in enumerate(zip(items, judged, more, strict=True))
    ]


def _text_of(item: Text, judged: TokenLogprobs | None) -> str:
    return item if isinstance(item, str) else judged.text if judged is not None else ""


def _logprobs(judged: TokenLogprobs, *, echo: bool, following: bool) -> dict[str, Any]:
    tokens, logprobs, offsets = list(judged.tokens), list(judged.logprobs), list(judged.offsets)
    best = list(zip(judged.best, judged.best_logprobs, strict=True))
    if not echo:
        tokens, logprobs, offsets, best = [], [], [], []
    if following:
        tokens.append(judged.following)
        logprobs.append(judged.following_logprob)
        offsets.append(len(judged.text) if echo else 0)
        best.append((judged.following, judged.following_logprob))
    top = [None if value is None else {token: value} for token, value in best]
    return {"tokens": tokens, "token_logprobs": logprobs, "top_logprobs": top, "text_offset": offsets}


def _choice(index: int, text: str, logprobs: dict[str, Any] | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": "stop"}


def _chat_row(messages: Sequence[dict[str, JsonValue]], card: ModelCard) -> Any:
    """The item in a chat."""
    turns = [(str(message.get("role")), _content(message.get("content"))) for message in messages]
    utterances = [text for role, text in turns if role in ("user", "assistant")]
    if not utterances:
        raise RequestError(422, "empty_input", "the chat holds no message of the user; send one.")
    task = task_of(card)
    if isinstance(task, RanksKnownReplies):
        return {"context": utterances}
    if task.LINE[0].endswith("+"):
        return utterances
    return utterances[-1]


def _reply(prediction: Prediction, card: ModelCard) -> str:
    """The answer as a chat gives it: a known reply, a text, a label."""
    known = prediction.ranked_replies if card.output is Output.SCORE else []
    return known[0][0] if known else prediction.label


def _content(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        kind = "null" if content is None else type(content).__name__
        raise RequestError(422, "invalid_body", f"the content of a message is {kind}; send a text or text parts.")
    parts = content
    if not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        raise RequestError(
            400, "not_supported", "a message contains something other than text; this model takes text only."
        )
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _usage(items: Sequence[Text], written: Sequence[str]) -> dict[str, int]:
    prompt_tokens = sum(count_tokens([item]) if isinstance(item, str) else len(item) for item in items)
    completion_tokens = count_tokens(list(written))
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


async def _deltas(
    stream: TextStream[str], head: dict[str, Any], body: ChatRequest, items: Sequence[Text]
) -> AsyncIterator[str]:
    """Chunks of a chat: the role, the pieces of the text, why it ended, and usage where it is asked for."""

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return event({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    async for piece in stream.parts():
        yield chunk({"content": piece})
    text = await stream.answer()
    if rest := stream.pieces.rest(text):
        yield chunk({"content": rest})
    yield chunk({}, "stop")
    if body.stream_options is not None and body.stream_options.include_usage:
        yield event({**head, "choices": [], "usage": _usage(items, [text])})


async def _pieces(
    stream: TextStream[list[dict[str, Any]]], head: dict[str, Any], body: CompletionRequest, items: Sequence[Text]
) -> AsyncIterator[str]:
    """The pieces of one completion; the last has the reason why it ended."""
    async for piece in stream.parts():
        yield event({**head, "choices": [_choice(0, piece, None) | {"finish_reason": None}]})
    choices = await stream.answer()
    text = str(choices[0]["text"])
    last = [choices[0] | {"text": stream.pieces.rest(text)}]
    async for chunk in _chunks(last, head, _usage(items, [text]), body.stream_options):
        yield chunk


async def _chunks(
    choices: Sequence[dict[str, Any]], head: dict[str, Any], usage: dict[str, int], options: StreamOptions | None
) -> AsyncIterator[str]:
    """A chunk for each choice, and usage where it is asked for."""
    for choice in choices:
        yield event({**head, "choices": [choice]})
    if options is not None and options.include_usage:
        yield event({**head, "choices": [], "usage": usage})
