"""The channel between the process of a program and the process of its tests: calls and plain values, as JSON.

Plain values (numbers, strings, bytes, tuples, lists, dicts, sets and some classes of the standard library) are copied.
What arrives is of exactly these classes, however the sender's ``__eq__`` or ``__class__`` may look. Anything else is
left to the two sides (``Codec.export``, ``Codec.resolve``): they send a handle.

Standard library only: the source of this file is run inside the sandbox.
"""

from __future__ import annotations

import builtins
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes longer than most programs run
    from collections.abc import Callable
    from typing import Any

MAX_BYTES = 64 << 20
"""Largest message that is read."""
_LARGE_BITS = 4_000
"""Integers beyond this go as hexadecimal text: Python refuses to parse longer decimal ones."""
_MAX_ITERATED = 100_000
_CONTAINERS: dict[type, str] = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}
_MAKERS: dict[str, Callable[[Any], Any]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_TEXTUAL: dict[str, Callable[[Any], str]] = {  # class -> how it is written as text
    "decimal.Decimal": str,
    "fractions.Fraction": str,
    "datetime.date": lambda value: value.isoformat(),
    "datetime.datetime": lambda value: value.isoformat(),
    "datetime.time": lambda value: value.isoformat(),
}
_BASES: tuple[Any, ...] = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset)


class WireError(Exception):
    """The other side sent what is not a message, or has ended."""


class Channel:
    """Messages over one end of a socket pair, each with its length before it."""

    def __init__(self, number: int) -> None:
        """``number``: the file descriptor of the socket."""
        self.number = number

    def send(self, message: dict[str, Any]) -> None:
        """Send one message.

        Raises:
            WireError: the other end has closed.
        """
        content = json.dumps(message).encode()
        view = memoryview(len(content).to_bytes(8) + content)
        try:
            while view:
                view = view[os.write(self.number, view) :]
        except OSError as error:
            raise WireError("the other process has ended") from error

    def receive(self) -> dict[str, Any]:
        """Wait for one message.

        Raises:
            WireError: the other side has ended, or it is none.
        """
        size = int.from_bytes(self._exactly(8))
        if size > MAX_BYTES:
            raise WireError(f"a message of {size:,} bytes")
        try:
            message = json.loads(self._exactly(size))
        except (ValueError, RecursionError) as error:
            raise WireError("what came is not a message") from error
        if not isinstance(message, dict):
            raise WireError("what came is not a message")
        return message

    def _exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            try:
                part = os.read(self.number, min(size - len(parts), 1 << 20))
            except OSError as error:
                raise WireError("the other process has ended") from error
            if not part:
                raise WireError("the other process has ended")
            parts += part
        return bytes(parts)


class Codec:
    """Values to JSON and back; what is not plain goes through ``export`` and ``resolve``."""

    def export(self, value: Any) -> list[Any]:
        """How a value that is not plain is sent: a list that begins with a tag of this side's own."""
        raise TypeError(f"{type(value).__name__} is not a plain value")

    def resolve(self, tag: str, content: list[Any]) -> Any:
        """The value that the other side's ``export`` sent.

        Raises:
            WireError: there is none.
        """
        raise WireError(f"unknown value {tag!r} {content!r:.40}")

    def encode(self, value: Any) -> Any:
        """What JSON holds of a value; its class decides, not what it says of itself."""
        kind = type(value)
        if value is None or kind in (bool, float, str):
            return value
        if kind is int:
            return value if value.bit_length() < _LARGE_BITS else ["int", hex(value)]
        if kind in _CONTAINERS:
            return [_CONTAINERS[kind], [self.encode(element) for element in value]]
        if kind is dict:
            return ["dict", self._pairs(value)]
        if kind in (bytes, bytearray):
            return [kind.__name__, value.hex()]
        if kind is complex:
            return ["complex", value.real, value.imag]
        if kind is range:
            return ["range", value.start, value.stop, value.step]
        return self._of_library(value, f"{kind.__module__}.{kind.__qualname__}")

    def _of_library(self, value: Any, name: str) -> list[Any]:
        kind = type(value)
        if kind is not getattr(sys.modules.get(kind.__module__), kind.__qualname__, None):
            return self.export(value)  # made in a function, or only called so
        if name in _TEXTUAL:
            return ["textual", name, _TEXTUAL[name](value)]
        if name == "datetime.timedelta":
            return ["timedelta", value.days, value.seconds, value.microseconds]
        if name == "collections.deque":
            return ["deque", [self.encode(element) for element in value], value.maxlen]
        if name in ("collections.Counter", "collections.OrderedDict"):
            return [kind.__name__, self._pairs(value)]
        return self.export(value)

    def base_value(self, value: Any) -> Any:
        """An instance of a subclass of a plain class as that class; ``None`` where it is of no such class."""
        for base in _BASES:
            if isinstance(value, base):
                return self.encode(base(value))
        return None

    def _pairs(self, value: dict[Any, Any]) -> list[list[Any]]:
        return [[self.encode(key), self.encode(element)] for key, element in value.items()]

    def decode(self, value: Any) -> Any:
        """The value that ``encode`` was given, of exactly that class.

        Raises:
            WireError: it is none.
        """
        if not isinstance(value, list):
            if isinstance(value, dict):
                raise WireError("a bare object")
            return value
        try:
            return self._decoded(str(value[0]), value[1:])
        except WireError:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, ImportError) as error:
            raise WireError(f"a damaged value ({type(error).__name__})") from error

    def _decoded(self, tag: str, content: list[Any]) -> Any:
        if tag in _MAKERS:
            return _MAKERS[tag]([self.decode(element) for element in content[0]])
        if tag == "dict":
            return {self.decode(key): self.decode(element) for key, element in content[0]}
        if tag == "int":
            return int(content[0], 16)
        if tag in ("bytes", "bytearray"):
            return (bytes if tag == "bytes" else bytearray).fromhex(content[0])
        if tag == "same" and not isinstance(content[0], list | dict):
            return content[0]
        if tag in ("complex", "range"):
            return (complex if tag == "complex" else range)(*content)
        return self._decoded_of_library(tag, content)

    def _decoded_of_library(self, tag: str, content: list[Any]) -> Any:
        if tag == "textual" and content[0] in _TEXTUAL:
            module, _, name = content[0].partition(".")
            kind = getattr(__import__(module), name)
            return kind.fromisoformat(content[1]) if module == "datetime" else kind(content[1])
        if tag == "timedelta":
            import datetime

            return datetime.timedelta(*content)
        if tag in ("deque", "Counter", "OrderedDict"):
            import collections

            if tag == "deque":
                return collections.deque([self.decode(element) for element in content[0]], content[1])
            mapping: dict[Any, Any] = collections.Counter() if tag == "Counter" else collections.OrderedDict()
            mapping.update({self.decode(key): self.decode(element) for key, element in content[0]})
            return mapping
        return self.resolve(tag, content)


def iterated(value: Any) -> list[Any]:
    """The values of an iterator that is sent as a whole.

    Raises:
        TypeError: it has no end within reason.
    """
    kept = []
    for element in value:
        kept.append(element)
        if len(kept) > _MAX_ITERATED:
            raise TypeError(f"an iterator of more than {_MAX_ITERATED:,} values")
    return kept


def builtin_name(value: Any) -> str:
    """The name of one of Python's own classes, which both sides have; empty for anything else."""
    name = value.__name__ if isinstance(value, type) else ""
    return name if name and vars(builtins).get(name) is value else ""
