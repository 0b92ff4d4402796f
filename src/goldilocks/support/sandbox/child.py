"""The launcher: starts a program and the tests that judge it, each in a sandbox of its own, connected by a socket.

It is given a JSON of settings and the numbers of open files. On ``verdict`` it tells how the two processes ended. The
tests' process has a pipe of its own for the verdict, which the program's process never holds.

With ``namespaces`` each of the two lives in a file system of its own, made of the system's libraries and Python (read
only) and one empty folder, has no network but a loopback that is down, and sees no process but its own. Whatever it
started ends with it. With ``bubblewrap`` that program makes the same. Standard library only.
"""

# ruff: noqa: PTH102, PTH103, PTH112, PTH114, PTH115, PTH120, PTH123, PTH211 - pathlib would double the start
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time

from goldilocks.support.sandbox import memory, seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes longer than most programs run
    from collections.abc import Callable
    from typing import Any

    Settings = dict[str, Any]

NOBODY = 65534
JUDGE = 65533
"""Without namespaces the tests run as another user: the program can neither trace nor end their process."""
HOME = "/home/answer"
SHOWN = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/dev/null", "/dev/zero", "/dev/urandom")
"""What the program sees of the machine, besides Python itself."""

# From linux/sched.h, linux/mount.h and linux/prctl.h; Python 3.11 has no names for them.
_NEW_NS, _NEW_UTS, _NEW_IPC = 0x00020000, 0x04000000, 0x08000000
_NEW_USER, _NEW_PID, _NEW_NET = 0x10000000, 0x20000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE, _MS_NOSUID, _MS_NODEV = 4096, 16384, 1 << 18, 2, 4
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY, _ATTR_NOSUID = -100, 0x8000, 1, 2
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 38, 36
_POLL_SECONDS = 0.003
_GRACE_SECONDS = 0.1
"""A program that is no longer asked ends on its own."""
_UNSAFE = ("nobody", "same user")


def main(settings: Settings, numbers: dict[str, int]) -> None:
    """Run both sides and tell on ``verdict`` how they ended.

    ``settings["sides"]`` holds, for ``program`` and ``judge``, the arguments of Python, the folder and the file
    numbers (``stdin``, and ``keep`` to stay open).
    """
    for number in numbers.values():
        os.set_inheritable(number, False)
    if settings["protection"] in _UNSAFE:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    group = memory.new_group(settings["memory_bytes"], settings["processes"], f"goldilocks-{os.getpid()}")
    try:
        judge = _forked(lambda: _side(settings, "judge", numbers, None))
        program = _forked(lambda: _side(settings, "program", numbers, group))
        for name in ("program_end", "judge_end", "report"):
            os.close(numbers[name])
        ended = _waited(judge, program, settings, group)
        if settings["protection"] in _UNSAFE:
            _end_orphans()
        if group is not None and memory.ran_out(group):
            ended["memory"] = True
    finally:
        if group is not None:
            memory.remove_group(group)
    _report(numbers["verdict"], ended)


def _report(verdict: int, outcome: dict[str, Any]) -> None:
    os.write(verdict, json.dumps(outcome).encode() + b"\n")


def _side(settings: Settings, name: str, numbers: dict[str, int], group: str | None) -> None:
    """A fresh process that becomes, or starts and waits for, one of the two sides."""
    side = settings["sides"][name]
    try:
        if settings["protection"] not in _UNSAFE:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if group is not None:
            memory.join(group)
        os.dup2(numbers[side["stdin"]], 0)
        for kept in side["keep"]:
            os.set_inheritable(numbers[kept], True)
        for other in numbers.keys() - {*side["keep"], "verdict"}:
            os.close(numbers[other])  # a socket closes when its last holder closes it
        if settings["protection"] != "namespaces":
            _become(settings, side)
        _leave(settings, side["folder"])
        first = _forked(lambda: _first_process(lambda: _become(settings, side)))
        os._exit(_code(os.waitpid(first, 0)[1]))
    except OSError as error:
        _report(numbers["verdict"], {"broken": f"{error.strerror} ({error.filename or name})"})
        os._exit(121)


