"""The address of an OpenAI-compatible endpoint, as a task file writes it, with its prices, limits and dialect.

For example::

    api://api.example.com/v1/small-model?key=EXAMPLE_KEY&input=0.15&output=0.60&cap=2&per_minute=60

``key`` is the *name* of the environment variable that holds the key; the key itself is never written anywhere.
``input`` and ``output`` are prices per million tokens, ``cap`` is the most money it may cost; both in the objective's
currency.
``timeout`` is in seconds, ``per_minute`` the most requests a minute.
``kind`` is the API: ``chat`` (completions, the default), ``responses``, ``decisions`` or ``systemone``.

What a server does not accept is found out by asking; it can also be said: ``limit=max_completion_tokens``,
``system=off``, ``temperature=off``, ``stop=off``, ``structured=off``, ``store=off``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from goldilocks.errors import InputError

LIMIT_NAMES: tuple[Literal["max_tokens", "max_completion_tokens"], ...] = ("max_tokens", "max_completion_tokens")
_NUMBERS = {
    "input": "input_price",
    "output": "output_price",
    "cap": "cap",
    "per_minute": "per_minute",
    "timeout": "timeout",
}
KINDS = ("chat", "responses", "decisions", "systemone")
"""APIs of an endpoint; the last two answer questions with probabilities."""
_SWITCHES = ("system", "temperature", "stop", "structured", "store")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which parts of the chat completions API a server accepts."""

    limit: str = "max_tokens"
    """Name of the request's limit on tokens, one of ``LIMIT_NAMES``."""
    system: bool = True
    """Messages of the role ``system``; else their text begins the user's message."""
    temperature: bool = True
    """A temperature other than the server's own; else none is sent."""
    stop: bool = True
    """Stop sequences; else answers are cut here."""
    structured: bool = True
    """``response_format`` with a JSON schema, which holds the answer to the labels."""
    store: bool = True
    """``store: false`` of the Responses API, which asks the server to keep nothing; else the field is not sent."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go, and on what terms."""

    url: str
    """Up to and without ``/chat/completions``."""
    model: str
    key: str = ""
    """Name of the environment variable that holds the key; empty: none is needed."""
    input_price: float | None = None
    """Money for a million prompt tokens; ``None``: not stated."""
    output_price: float | None = None
    cap: float | None = None
    """Most money it may cost."""
    per_minute: float = 0.0
    """Maximum number of requests a minute; 0: no limit."""
    timeout: float = 60.0
    """Seconds until the whole answer must be there."""
    dialect: Dialect = field(default_factory=Dialect)
    kind: str = KINDS[0]
    """One of ``KINDS``."""

    @property
    def decides(self) -> bool:
        """Whether it answers questions with probabilities, and writes no text."""
        return self.kind in KINDS[2:]

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return _on_this_machine(urlsplit(self.url).hostname or "")

    def __str__(self) -> str:
        """As the task file names it, without its terms."""
        return f"api://{self.url.split('://', 1)[1]}/{self.model}"

    @property
    def source(self) -> str:
        """What ``parse`` reads; terms that are not stated are left out."""
        terms = {name: getattr(self, attribute) for name, attribute in _NUMBERS.items()}
        given = {"key": self.key} if self.key else {}
        given |= {"kind": self.kind} if self.kind != KINDS[0] else {}
        given |= {name: f"{value:g}" for name, value in terms.items() if value is not None}
        given |= {"limit": self.dialect.limit} if self.dialect.limit != LIMIT_NAMES[0] else {}
        given |= {name: "off" for name in _SWITCHES if not getattr(self.dialect, name)}
        return f"{self}?{urlencode(given)}"


def parse(source: str) -> Endpoint:
    """The endpoint that ``api://host/v1/model?...`` names. It is asked over https, on this machine over http.

    Raises:
        InputError: it names no host or model, holds a key, or a term is not known.
    """
    try:
        parts = urlsplit(source)
        hostname, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{_shown(source)}: names no endpoint ({error}); write api://host/v1/model.") from error
    path = parts.path.strip("/")
    before, version, model = path.partition("v1/")
    if not version:
        before, model = "", path
    if not hostname or not model or "@" in parts.netloc:
        raise InputError(f"{_shown(source)}: names no endpoint; write api://host/v1/model?key=VARIABLE.")
    scheme = "http" if _on_this_machine(hostname) else "https"
    host = f"[{hostname}]" if ":" in hostname else hostname
    host = f"{host}:{port}" if port else host
    terms, dialect = _terms(source, hostname, parts.query)
    return Endpoint(f"{scheme}://{host}/{before}v1", model, **terms, dialect=Dialect(**dialect))


def _terms(source: str, hostname: str, query: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of ``Endpoint`` and of ``Dialect``."""
    terms: dict[str, Any] = {}
    dialect: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "key":
            if not value.replace("_", "").isalnum() or not value.isupper():
                raise InputError(
                    f"{hostname}: key= takes the name of an environment variable in capitals, never a key itself."
                )
            terms["key"] = value
        elif name == "kind":
            terms["kind"] = _one_of(name, value, KINDS, source)
        elif name in _NUMBERS:
            terms[_NUMBERS[name]] = _number(name, value, source)
        elif name in _SWITCHES:
            dialect[name] = _one_of(name, value, ("on", "off"), source) == "on"
        elif name == "limit":
            dialect[name] = _one_of(name, value, LIMIT_NAMES, source)
        else:
            known = ", ".join(("key", "kind", *_NUMBERS, "limit", *_SWITCHES))
            raise InputError(f"{source.split('?')[0]}: {name!r} is not a term; there are: {known}.")
    return terms, dialect


def _number(name: str, value: str, source: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if number != 0 and not 1e-6 <= number <= 1e9:
        raise InputError(f"{source.split('?')[0]}: {name} is {value!r}; it must be 0, or a number from 1e-6 to 1e9.")
    return number


def _one_of(name: str, value: str, allowed: tuple[str, ...], source: str) -> str:
    if value not in allowed:
        raise InputError(f"{source.split('?')[0]}: {name} is {value!r}; it must be {' or '.join(allowed)}.")
    return value


def _shown(source: str) -> str:
    """The address without its terms, and without what precedes the host: it may be a key."""
    scheme, separator, rest = source.split("?")[0].partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def priced(source: str, input_price: float, output_price: float, cap: float) -> str:
    """The source with the task file's prices and cap where it states none of its own."""
    endpoint = parse(source)
    return replace(
        endpoint,
        input_price=input_price if endpoint.input_price is None else endpoint.input_price,
        output_price=output_price if endpoint.output_price is None else endpoint.output_price,
        cap=cap if endpoint.cap is None else endpoint.cap,
    ).source


def _on_this_machine(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"
