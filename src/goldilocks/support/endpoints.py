"""OpenAI-compatible endpoints: where one is, what it costs, and one question put to it (chat/completions).

A task file names an endpoint as

    api://api.example.com/v1/small-model?key=EXAMPLE_KEY&input=0.15&output=0.60&cap=2&per_minute=60

``key`` is the *name* of the environment variable that holds the key; the key itself is written nowhere. ``input`` and
``output`` are prices of a million tokens, ``cap`` the money it may cost, in the objective's currency.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import random
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from goldilocks.errors import EndpointError, InputError
from goldilocks.support.account import Account, Usage
from goldilocks.support.post import MOST_BYTES, post

_NUMBERS = {
    "input": "input_price",
    "output": "output_price",
    "cap": "cap",
    "per_minute": "per_minute",
    "timeout": "timeout",
}
_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_TRIES = 5
_LONGEST_WAIT = 60.0
_TOKENS_PER_CHARACTER = 0.5
"""A careful guess, for what a question may cost before it was asked (English takes half of it, Chinese more)."""
_MOST_TOKENS = 10_000_000
"""Of a text, that an endpoint is believed; no model reads or writes as many at once."""
_MOST_PER_TOKEN = 16
"""Characters of an answer for each token it may have, on average: what an endpoint sends beyond is not read. Metrics of
texts, and the search for labels in one, would take long over megabytes."""
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask, and on what terms."""

    url: str
    """Up to and without ``/chat/completions``."""
    model: str
    key: str = ""
    """Name of the environment variable that holds the key; empty: none is needed."""
    input_price: float | None = None
    """Money for a million tokens read; ``None``: not said."""
    output_price: float | None = None
    cap: float | None = None
    """Most money it may cost."""
    per_minute: float = 0.0
    """Most questions a minute; 0: no limit."""
    timeout: float = 60.0
    """Seconds until the whole answer must be there."""

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return _on_this_machine(urlsplit(self.url).hostname or "")

    def __str__(self) -> str:
        """As the task file names it, without its terms."""
        return f"api://{self.url.split('://', 1)[1]}/{self.model}"

    @property
    def source(self) -> str:
        """What ``parse`` reads."""
        terms = {name: getattr(self, attribute) for name, attribute in _NUMBERS.items()}
        given = {"key": self.key} if self.key else {}
        given |= {name: f"{value:g}" for name, value in terms.items() if value is not None}
        return f"{self}?{urlencode(given)}"


def parse(source: str) -> Endpoint:
    """The endpoint that ``api://host/v1/model?...`` names. It is asked over https, on this machine over http.

    Raises:
        InputError: it names no host or model, has a key in it, or a term that is not known.
    """
    parts = urlsplit(source)
    path = parts.path.strip("/")
    before, found, model = path.partition("v1/")
    if not found:
        before, model = "", path
    if not parts.hostname or not model or parts.username:
        raise InputError(f"{source.split('?')[0]}: names no endpoint; write api://host/v1/model?key=VARIABLE.")
    scheme = "http" if _on_this_machine(parts.hostname) else "https"
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    terms: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "key":
            if not value.replace("_", "").isalnum() or not value.isupper():
                raise InputError(
                    f"{parts.hostname}: key= takes the name of an environment variable in capitals, never a key itself."
                )
            terms["key"] = value
        elif name in _NUMBERS:
            terms[_NUMBERS[name]] = _number(name, value, source)
        else:
            raise InputError(f"{source.split('?')[0]}: {name!r} is no term; there are: key, {', '.join(_NUMBERS)}.")
    return Endpoint(f"{scheme}://{host}/{before}v1", model, **terms)


