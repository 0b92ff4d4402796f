"""The process of the tests: it runs them, and calls the program, which is in another process, by name.

A name of the program is a ``Remote``: a call sends its arguments and gets back plain values of exactly Python's own
classes, so that the tests compare here and the program never learns what they expect. An object that is not plain stays
over there and is used through its handle. Two of them may be compared or added by the program (it made both). An
operator between such an object and a value of the tests is refused, because the program would then judge itself.

Standard library only: the source of this file is run inside the sandbox.
"""

from __future__ import annotations

import builtins
import json
import os
import sys

from goldilocks.support.sandbox.wire import Channel, Codec, WireError, builtin_name, iterated

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes longer than most programs run
    from collections.abc import Iterator
    from typing import Any, NoReturn

_REFLECTED = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
    "matmul",
)


class Ended(BaseException):
    """The program can no longer be asked; no ``except Exception`` of a test hides that."""


class Connection(Codec):
    """Asks the program."""

    def __init__(self, channel: Channel, shared: dict[str, type]) -> None:
        """``shared``: classes that the tests define before the program begins, so that both sides have them."""
        self.channel, self.shared = channel, shared
        self.callbacks: list[Any] = []
        self.broken = ""

    def begin(self) -> None:
        """Wait until the program has run; its error is raised here.

        Raises:
            Ended: it ended on its own.
        """
        self._value(self._received(), [])

    def call(self, on: int, args: list[Any], options: dict[str, Any]) -> Any:
        """Call an object of the program."""
        return self.request({"on": on, **self._arguments(args, options)}, args)

    def operation(self, name: str, *args: Any) -> Any:
        """Have the program do with its objects what no copy can."""
        return self.request({"operation": name, **self._arguments(list(args), {})}, [])

    def request(self, message: dict[str, Any], args: list[Any]) -> Any:
        """Ask, serve the functions that were handed over, and return the answer.

        Raises:
            Ended: the program has ended, or sent what is not an answer.
        """
        try:
            self.channel.send(message)
        except WireError as error:
            self._break(str(error))
        return self._value(self._received(), args)

    def _arguments(self, args: list[Any], options: dict[str, Any]) -> dict[str, Any]:
        return {"args": self.encode(args), "options": self.encode(options)}

    def _received(self) -> dict[str, Any]:
        if self.broken:
            raise Ended(self.broken)
        while True:
            try:
                reply = self.channel.receive()
            except WireError as error:
                self._break(str(error))
            if isinstance(printed := reply.get("printed"), str):
                sys.stdout.write(printed)
            if "callback" not in reply:
                return reply
            self._serve(reply)

    def _serve(self, reply: dict[str, Any]) -> None:
        """The program calls a function of the tests."""
        try:
            function = self.callbacks[int(reply["callback"])]
            args, options = self.decode(reply["args"]), self.decode(reply["options"])
        except (WireError, LookupError, ValueError, TypeError) as error:
            self._break(f"a call that is none ({error})")
        try:
            answer: dict[str, Any] = {"returned": self.encode(function(*args, **options))}
        except Exception as error:  # noqa: BLE001 - reported to the program
            kind = next(base for base in type(error).__mro__ if getattr(builtins, base.__name__, None) is base)
            answer = {"error": kind.__name__, "message": str(error)[:300]}
        try:
            self.channel.send(answer)
        except WireError as error:
            self._break(str(error))

    def _value(self, reply: dict[str, Any], args: list[Any]) -> Any:
        if "error" in reply:
            self._raise(reply)
        try:
            value = self.decode(reply["value"])
            if value is None and args and "args" in reply:
                _update(args, self.decode(reply["args"]))
        except (WireError, LookupError, RecursionError) as error:
            self._break(f"an answer that is none ({error})")
        return value

    def _raise(self, reply: dict[str, Any]) -> NoReturn:
        kind = getattr(builtins, str(reply["error"]), None)
        message = str(reply.get("message", ""))
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            self._break("an error that is none")
        if not issubclass(kind, Exception):  # exit and the like end the program, not the tests
            self._break(f"{kind.__name__}: {message}".rstrip(": "))
        try:
            error = kind(message)
        except TypeError:  # UnicodeDecodeError and its kin want more than a message
            error = ValueError(message)
        raise error

    def _break(self, reason: str) -> NoReturn:
        self.broken = self.broken or reason
        raise Ended(self.broken)

    def export(self, value: Any) -> list[Any]:
        """See ``Codec.export``: a handle back, a class both know, a function to call back, an iterator as a whole."""
        if type(value) is Remote:
            return ["back", value._handle]
        if name := builtin_name(value):
            return ["type", name]
        kind: Any = type(value)
        called = str(kind.__name__)
        if self.shared.get(called) is kind and hasattr(value, "__dict__"):
            items = [self.encode(element) for element in value] if isinstance(value, tuple) else None
            return ["instance", called, self.encode(dict(vars(value))), items]
        if callable(value):
            self.callbacks.append(value)
            return ["callback", len(self.callbacks) - 1]
        if hasattr(value, "__next__"):
            return ["iterator", [self.encode(element) for element in iterated(value)]]
        plain = self.base_value(value)
        if plain is None:
            raise TypeError(f"the tests hand over a {kind.__name__}; only plain values reach the program")
        return plain if isinstance(plain, list) else ["same", plain]

    def resolve(self, tag: str, content: list[Any]) -> Any:
        """See ``Codec.resolve``."""
        if tag == "object":
            return Remote(self, int(content[0]), str(content[1]))
        if tag == "type":
            kind = getattr(builtins, content[0])
            if isinstance(kind, type):
                return kind
        if tag == "instance" and content[0] in self.shared:
            shared: Any = self.shared[content[0]]
            items = None if content[2] is None else [self.decode(element) for element in content[2]]
            instance = shared.__new__(shared) if items is None else tuple.__new__(shared, items)
            vars(instance).update({str(name): value for name, value in self.decode(content[1]).items()})
            return instance
        return super().resolve(tag, content)