def _become(settings: Settings, side: dict[str, Any]) -> None:
    """Take on the limits, give up every right, and start Python."""
    protection = settings["protection"]
    apart = protection == "namespaces"
    folder = HOME if protection not in _UNSAFE else side["folder"]
    environment = {"HOME": folder, "TMPDIR": folder, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    command = [settings["python"], *side["arguments"]]
    if protection == "bubblewrap":
        command = _bubblewrap(settings, environment, command)
    else:
        os.chdir(folder)
    if protection in ("namespaces", "nobody") and os.geteuid() == 0:
        os.setgroups([])
        user = JUDGE if side["judges"] and not apart else NOBODY
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if apart:
        with contextlib.suppress(OSError):
            _unshare(_NEW_USER)  # processes are then counted for this run alone; its rights end with execve
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for kind, limit in settings["limits"].items():
        number = getattr(resource, kind)
        hard = resource.getrlimit(number)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(number, (limit, limit))
    if protection != "bubblewrap":
        with contextlib.suppress(OSError):  # a kernel without filters
            seccomp.load()
    os.execve(command[0], command, environment)


def _bubblewrap(settings: Settings, environment: dict[str, str], command: list[str]) -> list[str]:
    """The call of ``bwrap`` that makes what ``_leave`` makes."""
    arguments = [settings["bwrap"], "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
    arguments += ["--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL", "--clearenv"]
    for path in dict.fromkeys((*SHOWN, *settings["shown"])):
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.lexists(path):
            arguments += ["--dev-bind" if path.startswith("/dev/") else "--ro-bind", path, path]
    arguments += ["--size", str(settings["folder_bytes"]), "--tmpfs", HOME, "--remount-ro", "/", "--chdir", HOME]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    number = os.memfd_create("filter", 0)
    with contextlib.suppress(OSError):
        if seccomp.write_filter(number):
            os.lseek(number, 0, os.SEEK_SET)
            os.set_inheritable(number, True)
            arguments += ["--seccomp", str(number)]
    return [*arguments, "--", *command]


def _forked(child: Callable[[], None]) -> int:
    number = os.fork()
    if number:
        return number
    try:
        child()
    except BaseException as error:  # noqa: BLE001 - a forked process must not return into its parent's code
        os.write(2, f"sandbox: {error}\n".encode())
    os._exit(120)


def _first_process(program: Callable[[], None]) -> None:
    """Process 1 of the namespace: when it ends, the kernel ends all others."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    number = _forked(program)
    while True:
        ended, status = os.wait()
        if ended == number:
            os._exit(_code(status))


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _waited(judge: int, program: int, settings: Settings, group: str | None) -> dict[str, Any]:
    """How both ended: exit codes, ``time`` where the clock came first, ``memory`` where the total was passed."""
    ended: dict[str, Any] = {}
    now = time.monotonic()
    until, next_check = now + settings["wall_seconds"], now + memory.EVERY_SECONDS
    waiting = {"judge": judge, "program": program}
    while waiting:
        for name, number in list(waiting.items()):
            process, status = os.waitpid(number, os.WNOHANG)
            if process:
                ended[name] = _code(status)
                del waiting[name]
                if name == "judge":
                    until = time.monotonic() + _GRACE_SECONDS
        now = time.monotonic()
        if "program" in waiting and group is None and now >= next_check:
            next_check = now + memory.EVERY_SECONDS
            if memory.held_bytes(program) > settings["memory_bytes"]:
                ended["memory"] = True
                until = now
        if now >= until and waiting:
            if "judge" in waiting:
                ended.setdefault("memory", False)
                ended["time"] = not ended["memory"]
            for number in waiting.values():
                os.kill(number, signal.SIGKILL)
                os.waitpid(number, 0)
            return ended
        time.sleep(_POLL_SECONDS)
    return ended


def _end_orphans() -> None:
    """End what the program left running; with namespaces the kernel does."""
    for _ in range(1000):  # each round ends one generation of processes that were handed to this one
        children = memory.children_by_parent(os.getpid())
        if not children:
            return
        for number in children:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
                os.waitpid(number, 0)


# --------------------------------------------------------------------------------------------------------- namespaces


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, operation: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), operation)


def _unshare(flags: int) -> None:
    _checked(_libc().unshare(flags), "unshare")


def _prctl(option: int, value: int) -> None:
    _checked(_libc().prctl(option, value, 0, 0, 0), "prctl")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if text is None else text.encode() for text in (source, target, kind, data)]
    _checked(_libc().mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]), f"mount {target}")


def _leave(settings: Settings, root: str) -> None:
    """Leave the machine's users, mounts, network and processes behind."""
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        _unshare(_NEW_USER)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{NOBODY} {user} 1")
        _write("/proc/self/gid_map", f"{NOBODY} {group} 1")
    _unshare(_NEW_NS | _NEW_NET | _NEW_PID | _NEW_IPC | _NEW_UTS)
    with contextlib.suppress(OSError):
        _write("/proc/sys/kernel/shmmni", "0")  # no shared segments: they would outlive what memory is counted by
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    for path in dict.fromkeys((*SHOWN, *settings["shown"])):
        _show(path, root)
    os.makedirs(root + HOME)
    _read_only(root)
    room = f"size={settings['folder_bytes']},nr_inodes=2000,mode=777"
    _mount("tmpfs", root + HOME, "tmpfs", _MS_NOSUID | _MS_NODEV, room)
    os.chdir(root)
    _checked(_libc().syscall(_SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    _checked(_libc().umount2(b".", _MNT_DETACH), "umount2")
    os.chdir("/")


def _show(path: str, root: str) -> None:
    """Let ``path`` appear under the new root."""
    target = root + path
    if os.path.lexists(target) or not os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
    elif os.path.isdir(path):
        os.mkdir(target, 0o755)
        _mount(path, target, None, _MS_BIND | _MS_REC)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        _mount(path, target, None, _MS_BIND)


def _read_only(root: str) -> None:
    attributes = (ctypes.c_uint64 * 4)(_ATTR_RDONLY | _ATTR_NOSUID, 0, 0, 0)
    number = ctypes.c_long(_SYS_MOUNT_SETATTR)
    result = _libc().syscall(number, _AT_FDCWD, root.encode(), _AT_RECURSIVE, ctypes.byref(attributes), 32)
    _checked(result, "mount_setattr")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