def _number(name: str, value: str, source: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if number != 0 and not 1e-6 <= number <= 1e9:
        raise InputError(f"{source.split('?')[0]}: {name} is {value!r}; it must be 0, or a number from 1e-6 to 1e9.")
    return number


def priced(source: str, input_price: float, output_price: float, cap: float) -> str:
    """The source with the task file's prices and cap where it names none of its own."""
    found = parse(source)
    return replace(
        found,
        input_price=input_price if found.input_price is None else found.input_price,
        output_price=output_price if found.output_price is None else found.output_price,
        cap=cap if found.cap is None else found.cap,
    ).source


def _on_this_machine(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer."""

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float
    """Until the whole answer was there, of the try that succeeded."""


@dataclass(slots=True)
class Client:
    """Puts questions to an endpoint, one or several at a time, and keeps the account."""

    endpoint: Endpoint
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    account: Account = field(default_factory=Account)
    """Where what is spent is written down; in a search one file for all its candidates and sessions."""
    _reserved: float = 0.0
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _jitter: random.Random = field(default_factory=lambda: random.Random(0))

    def ask(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        stops: Sequence[str] = (),
        sampling: Mapping[str, float] | None = None,
    ) -> Completion:
        """The answer to a conversation, as sure of itself as the endpoint gives it (temperature 0).

        Asked again, at most 5 times, where the endpoint is busy, fails, takes too long or breaks off.

        Args:
            messages: Role and content of each, in turn.
            max_tokens: Most tokens of the answer.
            stops: The answer ends before the first of these.
            sampling: Further keys of the request (temperature, top_p, top_k, seed), for endpoints that know them.

        Raises:
            EndpointError: there is no usable answer, no key, or no money left under the cap.
        """
        body = {
            "model": self.endpoint.model,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": 0,
            **({"stop": list(stops)} if stops else {}),
            **(sampling or {}),
        }
        most = self._reserve(messages, max_tokens)
        found = None
        try:
            found = self._answer(json.dumps(body).encode())
        finally:
            with self._lock:
                self._reserved -= most
                if found is not None:
                    read, written = found.input_tokens, found.output_tokens
                    self.account.pay(str(self.endpoint), Usage(1, read, written, self._price(read, written)))
        return replace(found, text=found.text[: _MOST_PER_TOKEN * max_tokens])

    @property
    def spent(self) -> float:
        """Money that the endpoint has cost so far, whoever asked for the account."""
        return self.account.spent(str(self.endpoint))

    def afford(self, questions: int) -> None:
        """See that so many further questions, as dear as those so far, stay under the cap.

        Raises:
            EndpointError: they would not; asking them half-way would be money for nothing.
        """
        cap, price = self.endpoint.cap, questions * self.account.own().each
        if cap is not None and self.spent + price > cap:
            raise EndpointError(
                f"{self.endpoint}: has cost {self.spent:.4g}, and {questions} further questions would cost about "
                f"{price:.4g}; the cap is {cap:g}. Raise prices.api_cap in the task file, or leave the endpoint out."
            )

    def rest(self) -> None:
        """Wait until a question may be put at once (``per_minute``): for whoever times the endpoint, not the pace."""
        with self._lock:
            wait = self._next - self.clock() if self.endpoint.per_minute else 0.0
        if wait > 0:
            self.sleep(wait)

    def _price(self, read: float, written: float) -> float:
        return (read * (self.endpoint.input_price or 0) + written * (self.endpoint.output_price or 0)) / 1e6

    def _reserve(self, messages: Sequence[Mapping[str, str]], max_tokens: int) -> float:
        """Set aside what the question may cost, so that several at once do not pass the cap together."""
        read = 8 + _TOKENS_PER_CHARACTER * sum(len(one["content"]) for one in messages)
        most = self._price(read, max_tokens)
        cap = self.endpoint.cap
        with self._lock:
            if cap is not None and most and (spent := self.spent) + self._reserved + most > cap:
                raise EndpointError(
                    f"{self.endpoint}: has cost {spent:.4g}, and another question may cost {most:.4g}; the cap is "
                    f"{cap:g}. Raise prices.api_cap in the task file, or leave the endpoint out."
                )
            self._reserved += most
        return most

    def _answer(self, body: bytes) -> Completion:
        problem = "was not asked"
        for attempt in range(_TRIES):
            self._wait_for_turn()
            wait = min(_LONGEST_WAIT, 0.5 * 2**attempt * (1 + self._jitter.random()))
            try:
                return self._once(body)
            except urllib.error.HTTPError as error:
                problem = f"answered with status {error.code}{_said(error)}"
                if error.code not in _AGAIN:
                    raise EndpointError(f"{self.endpoint}: {problem}; {_advice(error.code, self.endpoint)}") from error
                wait = _retry_after(error.headers.get("Retry-After"), wait)
            except TimeoutError:
                problem = f"gave no answer within {self.endpoint.timeout:g} s"
            except (http.client.IncompleteRead, ConnectionError) as error:  # RemoteDisconnected is one too
                problem = f"broke off its answer ({type(error).__name__})"
            except http.client.HTTPException as error:
                problem = f"gave no HTTP that can be read ({type(error).__name__})"
            except urllib.error.URLError as error:
                late = isinstance(error.reason, TimeoutError)
                problem = (
                    f"gave no answer within {self.endpoint.timeout:g} s"
                    if late
                    else f"cannot be reached ({error.reason})"
                )
            if attempt + 1 < _TRIES:
                self.sleep(wait)
        raise EndpointError(f"{self.endpoint}: {problem}, {_TRIES} times over; try later, or leave the endpoint out.")

    def _wait_for_turn(self) -> None:
        if not self.endpoint.per_minute:
            return
        with self._lock:
            now = self.clock()
            turn = max(now, self._next)
            self._next = turn + 60 / self.endpoint.per_minute
        if turn > now:
            self.sleep(turn - now)

    def _once(self, body: bytes) -> Completion:
        headers = {"Content-Type": "application/json", "User-Agent": "goldilocks"}
        if self.endpoint.key:
            key = os.environ.get(self.endpoint.key, "").strip()
            if not key:
                raise EndpointError(
                    f"{self.endpoint}: the environment variable {self.endpoint.key} is not set; put the key there."
                )
            if not (key.isascii() and key.isprintable()):  # or urllib would show it in what it raises
                raise EndpointError(
                    f"{self.endpoint}: {self.endpoint.key} holds signs that no key has (line ends, accents); "
                    "put the key alone there."
                )
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(f"{self.endpoint.url}/chat/completions", body, headers, method="POST")
        begun = time.perf_counter()
        raw = post(request, timeout=self.endpoint.timeout, direct=self.endpoint.local)
        if len(raw) > MOST_BYTES:
            raise EndpointError(
                f"{self.endpoint}: its answer is longer than {MOST_BYTES / 1e6:g} MB, which no completion is; "
                "check the address, or leave the endpoint out."
            )
        return self._read(raw, time.perf_counter() - begun, len(body))

    def _read(self, raw: bytes, seconds: float, asked_bytes: int) -> Completion:
        try:
            found = json.loads(raw)
            text = "".join(found["choices"][0]["message"]["content"] or "")
            usage = found.get("usage")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            begins = raw[:60].decode("utf-8", "replace").replace("\n", " ")
            raise EndpointError(
                f"{self.endpoint}: its answer is no chat completion in JSON (it begins {begins!r}); "
                "check the address, or leave the endpoint out."
            ) from error
        used = usage if isinstance(usage, dict) else {}
        read = _tokens(used.get("prompt_tokens"), asked_bytes)
        written = _tokens(used.get("completion_tokens"), len(text))
        return Completion(_whole(text), read, written, seconds)


def _tokens(said: Any, characters: int) -> int:
    """What the endpoint says a text was; the careful guess where it says nothing, or nothing that can be."""
    if type(said) is int and 1 <= said <= _MOST_TOKENS:
        return said
    return 1 + int(_TOKENS_PER_CHARACTER * characters)


def _whole(text: str) -> str:
    """Without halves of characters (lone surrogates), which JSON can hold and no file can."""
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", text)


def _said(error: urllib.error.HTTPError) -> str:
    """The endpoint's own words, in one short line."""
    try:
        found = json.loads(error.read(10_000))
        words = found["error"]["message"] if isinstance(found["error"], dict) else found["error"]
        return f" ({_whole(' '.join(str(words).split())[:160])})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError, http.client.HTTPException):
        return ""


def _advice(code: int, endpoint: Endpoint) -> str:
    if code in (401, 403):
        return f"check the key in {endpoint.key}." if endpoint.key else "name the variable of its key with ?key=."
    return "check the address and the name of the model."


def _retry_after(said: str | None, otherwise: float) -> float:
    """Seconds that ``Retry-After`` asks for (a number, or a date), at most a minute."""
    if not said:
        return otherwise
    try:
        wait = float(said)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
        except ValueError:
            return otherwise
    return min(_LONGEST_WAIT, max(0.0, wait))