def _update(old: Any, new: Any) -> None:
    """Let the tests' own containers hold what the program's copies hold now."""
    if type(old) is not type(new):
        return
    if isinstance(old, list):
        for mine, other in zip(old, new, strict=False):
            _update(mine, other)
        if len(old) != len(new) or any(not _kept(mine, other) for mine, other in zip(old, new, strict=True)):
            old[:] = new
    elif isinstance(old, dict | set):
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray):
        old[:] = new


def _kept(mine: Any, other: Any) -> bool:
    """Whether an element is the same still: a container (brought up to date in place) or an equal value."""
    return type(mine) is type(other) and (isinstance(mine, list | dict | set | bytearray) or bool(mine == other))


class Remote:
    """An object of the program, by its handle."""

    __slots__ = ("_connection", "_handle", "_kind")
    _connection: Connection
    _handle: int
    _kind: str

    def __init__(self, connection: Connection, handle: int, kind: str) -> None:
        for name, value in (("_connection", connection), ("_handle", handle), ("_kind", kind)):
            object.__setattr__(self, name, value)

    def _ask(self, operation: str, *args: Any) -> Any:
        return self._connection.operation(operation, self, *args)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call it over there."""
        return self._connection.call(self._handle, list(args), options)

    def __getattr__(self, name: str) -> Any:
        return self._ask("getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("setattr", name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        self._ask("delitem", key)

    def __iter__(self) -> Iterator[Any]:
        iterator = self._ask("iter")
        while True:
            try:
                value = iterator._ask("next")
            except StopIteration:
                return
            yield value

    def __next__(self) -> Any:
        """Its next value."""
        return self._ask("next")

    def __contains__(self, value: Any) -> bool:
        return any(element is value or element == value for element in self)  # compared here, not over there

    def __bool__(self) -> bool:
        return self._ask("bool") is True

    def __str__(self) -> str:
        return str(self._ask("str"))

    def __repr__(self) -> str:
        return str(self._ask("repr"))

    def __len__(self) -> int:
        return int(self._ask("len"))

    def __int__(self) -> int:
        return int(self._ask("int"))

    def __float__(self) -> float:
        return float(self._ask("float"))

    def __index__(self) -> int:
        return int(self._ask("index"))

    def __instancecheck__(self, value: Any) -> bool:
        return type(value) is Remote and self._connection.operation("isinstance", value, self) is True

    def __hash__(self) -> int:
        return hash(self._handle)

    def __eq__(self, other: object) -> bool:
        if type(other) is not Remote:
            return False
        return self._handle == other._handle or self._ask("eq", other) is True

    def _both(self, operation: str, other: Any) -> Any:
        if type(other) is not Remote:
            raise TypeError(
                f"{operation} of the program's {self._kind} and a {type(other).__name__} of the tests: "
                "the program would judge itself"
            )
        return self._ask(operation, other)


def _operator(name: str, *, swapped: bool = False) -> Any:
    def both(self: Remote, other: Any) -> Any:
        return self._both(name, other)

    def reflected(self: Remote, other: Any) -> Any:
        return self._both(name, other) if type(other) is not Remote else other._both(name, self)

    return reflected if swapped else both


for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _operator(_name))
for _name in _REFLECTED:
    _asked = f"{_name}_" if _name in ("and", "or") else _name
    setattr(Remote, f"__{_name}__", _operator(_asked))
    setattr(Remote, f"__r{_name}__", _operator(_asked, swapped=True))
for _name in ("neg", "pos", "invert", "abs"):
    setattr(Remote, f"__{_name}__", lambda self, _asked=_name: self._ask(_asked))


class Names(dict):  # type: ignore[type-arg]  # dict[str, Any]: typing is not imported
    """Globals of the tests: a name that is theirs, else one of the program, else Python's own."""

    def __init__(self, connection: Connection, subjects: list[str] | None) -> None:
        """``subjects``: names that the program may answer for; ``None``: every name that is not Python's."""
        super().__init__({"__name__": "tests", "__builtins__": builtins})
        self.connection = connection
        self.subjects = None if subjects is None else frozenset(subjects)

    def __missing__(self, name: str) -> Any:
        is_subject = not hasattr(builtins, name) if self.subjects is None else name in self.subjects
        if not is_subject:
            raise KeyError(name)
        return self.connection.request({"name": name}, [])


