"""Answers that an endpoint might send, well-formed and mutated, as Hypothesis strategies, and their contract.

Whatever comes, either there is one error of one line, or each item has a label that its answer names, or
a stated reason why it has none. Nothing is scored in silence, nothing shows the key.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st

from goldilocks import plugins
from goldilocks.answers import NO_LABEL
from goldilocks.errors import EndpointError
from goldilocks.records import Goal, Output
from goldilocks.support.endpoints.http_post import HttpAnswer, TransportError

KEY = "key-9876543210-secret"
LABELS = ("card_arrival", "card", "toxic", "non_toxic", "US", "us", "1", "体育")
_WORDS = (*LABELS, "card arrival", "not", "none", "unknown", "Label:", "<think>", "</think>", "```", "{", '{"label": "')
_NUMBERS = st.one_of(st.integers(-5, 600), st.floats(allow_nan=False), st.just(10**30))
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, st.text(max_size=12), st.sampled_from((*_WORDS, KEY)))
_ANY_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_SENTENCES = st.lists(st.one_of(st.sampled_from((*_WORDS, KEY)), st.text(max_size=8)), max_size=8).map(" ".join)
_TEMPLATES = (
    "{}", "Label: {}", "**{}**", '{{"label": "{}"}}', '{{"labels": ["{}"]}}', "<think>card</think>{}", "```\n{}\n```",
    "The answer is {}.", "not {}", "{} or card", "{}, toxic", "It is {}: {}",
)  # fmt: skip
_NAMING = st.builds(
    lambda template, label: template.format(label, label), st.sampled_from(_TEMPLATES), st.sampled_from(LABELS)
)
_PARTS = st.lists(st.one_of(_SCALARS, st.fixed_dictionaries({"type": st.just("text"), "text": _SCALARS})), max_size=3)
_FINISHED = st.sampled_from(("stop", "length", "content_filter", "error", None, 3))


def answers(kind: str = "chat") -> st.SearchStrategy[HttpAnswer | Exception]:
    """Whole HTTP answers of any status, and failures of the transport, of an endpoint of this kind."""
    well = _of_kind(kind)
    ok = st.builds(HttpAnswer, st.just(200), _headers(), st.one_of(*[well] * 3, _errors(), _mutated(well), st.binary()))
    statuses = st.sampled_from((204, 301, 400, 401, 402, 403, 404, 413, 422, 429, 451, 500, 503, 529, 599))
    failed = st.builds(HttpAnswer, statuses, _headers(), st.one_of(_errors(), _mutated(well), st.binary()))
    broken = st.sampled_from((TimeoutError(), TransportError(f"cannot be reached ({KEY})")))
    return st.one_of(ok, ok, failed, broken)


def _headers() -> st.SearchStrategy[dict[str, str]]:
    waits = st.sampled_from(("0", "nan", "-1", "inf", "1e400", "Fri, 31 Dec 99999 00:00:00 GMT", KEY, ""))
    return st.one_of(st.just({}), st.fixed_dictionaries({"retry-after": waits}))


def _of_kind(kind: str) -> st.SearchStrategy[bytes]:
    """Well-formed answers of an API."""
    usage = st.one_of(st.none(), _SCALARS, st.fixed_dictionaries({"input_tokens": _SCALARS, "output_tokens": _SCALARS}))
    if kind == "chat":
        return _completions()
    if kind == "responses":
        texts = st.one_of(_NAMING, _NAMING, _SENTENCES, st.none())
        parts = st.fixed_dictionaries({"type": st.sampled_from(("output_text", "refusal", "text")), "text": texts})
        items = st.fixed_dictionaries(
            {
                "type": st.sampled_from(("message", "message", "reasoning")),
                "content": st.one_of(st.lists(parts, max_size=2), texts),
            }
        )
        reasons = st.sampled_from((None, {"reason": "max_output_tokens"}, {"reason": "content_filter"}, 3))
        fields = {"output": st.one_of(st.none(), st.lists(items, max_size=2)), "incomplete_details": reasons}
        return st.fixed_dictionaries(fields | {"usage": usage}).map(_encoded)
    shares = st.one_of(st.floats(0, 1), st.floats(), _SCALARS)
    names = st.sampled_from((*LABELS, "ＣＡＲＤ", " card", KEY))
    tables = st.one_of(
        st.permutations([*zip(LABELS, (0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05), strict=True)]),
        st.lists(st.tuples(names, shares), max_size=9),
    )
    given = st.one_of(
        tables.map(lambda table: {"probabilities": [{"value": name, "probability": share} for name, share in table]}),
        tables.map(lambda table: {"probabilities": dict(table)}),
        shares.map(lambda share: {"probability": share, "noul": share}),
        st.fixed_dictionaries({"type": st.just("refusal"), "reason": _SCALARS}),
        _SCALARS,
    )
    named = st.lists(given, max_size=len(LABELS)).map(
        lambda each: [{"name": str(at), **one} if isinstance(one, dict) else one for at, one in enumerate(each)]
    )
    by_place = st.dictionaries(st.integers(0, len(LABELS)).map(str), given, max_size=len(LABELS))
    answered = st.one_of(named, named, by_place, st.none())
    return st.fixed_dictionaries({"answers": answered, "usage": usage}).map(_encoded)


def _completions() -> st.SearchStrategy[bytes]:
    messages = st.fixed_dictionaries(
        {"content": st.one_of(_NAMING, _NAMING, _SENTENCES, _PARTS, st.none()), "refusal": _SCALARS}
    )
    choices = st.fixed_dictionaries({"message": messages, "finish_reason": _FINISHED})
    usage = st.one_of(st.none(), st.fixed_dictionaries({"prompt_tokens": _SCALARS, "completion_tokens": _SCALARS}))
    return st.fixed_dictionaries({"choices": st.lists(choices, min_size=1, max_size=2), "usage": usage}).map(_encoded)


def _errors() -> st.SearchStrategy[bytes]:
    words = st.one_of(
        _SENTENCES,
        st.sampled_from(
            (
                f"Authorization: Bearer {KEY}",
                "content_filter",
                "maximum context length is 8 tokens",
                "Unsupported parameter: 'max_tokens'",
                "System role not supported",
                "response_format is not supported",
                "\x1b[31mrate limit\u202e",
            )
        ),
    )
    inner = st.fixed_dictionaries({"message": words, "code": _SCALARS, "type": words})
    return st.one_of(
        st.fixed_dictionaries({"error": st.one_of(inner, words, _ANY_JSON)}),
        st.fixed_dictionaries({"message": words, "code": _SCALARS}),
        st.fixed_dictionaries({"detail": st.one_of(words, st.lists(inner, max_size=2))}),
    ).map(_encoded)


def _mutated(well: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Well-formed answers with a piece cut out, replaced, or put in; and JSON of any other shape."""
    return st.one_of(
        st.builds(_spliced, well, st.integers(0, 200), st.integers(0, 40), st.binary(max_size=6)),
        _ANY_JSON.map(_encoded),
        st.lists(well, max_size=3).map(lambda events: b"".join(b"data: " + event + b"\n\n" for event in events)),
    )


