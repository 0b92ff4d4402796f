"""The process of a program: run it, then do what the process of its tests asks for, with plain values.

The tests and what they expect are never here. Standard library only: the source of this file is run inside the sandbox.
"""

from __future__ import annotations

import builtins
import io
import operator
import os
import sys

from goldilocks.support.sandbox.wire import Channel, Codec, WireError, builtin_name

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes longer than most programs run
    from typing import Any

_TOO_LARGE = 27  # errno.EFBIG
_OPERATIONS: dict[str, Any] = {
    name: getattr(operator, name)
    for name in (
        *("eq", "lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_"),
        *("xor", "lshift", "rshift", "matmul", "neg", "pos", "invert", "abs", "getitem", "setitem", "delitem", "index"),
    )
} | {
    name: getattr(builtins, name)
    for name in ("len", "bool", "str", "repr", "iter", "next", "int", "float", "getattr", "setattr", "isinstance")
}


class _Printed(io.StringIO):
    """Standard output: sent along with each answer."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.left = limit

    def write(self, text: str) -> int:
        self.left -= len(text)
        if self.left < 0:
            raise OSError(_TOO_LARGE, "File too large")
        return super().write(text)

    def taken(self) -> str:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


class Server(Codec):
    """Holds the program's names and objects, and answers requests about them."""

    def __init__(self, channel: Channel, printed: _Printed, guard_folder: str) -> None:
        """Nothing is run before ``load``."""
        self.channel, self.printed, self.guard_folder = channel, printed, guard_folder
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        self.shared: tuple[str, ...] = ()
        self.objects: list[Any] = []
        self.handles: dict[int, int] = {}

    def load(self, source: bytes) -> dict[str, Any]:
        """Run the program itself."""
        try:
            code = compile(source, "<answer>", "exec", dont_inherit=True)
            if self.guard_folder:
                _guard(os.path.realpath(self.guard_folder))
            exec(code, self.names)
        except BaseException as error:  # noqa: BLE001 - whatever it raises is its answer
            return self._failed(error)
        return {"value": None}

    def export(self, value: Any) -> list[Any]:
        """See ``Codec.export``: an instance of a class that the tests know, a plain base value, or a handle."""
        kind: Any = type(value)
        called = str(kind.__name__)
        if called in self.shared and self.names.get(called) is kind and hasattr(value, "__dict__"):
            items = [self.encode(element) for element in value] if isinstance(value, tuple) else None
            return ["instance", called, self.encode(dict(vars(value))), items]
        if name := builtin_name(value):
            return ["type", name]
        plain = self.base_value(value)
        if plain is not None:
            return plain if isinstance(plain, list) else ["same", plain]
        if id(value) not in self.handles:
            self.handles[id(value)] = len(self.objects)
            self.objects.append(value)
        return ["object", self.handles[id(value)], kind.__name__, callable(value)]

    def resolve(self, tag: str, content: list[Any]) -> Any:
        """See ``Codec.resolve``."""
        if tag == "back":
            return self.objects[content[0]]
        if tag == "type":
            return getattr(builtins, content[0])
        if tag == "iterator":
            return iter([self.decode(element) for element in content[0]])
        if tag == "callback":
            return self._callback(content[0])
        if tag == "instance":
            kind = self.names[content[0]]
            items = [] if content[2] is None else [[self.decode(element) for element in content[2]]]
            instance = kind.__new__(kind) if not items else tuple.__new__(kind, items[0])
            vars(instance).update(self.decode(content[1]))
            return instance
        return super().resolve(tag, content)

    def _callback(self, number: int) -> Any:
        """A function of the tests: called over there."""

        def call(*args: Any, **options: Any) -> Any:
            request = {"callback": number, "args": self.encode(list(args)), "options": self.encode(options)}
            self._answer(request)
            reply = self.channel.receive()
            while "error" not in reply and "returned" not in reply:
                self._answer(self.handled(reply))
                reply = self.channel.receive()
            if "error" in reply:
                raise getattr(builtins, reply["error"])(reply["message"])
            return self.decode(reply["returned"])

        return call

    def handled(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked."""
        try:
            if "name" in request:
                return {"value": self.encode(self._named(request["name"]))}
            if "shared" in request:
                self.shared = tuple(request["shared"])
                return {"value": None}
            args, options = self.decode(request["args"]), self.decode(request["options"])
            call = _OPERATIONS.get(request.get("operation", "")) or self.objects[request["on"]]
            value = call(*args, **options)
            if request.get("operation") == "iter":
                return {"value": ["object", *self._kept(value)]}
            reply = {"value": self.encode(value)}
            if value is None:  # what changes its arguments in place returns None, as list.sort does
                reply["args"] = self.encode(args)
        except BaseException as error:  # noqa: BLE001
            return self._failed(error)
        return reply

    def _kept(self, value: Any) -> list[Any]:
        self.objects.append(value)
        return [len(self.objects) - 1, type(value).__name__, False]

    def _named(self, name: str) -> Any:
        if name not in self.names:
            raise NameError(f"name {name!r} is not defined")
        return self.names[name]

    def _failed(self, error: BaseException) -> dict[str, Any]:
        """An error by the nearest class that the other side has too."""
        kind = next(base for base in type(error).__mro__ if getattr(builtins, base.__name__, None) is base)
        try:
            text = str(error)[:300]
        except BaseException:  # noqa: BLE001
            text = ""
        return {"error": kind.__name__, "class": type(error).__name__[:100], "message": text}

    def _answer(self, reply: dict[str, Any]) -> None:
        self.channel.send(reply | {"printed": self.printed.taken()})

    def serve(self, source: bytes) -> None:
        """Run the program, then answer until the connection closes."""
        self._answer(self.load(source))
        while True:
            request = self.channel.receive()
            self._answer(self.handled(request))


def _guard(folder: str) -> None:
    """Refuse network, processes and other folders inside Python; for machines without namespaces."""
    refused = (
        *("socket.", "os.fork", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.", "pty.", "ctypes."),
        *("os.kill", "signal.", "os.startfile", "syslog.", "os.putenv", "sys.addaudithook", "os.pidfd"),
    )
    changing = (
        *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink"),
        *("os.truncate", "os.utime", "shutil.", "os.setxattr", "os.removexattr", "tempfile."),
    )
    realpath, fspath, path_like, null = os.path.realpath, os.fspath, os.PathLike, os.devnull
    write = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def real(path: Any) -> str:
        path = fspath(path)
        return realpath(path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path)

    def outside(path: Any) -> bool:
        if not isinstance(path, (str, bytes, path_like)):
            return False
        place = real(path)
        return place != folder and not place.startswith(folder + "/") and place != null

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event.startswith(refused):
            raise PermissionError("the sandbox refuses " + event)
        if event == "open":
            if isinstance(args[2], int) and args[2] & write and outside(args[0]):
                raise PermissionError("the sandbox refuses to write outside its folder")
            if isinstance(args[0], (str, bytes, path_like)) and real(args[0]).startswith("/proc"):
                raise PermissionError("the sandbox refuses to read of other processes")
        if event.startswith(changing) and any(map(outside, args)):
            raise PermissionError("the sandbox refuses to change files outside its folder")

    sys.addaudithook(hook)


def main(number: int, guard_folder: str, most_printed: int, processes: int) -> None:
    """Read the program from standard input and serve it on the socket ``number``.

    Args:
        number: The file descriptor of the socket.
        guard_folder: The only folder it may write to; empty where the kernel sees to that.
        most_printed: Characters it may print.
        processes: How many it may start; 0: limited already.
    """
    if processes:
        import resource

        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    source = sys.stdin.buffer.read()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    printed = _Printed(most_printed)
    sys.stdout = printed
    server = Server(Channel(number), printed, guard_folder)
    try:
        server.serve(source)
    except WireError:
        os._exit(0)
    except BaseException:  # noqa: BLE001 - a program may break anything here: the tests then see that it has ended
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