def judged(connection: Connection, settings: dict[str, Any]) -> dict[str, Any]:
    """Run the tests: ``{"passed": True}``, or the error that stopped them."""
    names = Names(connection, settings["subjects"])
    try:
        connection.begin()
        _run(settings["context"], names)
        for name, value in list(names.items()):
            if isinstance(value, type) and value.__module__ == "tests" and value.__name__ == name:
                connection.shared[name] = value
        if connection.shared:
            connection.request({"shared": list(connection.shared)}, [])
        _run(settings["tests"], names)
    except BaseException as error:  # noqa: BLE001 - whatever stops the tests is the verdict
        reason = connection.broken or str(error)
        kind = "" if isinstance(error, Ended) else type(error).__name__
        return {"error": kind, "message": reason[:300]}
    if connection.broken:
        return {"error": "", "message": connection.broken}
    return {"passed": True}


def _run(source: str, names: Names) -> None:
    exec(compile(source, "<tests>", "exec", dont_inherit=True), names)


def main(number: int, report: int) -> None:
    """Read the tests from standard input, run them against the program on the socket ``number``, report."""
    settings = json.loads(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    verdict = judged(Connection(Channel(number), {}), settings)
    try:
        sys.stdout.flush()
    except OSError as error:
        verdict = {"error": "OSError", "message": str(error)}
    os.write(report, json.dumps(verdict).encode())
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