def _spliced(content: bytes, place: int, length: int, piece: bytes) -> bytes:
    place = min(place, len(content))
    return content[:place] + piece + content[place + length :]


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def raw_answers() -> st.SearchStrategy[bytes]:
    """Bytes on the wire: an HTTP answer with mutated status line, headers and body."""
    heads = st.sampled_from(
        (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 x\r\nRetry-After: 0\r\n", b"HTTP/9 1\r\n", b"SSH-2.0\r\n")
    )
    framed = st.one_of(_completions(), _mutated(_completions())).map(
        lambda body: b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    whole = st.builds(bytes.__add__, heads, framed)
    return st.one_of(whole, st.builds(_spliced, whole, st.integers(0, 120), st.integers(0, 20), st.binary(max_size=4)))


def _texts(body: bytes) -> Iterator[str]:
    """All strings of a body: decoded ones where it is JSON or a stream of JSON."""
    for line in (body, *body.splitlines()):
        text = line.decode("utf-8-sig", "replace")
        yield text
        try:
            yield from _strings(json.loads(text.removeprefix("data:")))
        except (ValueError, RecursionError):
            continue


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
    else:
        yield str(value)


def _spelt(text: str) -> str:
    """Spelling by which labels and answers are compared here: the letters and digits alone."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def check(replies: Sequence[HttpAnswer | Exception], *, several: bool, kind: str = "chat") -> str:
    """Ask an endpoint of a kind that gives these answers about one item, and hold the model to the contract.

    Returns:
        What came of it: ``error``, ``unanswered`` or ``answered``.
    """
    family: Any = plugins.load("families", "api")
    info = family.describe(Path(), f"api://127.0.0.1:1/v1/m?key=FUZZ_KEY&input=1&output=1&kind={kind}")
    assert info is not None
    model: Any = family.create(info, None, None, Goal(Output.LABEL, LABELS, several=several), seed=0)
    model.client.sleep = lambda _: None
    left = list(replies)

    def post(*_: Any, **__: Any) -> HttpAnswer:
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    with (
        mock.patch("goldilocks.support.endpoints.client.post", post),
        mock.patch.dict("os.environ", {"FUZZ_KEY": KEY}),
    ):
        try:
            answers = model.predict(["an item"])
        except EndpointError as error:
            message = str(error)
        else:
            message = ""
    if message:
        assert message.isprintable(), message
        assert KEY[:8] not in message, message
        return "error"
    (value,), (problem,), (record,) = answers.values, answers.problems, answers.predictions()
    assert bool(problem) == (value in (NO_LABEL, (NO_LABEL,))), (value, problem)
    assert record.error == problem
    assert KEY not in problem
    assert model.spending_log.own().unanswered == bool(problem)
    named = value if several else (value,)
    assert problem or set(named) <= set(LABELS), named
    if kind in ("decisions", "systemone"):
        shares = [record.scores[label] for label in LABELS]
        assert problem or all(0 <= share <= 1 for share in shares), shares
        assert problem or several or abs(sum(shares) - 1) < 1e-4, shares
        return "unanswered" if problem else "answered"
    sent = _spelt("".join(text for reply in replies if isinstance(reply, HttpAnswer) for text in _texts(reply.body)))
    for label in () if problem else named:
        spellings = (label, label.replace("non_", "not "))  # "not toxic" names non_toxic
        assert any(_spelt(spelling) in sent for spelling in spellings), (label, sent)
    return "unanswered" if problem else "answered"
