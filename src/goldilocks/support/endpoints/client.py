"""A client of chat completions: pacing, retries, the server's dialect, and a spending log with a cap."""

from __future__ import annotations

import email.utils
import json
import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from goldilocks.errors import EndpointError, RefusedItemError
from goldilocks.support.endpoints.address import Dialect, Endpoint
from goldilocks.support.endpoints.chat import (
    TOKENS_PER_CHARACTER,
    ChatRequest,
    Completion,
    NoCompletionError,
    Request,
    adapted,
)
from goldilocks.support.endpoints.http_post import MAX_BYTES, HttpAnswer, TransportError, post
from goldilocks.support.endpoints.responses import ResponsesRequest
from goldilocks.support.endpoints.server_errors import ServerError, cleaned, read_error
from goldilocks.support.endpoints.spending_log import SpendingLog
from goldilocks.support.endpoints.usage import Usage

_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_TRIES = 5
_LONGEST_WAIT = 60.0
_LONGEST_ASKED = 600.0
"""Seconds of a ``Retry-After`` beyond which nothing is sent again: a quota of an hour or a day is used up."""
_DIALECT_CHANGES = 8
"""Maximum number of changes of the dialect for one request: each part of it once, and those of other threads."""


@dataclass(slots=True)
class Client:
    """Sends chat requests to an endpoint, one or several at a time, and logs what they cost."""

    endpoint: Endpoint
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    spending_log: SpendingLog = field(default_factory=SpendingLog)
    """In a search one file for all its candidates and sessions."""
    _dialect: Dialect | None = None
    _structured_works: bool = False
    _has_answered: bool = False
    _reserved: float = 0.0
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _jitter: random.Random = field(default_factory=lambda: random.Random(0))

    @property
    def dialect(self) -> Dialect:
        """What the server accepts, as far as is known."""
        return self._dialect or self.endpoint.dialect

    def ask(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        stops: Sequence[str] = (),
        sampling: Mapping[str, float] | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """The answer to a conversation, at temperature 0 unless ``sampling`` says otherwise.

        Sent again, at most 5 times, where the endpoint is busy, fails, takes too long or breaks off; and in another
        dialect where the server does not accept a part of the request, which is remembered.

        Args:
            messages: Role and content of each, in turn.
            max_tokens: Maximum number of tokens of the answer.
            stops: The answer ends before the first of these.
            sampling: Further keys of the request (temperature, top_p, top_k, seed), for endpoints that know them.
            schema: JSON schema of the answer; used where the server supports it.

        Raises:
            RefusedItemError: the endpoint refuses this conversation, others may be answered.
            EndpointError: there is no usable answer, no key, or no money left under the cap.
        """
        kind = ResponsesRequest if self.endpoint.kind == "responses" else ChatRequest
        return self.send(kind(messages, max_tokens, stops, sampling or {}, schema))

    def send(self, request: Request) -> Completion:
        """The answer to a request; see ``ask``.

        Raises:
            RefusedItemError: the endpoint refuses this item, others may be answered.
            EndpointError: there is no usable answer, no key, or no money left under the cap.
        """
        max_cost = self._reserve(request)
        usage = Usage()
        try:
            completion = self._answer(request)
            read, written = completion.input_tokens, completion.output_tokens
            empty, truncated = int(not completion.text.strip()), int(completion.truncated)
            usage = Usage(1, read, written, self._price(read, written), empty, truncated)
        except RefusedItemError:
            usage = Usage(refused=1)
            raise
        finally:
            with self._lock:
                self._reserved -= max_cost
                if usage.items:
                    self.spending_log.add(str(self.endpoint), usage)
        return completion

    def note_unanswered(self, count: int) -> None:
        """Log that this many items got no answer that could be used, for the share in the decision."""
        if count:
            with self._lock:
                self.spending_log.add(str(self.endpoint), Usage(unanswered=count))

    @property
    def spent(self) -> float:
        """Money that the endpoint has cost so far, over all candidates and processes."""
        return self.spending_log.spent(str(self.endpoint))

    def afford(self, requests: int) -> None:
        """Check that this many further requests, at the average price so far, stay under the cap.

        Raises:
            EndpointError: they would not; sending half of them would be money for nothing.
        """
        cap, price = self.endpoint.cap, requests * self.spending_log.own().each
        if cap is not None and self.spent + price > cap:
            raise EndpointError(
                f"{self.endpoint}: has cost {self.spent:.4g}, and {requests} further questions would cost about "
                f"{price:.4g}; the cap is {cap:g}. Raise prices.api_cap in the task file, or leave the endpoint out."
            )

    def rest(self) -> None:
        """Wait until a request may be sent at once (``per_minute``), so that a timed one does not include the wait."""
        with self._lock:
            wait = self._next - self.clock() if self.endpoint.per_minute else 0.0
        if wait > 0:
            self.sleep(wait)

    # --------------------------------------------------------------------------------------------------------- money

    def _price(self, read: float, written: float) -> float:
        return (read * (self.endpoint.input_price or 0) + written * (self.endpoint.output_price or 0)) / 1e6

    def _reserve(self, request: Request) -> float:
        """Set aside what the request may cost, so that several at once do not pass the cap together."""
        read = 8 + TOKENS_PER_CHARACTER * request.characters
        max_cost = self._price(read, request.limit(self.dialect))
        cap = self.endpoint.cap
        with self._lock:
            if cap is not None and max_cost and (spent := self.spent) + self._reserved + max_cost > cap:
                raise EndpointError(
                    f"{self.endpoint}: has cost {spent:.4g}, and another question may cost {max_cost:.4g}; the cap is "
                    f"{cap:g}. Raise prices.api_cap in the task file, or leave the endpoint out."
                )
            self._reserved += max_cost
        return max_cost

    # ------------------------------------------------------------------------------------------------------- requests

    def _answer(self, request: Request) -> Completion:
        """The completion, over as many tries and dialects as it takes."""
        key = self._key()
        problem, attempt, changes = "was not asked", 0, 0
        while attempt < _TRIES:
            self._wait_for_turn()
            wait = min(_LONGEST_WAIT, 0.5 * 2**attempt * (1 + self._jitter.random()))
            dialect = self.dialect
            try:
                answer, retry_after = self._once(request, dialect, key)
            except TimeoutError:
                problem = f"gave no answer within {self.endpoint.timeout:g} s"
            except TransportError as error:
                problem = cleaned(str(error), key)
            else:
                if isinstance(answer, Completion):
                    self._has_answered = True
                    self._structured_works |= request.schema is not None and dialect.structured
                    return replace(answer, limit=request.limit(dialect))
                another = adapted(dialect, answer, request, structured_works=self._structured_works)
                if another is not None and changes < _DIALECT_CHANGES:  # not counted as a try
                    changes += 1
                    self._learn(dialect, another)
                    continue
                problem = f"answered with {answer}"
                self._raise_if_lasting(answer, problem)
                wait = _retry_after(retry_after, wait)
                if wait > _LONGEST_ASKED:
                    raise EndpointError(
                        f"{self.endpoint}: {problem} and asks to wait {min(wait, 1e9):,.0f} s; try later, or leave the "
                        "endpoint out."
                    )
                wait = min(wait, _LONGEST_WAIT)
            attempt += 1
            if attempt < _TRIES:
                self.sleep(wait)
        raise EndpointError(f"{self.endpoint}: {problem}, {_TRIES} times over; try later, or leave the endpoint out.")

    def _learn(self, before: Dialect, now: Dialect) -> None:
        """Remember a dialect, unless another thread has learnt one since this request was sent."""
        with self._lock:
            if self.dialect == before:
                self._dialect = now

    def _raise_if_lasting(self, error: ServerError, problem: str) -> None:
        """An error that a retry does not resolve."""
        if error.filtered:
            raise RefusedItemError(f"{self.endpoint}: refuses this item, {problem}; leave it out or reword it.")
        if error.too_long:
            raise RefusedItemError(
                f"{self.endpoint}: this item is too long for it, {problem}; shorten it, or lower generation.max_tokens."
            )
        if error.status not in _TRANSIENT or error.no_credit:
            raise EndpointError(f"{self.endpoint}: {problem}; {_advice(error, self.endpoint)}")

    def _wait_for_turn(self) -> None:
        if not self.endpoint.per_minute:
            return
        with self._lock:
            now = self.clock()
            turn = max(now, self._next)
            self._next = turn + 60 / self.endpoint.per_minute
        if turn > now:
            self.sleep(turn - now)

    def _key(self) -> str:
        """The key, from its environment variable; empty where none is needed."""
        if not self.endpoint.key:
            return ""
        key = os.environ.get(self.endpoint.key, "").strip()
        if not key:
            raise EndpointError(
                f"{self.endpoint}: the environment variable {self.endpoint.key} is not set; put the key there."
            )
        if not (key.isascii() and key.isprintable()):
            raise EndpointError(
                f"{self.endpoint}: {self.endpoint.key} holds signs that no key has (line ends, accents); "
                "put the key alone there."
            )
        return key

    def _once(self, request: Request, dialect: Dialect, key: str) -> tuple[Completion | ServerError, str | None]:
        """One try: the completion or the server's error, and its ``Retry-After``."""
        body = json.dumps(request.body(self.endpoint.model, dialect)).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "goldilocks"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        started = time.perf_counter()
        url, timeout = f"{self.endpoint.url}/{request.path}", self.endpoint.timeout
        answer = post(url, body, headers, timeout=timeout, proxies=not self.endpoint.local)
        seconds = time.perf_counter() - started
        retry_after = answer.headers.get("retry-after")
        if 300 <= answer.status < 400 and "location" in answer.headers:
            words = cleaned(f"it redirects to {answer.headers['location'].split('?')[0]}", key)
            return ServerError(answer.status, words), retry_after
        if answer.status != 200:
            return read_error(answer.body, answer.status, key), retry_after
        return self._completion(answer, request, len(body), seconds, key), retry_after

    def _completion(
        self, answer: HttpAnswer, request: Request, n_sent: int, seconds: float, key: str
    ) -> Completion | ServerError:
        if len(answer.body) > MAX_BYTES:
            raise EndpointError(
                f"{self.endpoint}: its answer is longer than {MAX_BYTES / 1e6:g} MB, which no completion is; "
                "check the address, or leave the endpoint out."
            )
        try:
            return request.read(answer.body, n_sent=n_sent, seconds=seconds, key=key)
        except NoCompletionError as error:
            if error.broken_off:
                raise TransportError(f"broke off its answer (it begins {str(error)!r})") from error
            if self._has_answered:  # a page of a proxy, say, in the middle of a run
                raise TransportError(f"sent no answer as before, but what begins {str(error)!r}") from error
            raise EndpointError(
                f"{self.endpoint}: its answer is not JSON as {request.path} gives it (it begins {str(error)!r}); "
                "check the address and its kind (?kind=), or leave the endpoint out."
            ) from error

    def settled(self) -> Endpoint:
        """The endpoint with the detected dialect, for later clients."""
        return replace(self.endpoint, dialect=self.dialect)


def _advice(error: ServerError, endpoint: Endpoint) -> str:
    if error.no_credit or error.status == 402:
        return "its account has no credit left: top it up, or leave the endpoint out."
    if error.status in (401, 403):
        return f"check the key in {endpoint.key}." if endpoint.key else "name the variable of its key with ?key=."
    if error.status in (400, 422):
        return (
            "if its words name a part of the request, switch that off in the address (system=off, temperature=off, "
            "stop=off, structured=off, store=off, limit=max_completion_tokens); else leave the endpoint out."
        )
    return "check the address, its kind (?kind=) and the name of the model."


def _retry_after(stated: str | None, otherwise: float) -> float:
    """Seconds that ``Retry-After`` asks for: a number, or a date."""
    if not stated:
        return otherwise
    try:
        wait = float(stated)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(stated).timestamp() - time.time()
        except (ValueError, OverflowError, TypeError, OSError):
            return otherwise
    return otherwise if math.isnan(wait) else max(0.0, wait)
